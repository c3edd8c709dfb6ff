"""Trainings on examples that are read on the way have the numbers of a training in memory."""

import dataclasses
import threading

import jax
import numpy as np
import pytest

from dlcore.data import Examples, Split, normalize, stream
from dlcore.deployment import TrainedModel
from dlcore.layers import Dense, sequential
from dlcore.losses import squared_error
from dlcore.optimizers import SGD, Adam, ClipByGlobalNorm, MultiSteps
from dlcore.training import EarlyStopping, Mixup, Setup, Watch, fit
from tests.training.problems import KEY
from tests.training.streams import (
    DATA,
    LITTLE,
    SETUP,
    TINY,
    X,
    leaves,
    of_arrays,
    of_files,
    of_grain,
    of_pairs,
    of_parts,
    same,
    streamed,
)

BOTH = {"train": of_arrays, "validation": of_arrays}


@pytest.fixture(scope="module")
def whole():
    """In memory, in one go."""
    return fit(SETUP, DATA, KEY)


@pytest.mark.parametrize("kind", [of_arrays, of_pairs, of_grain, of_parts, of_files])
def test_sources_of_all_kinds_give_the_numbers_in_memory(kind, whole):
    same(fit(SETUP, streamed(train=kind, validation=kind), KEY), whole)


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_how_much_is_read_at_once_does_not_matter(memory, whole):
    same(fit(SETUP, streamed(memory=memory), KEY), whole)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        pytest.param({"watch": Watch(training=37, every=2)}, BOTH, id="a sample, every second epoch"),
        pytest.param({"batch_size": 25, "watch": Watch(training=None)}, {}, id="no free places"),
        pytest.param({"batch_size": 150, "optimizer": ClipByGlobalNorm(0.1)}, BOTH, id="one batch"),
        pytest.param({"mix": Mixup(0.3)}, {}, id="mixup", marks=pytest.mark.slow),
        pytest.param({"optimizer": MultiSteps(Adam(1e-2), 4)}, {}, id="accumulated", marks=pytest.mark.slow),
    ],
)
def test_the_numbers_of_any_setup_are_those_in_memory(changes, kinds):
    setup = dataclasses.replace(TINY, **changes)
    same(fit(setup, streamed(**kinds), KEY), fit(setup, DATA, KEY))


@pytest.mark.parametrize("impl", [pytest.param("rbg", marks=pytest.mark.slow), "legacy"])
def test_keys_of_any_kind_draw_the_same_order(impl):
    key = jax.random.PRNGKey(5) if impl == "legacy" else jax.random.key(5, impl=impl)
    same(fit(TINY, streamed(), key), fit(TINY, DATA, key))


@pytest.mark.parametrize("dtype", [pytest.param(np.uint8, marks=pytest.mark.slow), np.float64])
def test_streams_are_normalized_as_they_are_read(dtype, tmp_path):
    """By the statistics and the arithmetic of a training part in memory: far from 0 in float64, bytes as numbers."""
    data = jax.tree.map(lambda a: (a * 20 + 120).astype(dtype) if a.dtype == np.float32 else a, DATA)
    np.save(tmp_path / "x.npy", data.train.x)
    np.save(tmp_path / "y.npy", data.train.y)
    lazy = dataclasses.replace(data, train=stream(tmp_path / "x.npy", tmp_path / "y.npy", memory=LITTLE))
    (lazy, found), (data, by) = normalize(lazy), normalize(data)
    np.testing.assert_array_equal([found.mean, found.std], [by.mean, by.std])
    assert lazy.train.x.dtype == np.float32
    same(fit(TINY, lazy, KEY), fit(TINY, data, KEY))


def test_the_end_of_a_training_is_the_same():
    stopping = dataclasses.replace(TINY, stopping=EarlyStopping(patience=2, min_delta=9.0), epochs=20)
    run = fit(stopping, streamed(), KEY)
    assert (run.ending, len(run.history.running_loss)) == ("stopped early", 3)
    y = X.sum(1, keepdims=True)
    data = Split(Examples(X, y), Examples(X[:5], y[:5]))
    setup = Setup(sequential(Dense(1)), squared_error, SGD(1e3), epochs=30, batch_size=25)
    run, alone = fit(setup, streamed(data), KEY), fit(setup, data, KEY)
    assert run.ending == alone.ending == "diverged"
    assert int(run.state.first_nonfinite) == int(alone.state.first_nonfinite)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_devices_share_the_mini_batches(count):
    run = fit(TINY, streamed(**BOTH), KEY, devices=jax.devices()[:count])
    a, b = leaves(run), leaves(fit(TINY, DATA, KEY))
    assert {len(leaf.devices()) for leaf in jax.tree.leaves(run.state)} == {1}
    for name in a:
        np.testing.assert_allclose(a[name], b[name], 1e-4, 1e-5, err_msg=name)


def test_a_model_of_a_stream_is_used_as_any_other():
    (lazy, _), (data, _) = normalize(streamed(memory=1 << 20)), normalize(DATA)
    setup = dataclasses.replace(TINY, epochs=1)
    model, other = (TrainedModel.of(fit(setup, split, KEY), split) for split in (lazy, data))
    np.testing.assert_array_equal(model.usual, other.usual)
    np.testing.assert_array_equal(model.outputs(DATA.validation.x), other.outputs(DATA.validation.x))


def test_threads_end_with_the_training():
    fit(SETUP, streamed(), KEY)
    for thread in threading.enumerate():
        if thread.name.startswith("grain"):
            thread.join(10)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("grain")]

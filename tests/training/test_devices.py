"""Trainings whose mini-batches are shared by several devices: the numbers of one, each device its share of the work."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.activations import relu
from dlcore.data import Examples, Split
from dlcore.deployment import TrainedModel, load_model, save_model
from dlcore.layers import BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, augment, mlp, random_flip, sequential
from dlcore.losses import softmax_cross_entropy
from dlcore.optimizers import EMA, Adam, MultiSteps
from dlcore.regularizers import L2
from dlcore.solvers import LBFGS
from dlcore.training import EarlyStopping, Mixup, Setup, Watch, as_arrays, batch_mesh, checkpoints, evaluate, fit, train
from tests.processes import run_two
from tests.training.problems import KEY
from tests.training.two_processes import problem

IMAGES = np.random.default_rng(0).normal(size=(61, 8, 8, 1))
LABELS = (IMAGES[:, :4].sum((1, 2, 3)) > 0).astype(np.int32) + (IMAGES[:, 4:].sum((1, 2, 3)) > 0)
DATA = Split(Examples(IMAGES[:43], LABELS[:43]), Examples(IMAGES[43:], LABELS[43:]))
ROWS = Split(*(Examples(part.x.reshape(-1, 64), part.y) for part in (DATA.train, DATA.validation)))
SETUP = Setup(
    mlp((16, 3), dropout=0.3),
    softmax_cross_entropy,
    EMA(Adam(1e-2)),
    penalty=L2(1e-3),
    stopping=EarlyStopping(),
    epochs=4,
    batch_size=16,
    watch=Watch(chunk=7),
)


def mirrored(key, x):
    return augment(key, x, random_flip)


# no bias before batch norm: its gradient is rounding alone, which Adam divides by its own size
CONVOLUTIONAL = sequential(Conv(4, use_bias=False), BatchNorm(), relu, MaxPool(), Flatten(), Dropout(0.3), Dense(3))
FULL = dataclasses.replace(SETUP, optimizer=LBFGS(), model=mlp((3,)), batch_size=None)


def leaves(run):
    return jax.tree.leaves((run.params, run.history, jax.random.key_data(run.state.key), run.state[1:]))


def close(run, alone):
    for a, b in zip(leaves(run), leaves(alone), strict=True):
        np.testing.assert_allclose(a, b, 1e-10, 1e-10)


@pytest.mark.parametrize(
    ("changes", "data", "count"),
    [
        pytest.param({}, ROWS, 8, id="masked last batch"),
        pytest.param({"batch_size": 15, "optimizer": MultiSteps(Adam(1e-2), 2)}, ROWS, 4, id="uneven"),
        pytest.param({"batch_size": 3, "optimizer": Adam(1e-2), "watch": Watch()}, ROWS, 8, id="less than devices"),
        pytest.param({"model": CONVOLUTIONAL, "augment": mirrored}, DATA, 8, id="images", marks=pytest.mark.slow),
        pytest.param({"mix": Mixup(0.3)}, ROWS, 8, id="mixup", marks=pytest.mark.slow),
        pytest.param(FULL.__dict__, ROWS, 8, id="solver", marks=pytest.mark.slow),
    ],
)
def test_the_numbers_are_those_of_one_device(changes, data, count):
    setup = dataclasses.replace(SETUP, **changes)
    close(fit(setup, data, KEY, devices=jax.devices()[:count]), fit(setup, data, KEY))


def compiled(size, count):
    model = sequential(Dense(40, use_bias=False), BatchNorm(), relu, Dropout(0.5), Dense(3))
    setup = as_arrays(dataclasses.replace(SETUP, model=model, batch_size=size, epochs=2, watch=Watch()))
    with jax.set_mesh(batch_mesh(jax.devices()[:count])):
        return jax.jit(train).lower(setup, ROWS, KEY).compile()


@pytest.mark.parametrize("size", [16, 15])
def test_a_device_computes_only_its_share(size):
    """Read in the compiled program: products of a device have two of a batch's rows, and no example is sent around."""
    text = compiled(size, 8).as_text()
    rows = {int(n) for n in re.findall(r"= f64\[(\d+),40\]\S* dot\(", text)}
    assert {2} <= rows <= {2, -(-43 // 8), -(-18 // 8)}
    assert "all-reduce" in text
    assert "all-gather" not in text
    assert not re.search(r"f64\[\d+,64\]\S* (all-|collective)", text)
    alone = {int(n) for n in re.findall(r"= f64\[(\d+),40\]\S* dot\(", compiled(size, 1).as_text())}
    assert {size} <= alone


def test_one_device_has_the_program_that_it_had():
    """Without a mesh nothing of it is in the program, under one it is; the pure functions are spread as ``fit`` is."""
    trained = jax.jit(lambda *given: train(*given))
    arguments = as_arrays(SETUP), ROWS, KEY
    assert "sharding_constraint" not in str(jax.make_jaxpr(train)(*arguments))
    alone = trained(*arguments)
    with jax.set_mesh(batch_mesh()):
        spread = trained(*arguments)
        loss, _ = jax.jit(evaluate)(SETUP, spread.params, spread.model_state, ROWS.validation)
    assert len(spread.state.epoch.devices()) == 8
    close(spread, alone)
    np.testing.assert_allclose(loss, alone.history.validation_loss[int(alone.state.best.epoch)], 1e-10)


def test_a_run_of_eight_devices_goes_on_with_one_and_is_used_as_any_other(tmp_path):
    half = fit(dataclasses.replace(SETUP, epochs=2), ROWS, KEY, devices="all")
    assert {len(a.devices()) for a in jax.tree.leaves((half.params, half.state))} == {1}
    checkpoints.save(tmp_path / "half", half)
    there = checkpoints.restore(tmp_path / "half", SETUP, ROWS, KEY)
    run, alone = fit(SETUP, ROWS, KEY, resume=there), fit(SETUP, ROWS, KEY)
    close(run, alone)
    close(fit(SETUP, ROWS, KEY, resume=there, devices="all"), alone)
    np.testing.assert_allclose(run.predict(ROWS.validation.x), alone.predict(ROWS.validation.x), 1e-9)
    assert run.evaluate(ROWS.validation)["loss"] == pytest.approx(alone.evaluate(ROWS.validation)["loss"], rel=1e-9)
    model = TrainedModel.of(fit(SETUP, ROWS, KEY, devices="all"), ROWS)
    save_model(tmp_path / "model", model)
    outputs = load_model(tmp_path / "model").outputs(ROWS.validation.x)
    np.testing.assert_array_equal(outputs, model.outputs(ROWS.validation.x))


def test_the_end_of_a_training_is_the_same():
    """Early stopping, and what is watched on the way."""
    setup = dataclasses.replace(SETUP, stopping=EarlyStopping(patience=2, min_delta=1.0), epochs=20)
    seen = []
    run = fit(setup, ROWS, KEY, devices="all", watch=lambda now: seen.append((now.epoch, now.state.epoch.devices())))
    assert (run.ending, len(run.history.running_loss)) == ("stopped early", 3)
    assert [epoch for epoch, _ in seen][-1] == 3
    assert {len(devices) for _, devices in seen} == {1}


@pytest.mark.parametrize("devices", ["gpu", [], 4, [0, 1], jax.devices()[:1] * 2])
def test_wrong_devices_are_named(devices):
    with pytest.raises(ValueError, match=r"devices: needed 'all', or devices of JAX, each once, got .* try devices"):
        fit(SETUP, ROWS, KEY, devices=devices)


@pytest.mark.slow
def test_two_processes_train_as_one_device(tmp_path):
    """Each has two devices; a checkpoint of both is gone on with. Skipped where CPUs cannot speak to each other."""
    run_two("tests.training.two_processes", tmp_path)
    setup, data, key = problem()
    run = fit(setup, data, key)
    alone = jax.tree.leaves((run.params, run.predict(data.validation.x), run.history))
    for rank in "01":
        with np.load(tmp_path / f"{rank}.npz") as found:
            for a, b in zip(found.values(), alone, strict=True):
                np.testing.assert_allclose(a, jnp.asarray(b), 1e-10, 1e-10)

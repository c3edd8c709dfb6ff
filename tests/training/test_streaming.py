"""Trainings on examples that are read on the way: the numbers of a training in memory, and little of it in memory."""

import dataclasses
import pathlib
import signal
import subprocess
import sys
import threading

import grain
import jax
import numpy as np
import pytest

from dlcore.activations import relu
from dlcore.data import Examples, Split, normalize, prepare, stream
from dlcore.layers import BatchNorm, Dense, Dropout, mlp, sequential
from dlcore.losses import sigmoid_binary_cross_entropy, squared_error
from dlcore.optimizers import EMA, SGD, Adam, ClipByGlobalNorm, MultiSteps
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.solvers import LBFGS
from dlcore.training import F1, EarlyStopping, Mixup, Setup, Watch, checkpoints, fit, streaming, train
from dlcore.tree.names import leaf_names
from dlcore.tuning import find_learning_rate, grid, sweep
from tests.problems import blobs, small_setup
from tests.training.problems import KEY

pytestmark = pytest.mark.usefixtures("quick_compilation")

DATA = jax.tree.map(np.asarray, blobs(n=150, validation=40, dtype=np.float32))
X, Y = DATA.train
SETUP = small_setup(
    model=sequential(Dense(8), BatchNorm(), relu, Dropout(0.3), Dense(3)),
    optimizer=EMA(Adam(Exponential(1e-2, 0.9))),
    penalty=L2(1e-3),
    epochs=3,
    watch=Watch(chunk=25, by=F1()),
)
TINY = small_setup(model=sequential(Dropout(0.2), Dense(3)), epochs=3)
LITTLE = 3000  # bytes: pieces of two mini-batches


def streamed(data=DATA, memory=LITTLE, **kinds):
    """``data`` with the parts that are named, or the training part, read by the function given."""
    parts = {name: make(*getattr(data, name), memory) for name, make in (kinds or {"train": of_arrays}).items()}
    return dataclasses.replace(data, **parts)


def of_arrays(x, y, memory):
    return stream(x, y, memory=memory)


def of_pairs(x, y, memory):
    return stream(list(zip(x, y, strict=True)), memory=memory)


def of_grain(x, y, memory):
    numbers = grain.MapDataset.source(range(len(y)))
    return stream(numbers.map(lambda i: (x[i], y[i])), memory=memory)


def of_parts(x, y, memory):
    return stream([x[:60], x[60:61], x[61:]], (y[:100], y[100:]), memory=memory)


class Increasing:
    """Rows as a file of HDF5 gives them: by increasing numbers, each once."""

    def __init__(self, a):
        self.a, self.shape, self.dtype = a, a.shape, a.dtype

    def __getitem__(self, indices):
        assert (np.diff(indices) > 0).all()
        return self.a[indices]


def of_files(x, y, memory):
    return stream(Increasing(x), Increasing(y), memory=memory)


def leaves(run):
    told = (run.params, run.model_state, run.history, run.state[1:])
    return dict(zip(leaf_names(told), jax.tree.leaves(told), strict=True))


def same(run, alone):
    """Bit for bit, but for the mean over the losses of an epoch: a sum that is compiled into another program."""
    a, b = leaves(run), leaves(alone)
    assert a.keys() == b.keys()
    for name in a:
        if name.endswith("running_loss"):
            np.testing.assert_allclose(a[name], b[name], 1e-6)
        else:
            np.testing.assert_array_equal(a[name], b[name], name)


BOTH = {"train": of_arrays, "validation": of_arrays}


@pytest.fixture(scope="module")
def whole(quick_compilation):
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


def interrupted(data, monkeypatch, step=4, epoch=1):
    """A training that Ctrl-C ends at this step, told after every piece, and how far it was each time."""
    monkeypatch.setattr(streaming, "SECONDS", 0.0)
    shares = []

    def watch(now):
        shares.append(now.share)
        if now.epoch == epoch and now.state.midway is not None and int(now.state.midway.step) >= step:
            signal.raise_signal(signal.SIGINT)

    return fit(SETUP, data, KEY, watch=watch), shares


def test_ctrl_c_ends_a_training_midway_in_an_epoch_and_it_goes_on_to_the_same_numbers(whole, monkeypatch, tmp_path):
    part, shares = interrupted(streamed(), monkeypatch)
    assert part.ending == "interrupted"
    assert len(part.history.running_loss) == int(part.state.epoch) == 1
    assert 4 <= int(part.state.midway.step) < 9
    assert shares == sorted(shares)
    assert {0, 0.5} <= {share % 1 for share in np.round(np.array(shares) * 10) / 10}
    other = streamed(memory=700, train=of_pairs)  # pieces of another length, which the step is not an end of
    for data in (streamed(), other, DATA):  # in memory the epoch begins again
        same(fit(SETUP, data, KEY, resume=(part.state, part.history)), whole)
    checkpoints.save(tmp_path / "midway", part)
    found = checkpoints.restore(tmp_path / "midway", SETUP, streamed(), KEY)
    jax.tree.map(np.testing.assert_array_equal, found[0].midway, part.state.midway)
    same(fit(SETUP, streamed(), KEY, resume=found), whole)
    with pytest.raises(ValueError, match=r"resume: midway.losses: needed float32\[5\], got float32\[10\]"):
        fit(dataclasses.replace(SETUP, batch_size=32), streamed(), KEY, resume=found)


KILLED = """
import os, signal, sys
import jax, tests.conftest
from dlcore.training import Run, checkpoints, fit, streaming
from tests.training.test_streaming import KEY, SETUP, streamed
streaming.SECONDS = 0.0
jax.config.update("jax_disable_most_optimizations", True)

def watch(now):
    state = now.state
    if now.epoch == 1 and state.midway is not None and int(state.midway.step) >= 4:
        checkpoints.save(sys.argv[1], Run(SETUP, state.best.params, state.best.model_state, now.whole, state))
        os.kill(os.getpid(), signal.SIGKILL)

fit(SETUP, streamed(), KEY, watch=watch)
"""


def test_a_killed_training_goes_on_midway_in_its_epoch(whole, tmp_path):
    root = pathlib.Path(__file__).parents[2]
    words = [sys.executable, "-c", KILLED, str(tmp_path / "c")]
    killed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    found = checkpoints.restore(tmp_path / "c", SETUP, streamed(), KEY)
    assert (int(found[0].epoch), int(found[0].midway.step)) == (1, 4)
    same(fit(SETUP, streamed(), KEY, resume=found), whole)


class Counting:
    """A set of 8 GB that nobody has, which counts what is read of it."""

    shape, dtype = (20_000, 100_000), np.dtype(np.float32)

    def __init__(self):
        self.read, self.lock = 0, threading.Lock()

    def __getitem__(self, indices):
        with self.lock:
            self.read += len(indices)
        return np.full((len(indices), 100_000), 0.5, np.float32)


def test_no_more_is_in_memory_than_was_said(monkeypatch):
    monkeypatch.setattr(streaming, "SECONDS", 0.0)
    x, most = Counting(), 1 << 25
    y = (np.arange(20_000) % 3).astype(np.int32)
    ahead = []

    def watch(now):
        ahead.append(x.read - 16 * int(now.state.midway.step))
        if int(now.state.midway.step) >= 20:
            raise KeyboardInterrupt

    data = Split(stream(x, y, memory=most), Examples(np.zeros((4, 100_000), np.float32), y[:4]))
    fit(small_setup(model=mlp((3,)), watch=Watch(training=None)), data, KEY, watch=watch)
    assert len(ahead) >= 5
    assert 0 <= max(ahead) <= most // 400_000 + 16


class Failing:
    """Pairs of which one is not as the others, or cannot be read."""

    def __init__(self, number, example):
        self.number, self.example = number, example

    def __len__(self):
        return len(Y)

    def __getitem__(self, i):
        if i != self.number:
            return X[i], Y[i]
        if isinstance(self.example, Exception):
            raise self.example
        return self.example


ALIKE = r"training example 77: needed x float32 \[4\] and y int32 \[\] as example 0 has, got "


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ((X[0, :3], Y[0]), ALIKE + r"x float32 \[3\] and y int32 \[\]"),
        ((X[0].astype(np.float64), Y[0]), ALIKE + r"x float64 \[4\]"),
        ((X[0], 0.5), ALIKE + r"x float32 \[4\] and y float64 \[\]"),
        (IndexError("list index\nout of range"), "training example 77: needed what can be read, got IndexError: list"),
        (None, r"training example 77: needed .*example: needed a pair \(x, y\), got NoneType"),
        ((X[0] * np.nan, Y[0]), "training x: needed finite numbers, got NaN or inf in 1 of .*, the first of number 77"),
        ((X[0], np.int32(3)), "training y: needed labels from 0 to 2, .*, got 3"),
        ((X[0], np.int32(-1)), "training y: needed labels from 0 to 2, .*, got -1"),
    ],
)
def test_an_example_that_cannot_be_used_is_named_when_it_is_read(example, words):
    data = dataclasses.replace(DATA, train=stream(Failing(77, example), memory=LITTLE))
    with pytest.raises(ValueError, match=words) as error:
        fit(TINY, data, KEY)
    assert "\n" not in str(error.value)


def test_labels_beside_one_output_are_checked_once_they_are_beyond_those_before():
    setup = small_setup(model=mlp((1,)), loss=sigmoid_binary_cross_entropy, metrics=())
    y = (Y > 0).astype(np.int32)
    data = Split(Examples(X, y), Examples(X[:5], y[:5]))
    assert fit(setup, streamed(data), KEY).ending == "finished"
    y[100] = 2
    with pytest.raises(ValueError, match=r"training y: needed labels that the loss takes, .* got 2"):
        fit(setup, streamed(data), KEY)


def test_files_that_shrink_or_break_are_named():
    class Shrunk(Increasing):
        def __getitem__(self, indices):
            return super().__getitem__(indices[indices < 120])

    data = dataclasses.replace(DATA, train=stream(Shrunk(X), Y, memory=LITTLE))
    with pytest.raises(ValueError, match=r"training example \d+: needed .*, got x float32 \[4\]|got IndexError"):
        fit(TINY, data, KEY)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: stream(zip(X, Y, strict=True)),
            r"stream: needed arrays .*, or a source with len and \[i\], got zip",
        ),
        (lambda: stream([]), "stream: needed at least one example"),
        (lambda: stream([X[0]]), r"example: needed a pair \(x, y\), got ndarray"),
        (lambda: stream(X, Y[:9]), "stream: needed as many labels as examples and at least one, got 150, 9"),
        (lambda: stream(3, Y), r"stream: x: needed an array \[n, ...\], a path of .npy"),
        (lambda: stream("none.npy", Y), "none.npy: needed a file .npy of numbers, got FileNotFoundError"),
        (lambda: stream([X, X[:, :2]], Y), r"stream: x: needed parts of one shape and dtype, got float32 \[2\], float"),
        (lambda: stream(X, Y, threads=0), "stream: threads: needed an integer of at least 1, got 0"),
        (lambda: stream(X, Y, memory=1e9), "stream: memory: needed an integer of at least 1, got 1000000000.0"),
    ],
)
def test_what_cannot_be_streamed_is_named(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda d: sweep(SETUP, grid({"penalty.strength": [0.1]}), d, KEY), "training data: needed examples in memory"),
        (
            lambda d: find_learning_rate(SETUP, d, KEY),
            "training data: needed .* got Streamed.*try fit",
        ),
        (lambda d: train(SETUP, d, KEY), "training data: needed examples in memory"),
        (lambda d: prepare(d), "prepare: needed a table in memory, got Streamed"),
        (
            lambda d: fit(dataclasses.replace(SETUP, batch_size=None), d, KEY),
            "batch_size: needed mini-batches of Str",
        ),
        (
            lambda d: fit(dataclasses.replace(SETUP, batch_size=None, optimizer=LBFGS()), d, KEY),
            "optimizer: needed a rule that learns from mini-batches, got LBFGS for Streamed",
        ),
        (lambda d: fit(dataclasses.replace(SETUP, batch_size=151), d, KEY), "batch_size: needed 1 to 150"),
        (
            lambda d: fit(SETUP, dataclasses.replace(DATA, validation=d.train), KEY),
            "training data: needed a stream,",
        ),
        (
            lambda d: fit(SETUP, dataclasses.replace(d, train=stream([("a", 1)] * 20)), KEY),
            "training x: needed numbers, got <U1",
        ),
    ],
)
def test_what_needs_all_examples_at_once_says_so(ask, words):
    with pytest.raises((ValueError, TypeError), match=words) as error:
        ask(streamed())
    assert "\n" not in str(error.value)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ModuleNotFoundError, match=r"stream: needed the package grain, .* try pip install '.*\[str"):
        stream(X, Y)


def test_threads_end_with_the_training():
    fit(SETUP, streamed(), KEY)
    for thread in threading.enumerate():
        if thread.name.startswith("grain"):
            thread.join(10)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("grain")]

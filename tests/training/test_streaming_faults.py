"""Trainings on streams that are interrupted, killed, too large for the memory, or of examples that cannot be used."""

import dataclasses
import pathlib
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from dlcore.data import Examples, Split, stream
from dlcore.layers import mlp
from dlcore.losses import sigmoid_binary_cross_entropy
from dlcore.solvers import LBFGS
from dlcore.training import Watch, checkpoints, fit, streaming, train
from dlcore.tuning import find_learning_rate, grid, sweep
from tests.problems import small_setup
from tests.training.problems import KEY
from tests.training.streams import DATA, LITTLE, SETUP, TINY, Counting, Increasing, X, Y, of_pairs, same, streamed


@pytest.fixture(scope="module")
def whole():
    """In memory, in one go."""
    return fit(SETUP, DATA, KEY)


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
import tests.conftest
from dlcore.training import Run, checkpoints, fit, streaming
from tests.training.problems import KEY
from tests.training.streams import SETUP, streamed
streaming.SECONDS = 0.0

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
    ("ask", "words"),
    [
        (lambda d: sweep(SETUP, grid({"penalty.strength": [0.1]}), d, KEY), "training data: needed examples in memory"),
        (
            lambda d: find_learning_rate(SETUP, d, KEY),
            "training data: needed .* got Streamed.*try fit",
        ),
        (lambda d: train(SETUP, d, KEY), "training data: needed examples in memory"),
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

"""Runs predict and evaluate examples that are read on the way as they do those in memory."""

import dataclasses

import numpy as np
import pytest

from dlcore.data import folds, stream
from dlcore.training import AUC, F1, Watch, accuracy, fit
from dlcore.tuning import sweep
from tests.training.problems import KEY
from tests.training.streams import (
    DATA,
    LITTLE,
    SETUP,
    Counting,
    X,
    Y,
    of_arrays,
    of_files,
    of_grain,
    of_pairs,
    of_parts,
)

JUDGED = dataclasses.replace(SETUP, epochs=1, metrics=(accuracy, F1(), AUC()))


@pytest.fixture(scope="module")
def run():
    return fit(JUDGED, DATA, KEY)


def with_chunk(run, chunk):
    return dataclasses.replace(run, setup=dataclasses.replace(run.setup, watch=Watch(chunk=chunk, by=F1())))


def alike(found, wanted):
    assert found.keys() == wanted.keys() == {"loss", "accuracy", "F1", "AUC"}
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, name)
        assert np.shape(found[name]) == np.shape(value)


@pytest.mark.parametrize("make", [of_arrays, of_pairs, of_grain, of_parts, of_files])
def test_sources_of_all_kinds_are_judged_as_in_memory(run, make):
    part = make(X, Y, LITTLE)
    alike(run.evaluate(part), run.evaluate((X, Y)))
    np.testing.assert_array_equal(run.predict(part), run.predict(X))


@pytest.mark.parametrize("chunk", [1, 7, 64, 150, 1000])
@pytest.mark.parametrize("memory", [1, 1 << 26])
def test_neither_chunks_nor_memory_change_a_number(run, chunk, memory):
    other = with_chunk(run, chunk)
    alike(other.evaluate(of_arrays(X, Y, memory)), other.evaluate((X, Y)))
    np.testing.assert_array_equal(other.predict(of_arrays(X, Y, memory)), other.predict(X))


def test_every_member_with_inputs_of_its_own_is_judged():
    parts = folds(DATA.train, 3)
    winner = sweep(JUDGED, [{}], parts, KEY, keep="all").winner
    assert winner.members == 3
    lazy = of_arrays(X, Y, LITTLE)
    found, wanted = winner.evaluate(lazy), winner.evaluate((X, Y))
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, 1e-6, err_msg=name)
        assert found[name].shape == (3,)
    np.testing.assert_array_equal(winner.predict(lazy), winner.predict(X))


class Enough(Exception):
    pass


@pytest.mark.parametrize("use", ["predict", "evaluate"])
def test_no_more_is_in_memory_than_was_said(use):
    """What is read ahead is bounded: a reader far into the set stops, and little beyond it has been asked for."""
    x, threads = Counting(), 2

    class Stopping:
        shape, dtype = (20_000,), np.dtype(np.int32)

        def __getitem__(self, indices):
            if indices.max() >= 600:
                raise Enough
            return np.zeros(len(indices), np.int32)

    first = np.zeros((8, 100_000), np.float32)
    setup = dataclasses.replace(JUDGED, epochs=1, batch_size=4, watch=Watch(chunk=20), metrics=(accuracy,))
    small = fit(setup, (first, np.arange(8, dtype=np.int32) % 3), KEY, progress=False)
    lazy = stream(x, Stopping(), threads=threads, memory=1 << 24)
    with pytest.raises(ValueError, match="example 600: needed what can be read, got Enough"):
        getattr(small, use)(lazy)
    assert x.read <= 600 + (2 * threads + 3) * 20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, y: stream(x[:, :2], y), r"dense: needed x \[..., 4\], got"),
        (lambda x, y: stream(x, y[:, None]), r"needed integer labels \[\d+\]"),
        (lambda x, y: [x], r"examples: needed \(x, y\), .* got list"),
        (lambda x, y: DATA, r"examples: needed \(x, y\), \(x, y, weights\) or a stream, got Split"),
        (lambda x, y: stream([*zip(x, y, strict=True)][:5] + [(x[5, :2], y[5])]), "example 5: needed x float32"),
    ],
)
def test_what_does_not_fit_is_one_line(run, change, said):
    with pytest.raises((ValueError, TypeError), match=said) as error:
        run.evaluate(change(X, Y))
    assert "\n" not in str(error.value)

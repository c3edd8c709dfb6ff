"""Examples that are read as they are needed."""

import sys

import numpy as np
import pytest

from dlcore.data import normalization, stream
from tests.training.streams import LITTLE, X, Y, of_arrays, of_files, of_grain, of_pairs, of_parts


@pytest.mark.parametrize("kind", [of_arrays, of_pairs, of_grain, of_parts, of_files])
def test_rows_are_those_of_the_arrays(kind):
    source = kind(X, Y, LITTLE)
    assert len(source) == 150
    assert repr(source) == "Streamed(n=150, x float32 [4] and y int32 [])"
    for indices in ([7, 3, 149, 3, 60], [], [61]):
        rows = source.rows(np.array(indices, int))
        np.testing.assert_array_equal(rows.x, X[indices])
        np.testing.assert_array_equal(rows.y, Y[indices])
        assert (rows.x.dtype, rows.y.dtype) == (np.float32, np.int32)
        np.testing.assert_array_equal(
            source.map(lambda x: x[:, :2] > 0).rows(np.array(indices, int)).x, X[indices][:, :2] > 0
        )


def test_moments_of_many_blocks_are_those_of_all_at_once(monkeypatch):
    """NaN is unknown; far from 0 nothing cancels, and the stream is read in the blocks of the array."""
    monkeypatch.setattr(normalization, "_CELLS", 64)
    x = np.random.default_rng(0).normal(1e6, 1, (101, 5))
    x[3, 1] = x[40:, 2] = np.nan
    x[:, 4] = 0.1
    for axis, stds in ((0, [*np.nanstd(x[:, :4], axis=0), 1.0]), (None, np.nanstd(x))):
        mean, std, missing = normalization.moments(x, axis)
        np.testing.assert_allclose(mean, np.nanmean(x, axis=axis), 1e-14)
        np.testing.assert_allclose(std, stds, 1e-9)
        np.testing.assert_array_equal(missing, np.isnan(x).any(axis=axis))
        for found, known in zip(
            normalization.moments(stream(x, np.arange(101)), axis), (mean, std, missing), strict=True
        ):
            np.testing.assert_array_equal(found, known)


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


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ModuleNotFoundError, match=r"stream: needed the package grain, .* try pip install '.*\[str"):
        stream(X, Y)

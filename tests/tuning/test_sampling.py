"""Samples of a space."""

import math

import numpy as np
import pytest
import scipy.stats
from scipy.stats import qmc

from dlcore.optimizers import Adam
from dlcore.regularizers import L2
from dlcore.tuning import Choice, Integers, LogUniform, Uniform, assign, grid, sample
from tests.problems import small_setup

METHODS = ["sobol", "halton", "random"]
RATE, STRENGTH, B1 = "optimizer.learning_rate", "penalty.strength", "optimizer.b1"
BOX = {RATE: LogUniform(1e-5, 1e-1), B1: Uniform(0.5, 0.9), "epochs": Integers(3, 7), "batch_size": [8, 16, None]}
SETUP = small_setup(optimizer=Adam(1e-3), penalty=L2(1e-4))


def column(space, path):
    return [point[path] for point in space]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 7, 64, 100])
def test_n_asked_is_n_returned_and_the_first_part_of_more(method, n):
    space = sample(BOX, n, method, seed=3)
    assert len(space) == n
    assert space == sample(BOX, 2 * n, method, seed=3)[:n]
    assert space != sample(BOX, n, method, seed=4)


@pytest.mark.parametrize("method", METHODS)
def test_values_are_those_of_their_axes(method):
    space = sample(BOX, 512, method)
    assert set(column(space, "epochs")) == {3, 4, 5, 6, 7}
    assert set(column(space, "batch_size")) == {8, 16, None}
    assert all(type(value) is int for value in column(space, "epochs"))
    rates, b1 = np.array(column(space, RATE)), np.array(column(space, B1))
    assert ((rates >= 1e-5) & (rates <= 1e-1)).all()
    assert scipy.stats.kstest(np.log10(rates), scipy.stats.uniform(-5, 4).cdf).pvalue > 0.01
    assert scipy.stats.kstest(b1, scipy.stats.uniform(0.5, 0.4).cdf).pvalue > 0.01
    assert max(np.unique(column(space, "epochs"), return_counts=True)[1]) < 1.3 * 512 / 5


def test_sequences_are_those_of_scipy():
    box = {"a": Uniform(0.0, 1.0), "b": Uniform(0.0, 1.0), "c": Uniform(0.0, 1.0)}
    for method, kind in {"sobol": qmc.Sobol, "halton": qmc.Halton}.items():
        expected = kind(3, scramble=True, seed=np.random.default_rng(5)).random(32)
        found = np.array([list(point.values()) for point in sample(box, 32, method, seed=5)])
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_sobol_points_are_even_in_every_axis():
    """Of 2^m points one lies in each of 2^m equal parts of every axis."""
    space = sample({RATE: LogUniform(1e-4, 1.0), B1: Uniform(0.0, 1.0)}, 64)
    for places in ((np.log10(column(space, RATE)) + 4) / 4, np.array(column(space, B1))):
        assert sorted(np.floor(places * 64)) == list(range(64))


def test_scale_and_ends_are_those_that_the_number_declares():
    space = sample({RATE: (1e-4, 1e-1), B1: (None, 0.5), "epochs": (2, 5)}, 128, setup=SETUP)
    assert np.median(column(space, RATE)) == pytest.approx(10**-2.5, rel=0.05)
    assert min(column(space, B1)) >= 0
    assert np.median(column(space, B1)) == pytest.approx(0.25, rel=0.05)
    assert set(column(space, "epochs")) == {2, 3, 4, 5}
    for point in space[:3]:
        assert assign(small_setup(optimizer=Adam()), {RATE: point[RATE]}).optimizer.learning_rate == point[RATE]


def test_axes_of_few_values_give_every_point_once():
    space = sample({"a": [1, 2, 3], "b": Integers(0, 3)}, 12)
    assert sorted((point["a"], point["b"]) for point in space) == [(a, b) for a in (1, 2, 3) for b in range(4)]
    both = grid({"a": [1], "b": [0]}) | space
    assert len(both) == 12


@pytest.mark.parametrize(
    ("axes", "n", "words"),
    [
        ({"a": Uniform(1.0, 0.0)}, 4, "a: needed two ends, low < high, got 1.0 and 0.0"),
        ({"a": Uniform(math.nan, 1.0)}, 4, "a: needed two ends"),
        ({"a": Uniform(0.0, math.inf)}, 4, "a: needed two ends, low < high, got 0.0 and inf"),
        ({"a": LogUniform(0.0, 1.0)}, 4, "a: needed two positive ends"),
        ({"a": Integers(0, 1.5)}, 4, "a: needed two whole ends"),
        ({"a": Choice([])}, 4, "a: needed different values, at least one"),
        ({"a": [1, 1.0]}, 2, "a: needed different values"),
        ({"a": [1, 2], "b": Integers(1, 2)}, 5, "a whole number of points from 1 to 4, got 5 points"),
        ({"a": Uniform(0.0, 1.0)}, 0, "got 0 points"),
        ({"a": Uniform(0.0, 1.0)}, 2.5, "got 2.5 points"),
        ({}, 2, "at least one axis"),
    ],
)
def test_wrong_axes_are_named(axes, n, words):
    with pytest.raises(ValueError, match=words):
        sample(axes, n)


def test_other_wrong_input():
    with pytest.raises(TypeError, match=r"a: needed Uniform, LogUniform, Integers, Choice, got 0\.1"):
        sample({"a": 0.1}, 3)
    with pytest.raises(ValueError, match="method: needed one of sobol, halton, random, got 'grid'"):
        sample({"a": Uniform(0.0, 1.0)}, 3, "grid")

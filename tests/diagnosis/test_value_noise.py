"""The noise of quantities: the Gamma test against its definition, and against noise that is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.neighbors import NearestNeighbors

from dlcore.diagnosis import value_noise


def drawn(f, d, variance, n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, f(x) + np.sqrt(variance) * rng.normal(size=n)


def plain(x, y, neighbors=10):
    """Algorithm 1 of Evans & Jones 2002: the intercept of the regression line through (delta, gamma)."""
    distance, near = NearestNeighbors(n_neighbors=neighbors).fit(x).kneighbors()
    delta = [np.mean([distance[i, p] ** 2 for i in range(len(x))]) for p in range(neighbors)]
    gamma = [np.mean([(y[i] - y[near[i, p]]) ** 2 for i in range(len(x))]) / 2 for p in range(neighbors)]
    return np.polynomial.Polynomial.fit(delta, gamma, 1)(0.0), gamma[0]


def linear(x):
    return x[:, 0]


def wave(x):
    return 1.4 * np.sin(2 * x[:, 0])


def product(x):
    return x[:, 0] * x[:, -1]


@pytest.mark.parametrize("neighbors", [3, 10])
def test_the_definition(neighbors):
    x, y = drawn(wave, 3, 0.2, n=120)
    found = value_noise(x, y, neighbors)
    assert_allclose((found.variance, found.nearest), plain(x, y, neighbors), rtol=1e-9)


@pytest.mark.parametrize("variance", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(("f", "d"), [(linear, 1), (wave, 1), (product, 2), (wave, 2), (linear, 4), (product, 4)])
def test_noise_that_is_known_is_found(f, d, variance):
    found = [value_noise(*drawn(f, d, variance, seed=seed)) for seed in range(8)]
    apart = [abs(one.variance - variance) / one.standard_error for one in found]
    assert max(apart) < 2.5
    assert np.mean([one.standard_error for one in found]) < 0.2 + 0.2 * variance


@pytest.mark.parametrize("f", [linear, wave, product])
def test_far_neighbors_are_owned_up_to(f):
    """In eight dimensions 300 examples tell little: the error says so, and the truth lies within it or below."""
    found = [value_noise(*drawn(f, 8, 0.1, seed=seed)) for seed in range(8)]
    assert all(one.variance - 0.1 > -2 * one.standard_error for one in found)
    assert np.mean([abs(one.variance - 0.1) > 2 * one.standard_error for one in found]) < 0.2
    assert min(one.standard_error for one in found) > 0.1


def test_the_error_by_chance_is_not_below_the_spread_over_samples():
    """Of pure noise nothing is extrapolated."""
    found = [value_noise(*drawn(lambda x: 0 * x[:, 0], 2, 1.0, seed=seed)) for seed in range(60)]
    spread = np.std([one.variance for one in found], ddof=1)
    assert 0.9 < np.mean([one.standard_error for one in found]) / spread < 2.2


def test_repetitions_of_the_same_inputs_are_all_it_takes():
    """Twenty repetitions at each of 40 places: the pooled variance within them."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(40, 8))
    y = 100 * rng.normal(size=40)[:, None] + rng.normal(size=(40, 20))
    found = value_noise(np.repeat(places, 20, 0), y.reshape(-1))
    assert_allclose(found.variance, y.var(1, ddof=1).mean(), rtol=0.15)
    assert found.standard_error < 0.2


def test_units_and_several_quantities():
    x, y = drawn(wave, 2, 0.2)
    one, both = value_noise(x, y), value_noise(x.reshape(-1, 2, 1), np.stack([3 * y, 4 * y], 1))
    assert_allclose(both, 25 * np.array(one), rtol=1e-9)
    assert_allclose(value_noise(7 * x, y), one, rtol=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((5, 2)), np.zeros(5), "needed at least 12 inputs, and a target for each, got x .5, 2. and y .5."),
        (np.zeros((20, 2)), np.zeros(19), "and a target for each"),
        (np.full((20, 2), np.nan), np.zeros(20), "needed finite numbers"),
    ],
)
def test_bad_input(x, y, words):
    with pytest.raises(ValueError, match=f"value_noise: {words}|{words}"):
        value_noise(x, y)

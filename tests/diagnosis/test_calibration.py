"""Calibration against plain loops, and against what is known of probabilities that mean what they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dlcore.diagnosis import calibration
from dlcore.figures import reliability_diagram


def drawn(n, c, seed, sharper=1.0):
    """Honest probabilities [n, c] with labels drawn from them; ``sharper`` makes them too sure of themselves."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(c), n)
    y = np.array([rng.choice(c, p=row) for row in p])
    p = p**sharper
    return p / p.sum(1, keepdims=True), y


def plain(p, y, bins):
    """Equation 3 of Guo et al. 2017 over bins of equally many answers, one example after the other."""
    answers = sorted((max(row), i) for i, row in enumerate(p))
    total, at = 0.0, 0
    for b in range(bins):
        size = len(y) // bins + (b < len(y) % bins)
        some = answers[at : at + size]
        at += size
        accuracy = sum(np.argmax(p[i]) == y[i] for _, i in some) / size
        total += size / len(y) * abs(accuracy - sum(sure for sure, _ in some) / size)
    return total


@pytest.mark.parametrize(("n", "c", "bins"), [(100, 3, 15), (37, 2, 5), (1, 4, 15), (10, 3, 100)])
def test_the_formula(n, c, bins):
    p, y = drawn(n, c, seed=n)
    found = calibration(p, y, bins)
    assert_allclose(found.error, plain(p, y, min(bins, n)), rtol=1e-12)
    assert found.count.sum() == n
    if c == 2:
        assert_allclose(calibration(p[:, 1], y, bins).error, found.error)


def test_honest_probabilities_show_what_chance_does():
    errors, chances = zip(*[calibration(*drawn(500, 3, seed))[3::2] for seed in range(40)], strict=True)
    mean, spread = np.mean(errors), np.std(errors, ddof=1) / np.sqrt(40)
    assert abs(mean - np.mean(chances)) < 4 * spread
    assert all(error < 2.5 * chance for error, chance in zip(errors, chances, strict=True))


def test_the_standard_error_is_the_spread_over_samples():
    found = [calibration(*drawn(500, 3, seed, sharper=3.0)) for seed in range(60)]
    spread = np.std([one.error for one in found], ddof=1)
    assert 0.75 < np.mean([one.standard_error for one in found]) / spread < 1.35
    assert all(one.error > 2 * one.chance for one in found)  # and what is too sure of itself is seen


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        (np.ones((3, 2)), [0, 1, 0], "rows of probabilities"),
        (np.full((3, 2), 0.5), [0, 2, 0], "class numbers 0 to 1"),
        (np.full((3, 2), 0.5), [0.0, 1.0, 0.0], "class numbers 0 to 1"),
        (np.full((3, 2), 0.5), [0, 1], "labels"),
        (np.zeros((0, 2)), np.zeros(0, int), "labels"),
        (np.full((3, 2), np.nan), [0, 1, 0], "rows of probabilities"),
    ],
)
def test_what_is_no_probability(p, y, message):
    with pytest.raises(ValueError, match=message):
        calibration(p, y)


def test_a_figure():
    figure = reliability_diagram(calibration(*drawn(500, 3, 0, sharper=3.0)))
    (axes,) = figure.axes
    assert axes.get_xlabel() == "confidence"
    assert any("error" in text.get_text() for text in axes.texts)

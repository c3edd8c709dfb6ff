"""Wrong labels: confident learning against its definition, example by example, and against flips that are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dlcore.diagnosis import label_noise


def plain(p, y):
    """The confident joint as section 3.1 of Northcutt, Jiang & Chuang 2021 has it, one example after the other."""
    c, n = p.shape[1], len(y)
    threshold = [np.mean([p[i, j] for i in range(n) if y[i] == j]) for j in range(c)]
    counts = np.zeros((c, c))
    for i in range(n):
        above = [j for j in range(c) if p[i, j] >= threshold[j]]
        if above:
            counts[y[i], max(above, key=lambda j, i=i: p[i, j])] += 1
    scaled = np.array([row / row.sum() * np.sum(y == j) for j, row in enumerate(counts)])
    return scaled / scaled.sum()


def flipped(share, n=3000, c=4, sharp=60.0, seed=0):
    """Probabilities of a good model for true classes, and labels of which a share is another class."""
    rng = np.random.default_rng(seed)
    true = rng.integers(c, size=n)
    p = np.stack([rng.dirichlet(1 + sharp * (np.arange(c) == t)) for t in true])
    wrong = rng.random(n) < share
    return p, np.where(wrong, (true + rng.integers(1, c, n)) % c, true), np.flatnonzero(wrong)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_the_definition(share):
    p, y, _ = flipped(share, n=300, sharp=6.0)
    found = label_noise(p, y)
    assert_allclose(found.joint, plain(p, y), rtol=1e-12)
    assert_allclose(found.share, 1 - np.trace(found.joint), atol=1e-15)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_flips_are_found(share):
    p, y, wrong = flipped(share)
    found = label_noise(p, y)
    assert abs(found.share - len(wrong) / len(y)) < 3 * found.standard_error + 2e-3
    assert {*found.suspects} <= {*wrong}
    assert len(found.suspects) >= 0.85 * len(wrong)  # of the rest the model is not sure enough
    assert_array_equal(found.look_like, p[found.suspects].argmax(1))
    doubt = p[found.suspects, found.look_like] - p[found.suspects, y[found.suspects]]
    assert (np.diff(doubt) <= 0).all()  # the surest first


def test_the_standard_error_is_the_spread_over_samples():
    found = [label_noise(*flipped(0.1, n=500, seed=seed)[:2]) for seed in range(60)]
    spread = np.std([one.share for one in found], ddof=1)
    assert 0.7 < np.mean([one.standard_error for one in found]) / spread < 1.4


def test_a_class_without_examples_and_a_model_that_knows_nothing():
    p, y, _ = flipped(0.1, c=3)
    found = label_noise(np.hstack([p, np.zeros((len(p), 1))]), y)
    assert_allclose(found.share, label_noise(p, y).share)
    nothing = label_noise(np.full((30, 3), 1 / 3), np.arange(30) % 3)
    assert np.isfinite(nothing.share)
    assert np.isfinite(nothing.standard_error)


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        (np.ones((3, 2)), [0, 1, 0], "label_noise: needed rows of probabilities"),
        ([[0.5, 0.5]], [2], "class numbers 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "needed probabilities"),
        (np.zeros((0, 2)), [], "needed probabilities"),
    ],
)
def test_bad_input(p, y, message):
    with pytest.raises(ValueError, match=message):
        label_noise(np.array(p), np.array(y, int))

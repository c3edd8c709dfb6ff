"""Losses that are known exactly."""

import math

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from dlcore.diagnosis import (
    accuracy_error,
    fano_bound,
    label_entropy,
    softmax_floor,
    softmax_twice_bound,
    target_variance,
)


class TestExactValues:
    @pytest.mark.parametrize("c", [2, 3, 10, 1000])
    def test_softmax_floor_is_the_loss_of_one_hot_logits(self, c):
        assert math.isclose(softmax_floor(c), -jax.nn.log_softmax(jnp.eye(c)[0])[0], rel_tol=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(c=st.integers(2, 12), seed=st.integers(0, 1000), spread=st.floats(0.1, 30))
    def test_no_probabilities_as_logits_fall_below_the_bounds(self, c, seed, spread):
        rng = np.random.default_rng(seed)
        q = np.asarray(jax.nn.softmax(spread * rng.normal(size=(300, c)), axis=-1))
        y = rng.integers(0, c, 300)
        loss = np.log(np.exp(q).sum(-1)) - q[np.arange(300), y]
        assert loss.min() >= softmax_floor(c) - 1e-12
        assert loss.mean() >= softmax_twice_bound((q.argmax(-1) == y).mean(), c) - 1e-12

    @pytest.mark.parametrize("c", [2, 3, 10])
    def test_the_bound_for_wrong_examples_is_reached(self, c):
        q = np.array([0.5, 0.5, *[0.0] * (c - 2)])  # the other class may be called the larger one
        assert math.isclose(softmax_twice_bound(0.0, c), math.log(np.exp(q).sum()) - 0.5, rel_tol=1e-12)
        assert math.isclose(softmax_twice_bound(1.0, c), softmax_floor(c), rel_tol=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(c=st.integers(2, 12), seed=st.integers(0, 1000), spread=st.floats(0.1, 30))
    def test_calibrated_predictions_lose_at_most_fanos_bound(self, c, seed, spread):
        p = np.asarray(jax.nn.softmax(spread * np.random.default_rng(seed).normal(size=(50, c)), axis=-1), np.float64)
        entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(-1).mean()
        assert entropy <= fano_bound(p.max(-1).mean(), c) + 1e-9

    def test_fanos_bound_is_reached_by_symmetric_noise(self):
        a, c = 0.7, 5
        p = np.array([a, *[(1 - a) / (c - 1)] * (c - 1)])
        assert math.isclose(fano_bound(a, c), -(p * np.log(p)).sum(), rel_tol=1e-12)
        assert fano_bound(1.0, c) == 0
        assert math.isclose(fano_bound(0.0, c), math.log(c), rel_tol=1e-12)

    def test_label_entropy_is_the_least_loss_of_a_constant(self):
        y = np.array([0, 0, 0, 1, 1, 5])
        logits = jnp.log(jnp.array([3, 2, 1]) / 6)
        assert math.isclose(label_entropy(y), -logits[jnp.array([0, 0, 0, 1, 1, 2])].mean(), rel_tol=1e-12)
        assert label_entropy(np.zeros(4, int)) == 0
        assert math.isclose(label_entropy(np.arange(7)), math.log(7))

    def test_target_variance(self):
        y = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
        assert math.isclose(target_variance(y), ((y - [[3, 2]]) ** 2).sum(1).mean())

    def test_accuracy_error(self):
        assert math.isclose(accuracy_error(0.5, 400), 0.025, rel_tol=1e-3)
        assert 0 < accuracy_error(1.0, 50) < accuracy_error(0.9, 50)

    def test_one_class_is_an_error(self):
        for f in (softmax_floor, lambda c: fano_bound(0.5, c)):
            with pytest.raises(ValueError, match="at least 2 classes"):
                f(1)

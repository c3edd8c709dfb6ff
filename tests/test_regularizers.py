"""Penalties, max norm and dropout: the formulas, what they leave alone, kinks and ends of the range, wrong input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import regularizers, tree
from dlcore.layers import dropout
from dlcore.regularizers import L1, L2, ElasticNet, MaxNorm, max_norm
from dlcore.tree.leaves import AllBut, chosen, everything

KEY = jax.random.key(0)
PARAMS = {
    "first": {"kernel": jnp.asarray([[1.0, -2.0], [0.0, 3.0]]), "bias": jnp.asarray([10.0, 20.0])},
    "norm": {"scale": jnp.asarray([5.0]), "bias": jnp.asarray([7.0])},
    "last": ({"kernel": jnp.asarray([[-4.0], [0.5]])},),
}
WEIGHTS = np.asarray([1, -2, 0, 3, -4, 0.5])
EVERYTHING = np.asarray([1, -2, 0, 3, -4, 0.5, 10, 20, 5, 7])


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (L1(0.1), 0.1 * np.abs(WEIGHTS).sum()),
        (L2(0.1), 0.1 * np.square(WEIGHTS).sum()),
        (L2(0.1, half=True), 0.05 * np.square(WEIGHTS).sum()),
        (ElasticNet(0.1, 0.2), 0.1 * np.abs(WEIGHTS).sum() + 0.2 * np.square(WEIGHTS).sum()),
        (L1(0.1, where=everything), 0.1 * np.abs(EVERYTHING).sum()),
        (L2(0.1, where=everything), 0.1 * np.square(EVERYTHING).sum()),
        (ElasticNet(0.1, 0.2, where=lambda path, leaf: leaf.ndim == 1), 4.2 + 0.2 * (100 + 400 + 25 + 49)),
    ],
)
def test_formulas(penalty, expected):
    np.testing.assert_allclose(penalty(PARAMS), expected, rtol=1e-14)
    np.testing.assert_allclose(jax.jit(lambda p: p(PARAMS))(penalty), expected, rtol=1e-14)


def test_a_penalty_of_two_is_as_strong_as_each_alone():
    np.testing.assert_allclose(ElasticNet()(PARAMS), L1()(PARAMS) + L2()(PARAMS), rtol=1e-14)
    assert 3 <= MaxNorm().maximum <= 4  # Stanford CS231n, neural networks 2: typical values are on orders of 3 or 4


def test_leaves_are_chosen_by_names_too():
    """As everywhere: by a function, by names, or by all but these."""
    for where, expected in (
        (("first",), [1, -2, 0, 3, 10, 20]),
        (("norm.scale", "last[0]"), [5, -4, 0.5]),
        (AllBut(("first.kernel", "last")), [10, 20, 5, 7]),
    ):
        np.testing.assert_allclose(L1(1.0, where=where)(PARAMS), np.abs(expected).sum(), rtol=1e-14)
        inside = MaxNorm(1e-3, where=where)(PARAMS)
        moved = jax.tree.map(lambda a, b: np.any(a != b), inside, PARAMS)
        assert jax.tree.leaves(moved) == chosen(where, PARAMS)


def test_gradients_and_what_stays_free():
    kernel = np.asarray(PARAMS["first"]["kernel"])
    for penalty, slope in (
        (L1(0.1), 0.1 * np.sign(kernel)),
        (L2(0.1), 0.2 * kernel),
        (L2(0.1, half=True), 0.1 * kernel),
    ):
        g = jax.grad(penalty)(PARAMS)
        np.testing.assert_allclose(g["first"]["kernel"], slope, rtol=1e-14)
        for free in (g["first"]["bias"], g["norm"]["scale"], g["norm"]["bias"]):
            np.testing.assert_array_equal(free, np.zeros_like(free))
    by_strength = jax.grad(lambda penalty: penalty(PARAMS))(ElasticNet(0.1, 0.2))
    np.testing.assert_allclose([by_strength.l1, by_strength.l2], [np.abs(WEIGHTS).sum(), np.square(WEIGHTS).sum()])


def test_names_of_other_trees():
    attribute, entry, index = jax.tree_util.GetAttrKey, jax.tree_util.DictKey, jax.tree_util.SequenceKey
    assert not regularizers.weights_only((attribute("bias"), index(0)), jnp.ones(1))
    assert regularizers.weights_only((entry("bias"), entry("kernel")), jnp.ones(1))
    assert regularizers.weights_only((index(1),), jnp.ones(1))
    assert regularizers.weights_only((entry(3),), jnp.ones(1))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_penalties_are_summed_wide(dtype):
    ones = {"kernel": jnp.full((300, 300), 1.5, dtype)}
    for strength in (1.0, jnp.float32(1.0), jnp.float64(1.0)):
        value = L2(strength)(ones)
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, 202500, rtol=1e-6)  # beyond float16
    assert L1()({}).dtype == jnp.float32
    assert L1()({"a": ones["kernel"], "b": jnp.ones(2)}).dtype == jnp.float64
    assert jax.grad(L2(1.0))(ones)["kernel"].dtype == dtype


def test_strength_is_a_leaf():
    assert tree.replace(L2(0.1), "strength", 0.5) == L2(0.5)
    swept = jax.vmap(lambda penalty: penalty(PARAMS))(L1(jnp.asarray([0.0, 1.0])))
    np.testing.assert_allclose(swept, [0, np.abs(WEIGHTS).sum()])


@pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2, 5), (6,)])
def test_max_norm_projects_every_unit(shape):
    x = jax.random.normal(KEY, shape) * 3
    inside = np.asarray(max_norm(x, 2.0)).reshape(-1, shape[-1] if len(shape) > 1 else 1)
    before = np.asarray(x).reshape(inside.shape)
    norms = np.linalg.norm(before, axis=0)
    np.testing.assert_allclose(np.linalg.norm(inside, axis=0), np.minimum(norms, 2), rtol=1e-14)
    np.testing.assert_allclose(inside / before, np.broadcast_to(np.minimum(1, 2 / norms), inside.shape), rtol=1e-14)
    np.testing.assert_array_equal(max_norm(x, 100.0), x)


def test_max_norm_axis_and_params():
    np.testing.assert_allclose(max_norm(jnp.asarray([[3.0, 4.0], [0.3, 0.4]]), 1.0, axis=1), [[0.6, 0.8], [0.3, 0.4]])
    projected = MaxNorm(1.0)(PARAMS)
    np.testing.assert_array_equal(projected["first"]["bias"], PARAMS["first"]["bias"])
    np.testing.assert_allclose(jnp.linalg.norm(projected["first"]["kernel"], axis=0), [1, 1], rtol=1e-14)


def test_max_norm_at_zero_and_at_the_ends_of_the_range():
    def total(x):
        return jnp.sum(max_norm(x, 1.0))

    np.testing.assert_array_equal(jax.grad(total)(jnp.zeros(3)), np.ones(3))
    np.testing.assert_array_equal(jax.hessian(total)(jnp.zeros(3)), np.zeros((3, 3)))
    np.testing.assert_allclose(max_norm(jnp.asarray([3e200, 4e200]), 1.0), [0.6, 0.8], rtol=1e-14)
    np.testing.assert_allclose(max_norm(jnp.asarray([3e-200, 4e-200]), 1e-200), [0.6e-200, 0.8e-200], rtol=1e-14)
    assert bool(jnp.all(jnp.isfinite(jax.grad(total)(jnp.asarray([3e200, 4e200])))))
    np.testing.assert_array_equal(max_norm(jnp.ones(3), 0.0), np.zeros(3))
    assert max_norm(jnp.ones((0, 3)), 1.0).shape == (0, 3)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    n = 200_000
    y = np.asarray(dropout(KEY, jnp.ones(n), rate, train=True))
    assert set(np.unique(y)) == {0.0, 1 / (1 - rate)}
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / n)
    zeros = y == 0
    assert abs(np.corrcoef(zeros[1:], zeros[:-1])[0, 1]) < 5 / np.sqrt(n)


def test_dropout_at_the_ends_and_in_evaluation():
    x = jax.random.normal(KEY, (5, 3))
    np.testing.assert_array_equal(dropout(KEY, x, 0.7, train=False), x)
    np.testing.assert_array_equal(dropout(KEY, x, 0.0, train=True), x)
    np.testing.assert_array_equal(dropout(KEY, x, 1.0, train=True), jnp.zeros_like(x))
    for rate in (0.0, 0.5, 1.0):
        slopes = jax.grad(lambda x, rate: jnp.sum(dropout(KEY, x, rate, train=True) ** 2), (0, 1))(x, rate)
        assert all(bool(jnp.all(jnp.isfinite(g))) for g in slopes)


def test_dropout_rate_may_be_traced_and_swept():
    x = jnp.ones(1000, jnp.bfloat16)
    rates = jnp.asarray([0.0, 0.25, 0.5, 1.0], jnp.float32)
    swept = jax.jit(jax.vmap(lambda rate: dropout(KEY, x, rate, train=True)))(rates)
    assert swept.dtype == jnp.bfloat16
    for row, rate in zip(swept, rates, strict=True):
        np.testing.assert_array_equal(row, dropout(KEY, x, float(rate), train=True))
    dropped = np.asarray(swept) == 0
    assert np.all(dropped[:-1] <= dropped[1:])  # one key drops more at a higher rate, never others


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: dropout(KEY, jnp.ones(3), 1.5, train=True), ValueError, "rate: needed numbers from 0 to 1, got 1.5"),
        (lambda: dropout(KEY, jnp.ones(3), -0.1, train=False), ValueError, "rate: needed"),
        (lambda: dropout(KEY, jnp.arange(3), 0.5, train=True), TypeError, "x: needed a floating type, got int64"),
        (lambda: L2(-1.0)(PARAMS), ValueError, "strength: needed numbers from 0, got -1.0"),
        (lambda: ElasticNet(0.1, -0.1)(PARAMS), ValueError, "l2: needed numbers from 0, got -0.1"),
        (lambda: L2(float("nan"))(PARAMS), ValueError, "strength: needed numbers from 0, got nan"),
        (lambda: L1()({"kernel": jnp.arange(3)}), TypeError, "params kernel: needed a floating type"),
        (lambda: max_norm(jnp.ones(3), -1.0), ValueError, "maximum: needed"),
        (lambda: max_norm(jnp.arange(3), 1.0), TypeError, "x: needed a floating type"),
    ],
)
def test_wrong_input_says_what_was_needed(call, error, says):
    with pytest.raises(error, match=says):
        call()

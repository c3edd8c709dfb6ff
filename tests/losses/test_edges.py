"""Losses at the ends of their domains, and wrong input."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dlcore import losses
from tests.losses.problems import LABELS, LOGITS, RNG, SOFT, WEIGHTS, C, N, P, one_hot, with_gradient

pytestmark = pytest.mark.optimized


def test_exact_ends_of_probabilities():
    p, y = jnp.asarray([0.0, 1.0, 0.0, 1.0]), jnp.asarray([0.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(losses.binary_cross_entropy(p, y), [0, 0, np.inf, np.inf])
    right = jax.grad(lambda p: losses.binary_cross_entropy(p, y[:2]).sum())(p[:2])
    np.testing.assert_array_equal(right, [1, -1])
    certain = jnp.eye(3)
    np.testing.assert_array_equal(losses.categorical_cross_entropy(certain, jnp.asarray([0, 1, 0])), [0, 0, np.inf])
    grad = jax.grad(lambda p: losses.categorical_cross_entropy(p, jnp.arange(3)).sum())(certain)
    np.testing.assert_array_equal(grad, -np.eye(3))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_extreme_logits_give_finite_losses_and_gradients(dtype):
    big = min(1e4, float(jnp.finfo(dtype).max) / 4)
    logits = jnp.asarray([[big, -big, 0, 0, 0], [-big, big, big, 1, 2], [0, 0, 0, 0, 0]], dtype)
    labels = jnp.asarray([1, 0, 4])
    for target in (labels, one_hot(labels).astype(dtype)):
        f = functools.partial(losses.softmax_cross_entropy, labels=target)
        value, grad = with_gradient(f)(logits)
        assert value.dtype == dtype
        assert grad.dtype == dtype
        np.testing.assert_allclose(
            value.astype(float), [2 * big, 2 * big + np.log(2), np.log(5)], rtol=float(4 * jnp.finfo(dtype).eps)
        )
        assert np.isfinite(grad.astype(float)).all()
    for f in (losses.sigmoid_binary_cross_entropy, losses.focal):
        for y in (jnp.zeros_like(logits), jnp.ones_like(logits), jnp.full_like(logits, 0.5)):
            value, grad = with_gradient(functools.partial(f, labels=y))(logits)
            assert np.isfinite(value.astype(float)).all()
            assert np.isfinite(grad.astype(float)).all()


def test_impossible_classes_give_no_nan():
    inf = jnp.inf
    logits = jnp.asarray([[-inf, 1.0, 2.0], [-inf, -inf, -inf], [-inf, -inf, 3.0]])
    labels = jnp.asarray([1, 0, 2])
    for target in (labels, jax.nn.one_hot(labels, 3, dtype=float)):
        f = functools.partial(losses.softmax_cross_entropy, labels=target)
        value, grad = with_gradient(f)(logits)
        np.testing.assert_allclose(value, [np.log1p(np.e), np.inf, 0], rtol=1e-14)
        assert np.isfinite(grad).all()
    at_the_ends = jnp.asarray([inf, -inf])
    exact = losses.sigmoid_binary_cross_entropy(at_the_ends, jnp.asarray([1.0, 0.0]))
    np.testing.assert_array_equal(exact, [0, 0])


def test_empty_and_one_element_axes():
    assert losses.softmax_cross_entropy(jnp.zeros((0, 3)), jnp.zeros(0, int)).shape == (0,)
    np.testing.assert_array_equal(losses.softmax_cross_entropy(jnp.asarray([[7.0]]), jnp.asarray([0])), [0])
    np.testing.assert_array_equal(jax.grad(lambda s: losses.softmax_cross_entropy(s, 0))(jnp.asarray([7.0])), [0])
    np.testing.assert_array_equal(losses.softmax_cross_entropy(jnp.zeros((2, 0)), jnp.zeros((2, 0))), [0, 0])
    assert np.isnan(losses.softmax_cross_entropy(jnp.zeros((2, 0)), jnp.zeros(2, int))).all()
    np.testing.assert_array_equal(losses.squared_error(jnp.zeros((2, 0)), jnp.zeros((2, 0))), [0, 0])


@pytest.mark.parametrize(
    "f",
    [
        losses.softmax_cross_entropy,
        functools.partial(losses.softmax_cross_entropy, label_smoothing=0.1),
        functools.partial(losses.softmax_cross_entropy, class_weights=WEIGHTS),
        losses.categorical_cross_entropy,
        losses.multiclass_hinge,
        losses.soft_dice,
    ],
)
def test_the_index_of_no_class_gives_nan_for_its_example_alone(f):
    values = jax.jit(f)(P, LABELS.at[1].set(-1).at[3].set(C))
    if f is losses.soft_dice:
        pixels = jnp.tile(P[:, None, :], (1, 4, 1))
        labels = jnp.tile(LABELS[:, None], (1, 4))
        values = jax.jit(f)(pixels, labels.at[1, 2].set(-1).at[3, 0].set(C))
    np.testing.assert_array_equal(np.isnan(values), np.isin(np.arange(N), [1, 3]))


def test_answers_that_are_none_give_nan():
    scores = jnp.asarray([1.0, 2.0, 3.0])
    for f in (losses.hinge, losses.perceptron):
        np.testing.assert_array_equal(np.isnan(f(scores, jnp.asarray([1, 0, -1]))), [False, True, False])
    for f in (losses.sigmoid_binary_cross_entropy, losses.focal):
        np.testing.assert_array_equal(np.isnan(f(scores, jnp.asarray([1, 0, -1]))), [False, False, True])


def test_labels_in_bytes_reach_all_classes():
    logits, labels = jnp.asarray(RNG.normal(size=(2, 300))), np.asarray([7, 200])
    for f in (losses.softmax_cross_entropy, losses.multiclass_hinge):
        np.testing.assert_array_equal(f(logits, jnp.asarray(labels, jnp.uint8)), f(logits, jnp.asarray(labels)))


def test_reductions():
    values, weights = jnp.asarray([1.0, 2.0, jnp.nan, 4.0]), jnp.asarray([1.0, 3.0, 0.0, 0.0])
    assert losses.mean(values[:2]) == 1.5
    assert losses.total(values[:2]) == 3.0
    assert losses.weighted_mean(values, weights) == 1.75
    assert losses.masked_mean(values, jnp.asarray([True, False, False, True])) == 2.5
    assert losses.masked_mean(values, jnp.zeros(4, bool)) == 0.0
    np.testing.assert_array_equal(jax.grad(losses.weighted_mean)(values, weights), [0.25, 0.75, 0, 0])
    np.testing.assert_array_equal(jax.grad(losses.masked_mean)(values, jnp.zeros(4, bool)), np.zeros(4))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_sharp_cross_entropy_against_mpmath(dtype):
    """At most 4 ulp in the loss and 8 in the gradient of two classes, a confident right answer included."""
    gap = np.concatenate([np.geomspace(1e-6, 80, 60), -np.geomspace(1e-6, 80, 60)])
    logits = jnp.asarray(np.stack([RNG.normal(size=120) * 3 + gap, RNG.normal(size=120)], -1), dtype)
    labels = jnp.zeros(120, int)
    value, grad = with_gradient(functools.partial(losses.softmax_cross_entropy, labels=labels))(logits)
    with mpmath.workdps(50):
        a = [mpmath.mpf(float(s[1])) - mpmath.mpf(float(s[0])) for s in np.asarray(logits)]
        loss_ulp = [ulp(v, mpmath.log1p(mpmath.exp(x)), dtype) for v, x in zip(value, a, strict=True)]
        grad_ulp = [ulp(g, 1 / (1 + mpmath.exp(-x)), dtype) for g, x in zip(grad[:, 1], a, strict=True)]
    assert max(loss_ulp) <= 4
    assert max(grad_ulp) <= 8
    np.testing.assert_array_equal(grad[:, 0], -grad[:, 1])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_cross_entropy_with_a_distribution_keeps_the_digits_of_a_confident_right_answer(dtype):
    """One-hot, beside 0; the difference of other logits is rounded first."""
    s = np.concatenate([np.geomspace(1e-6, 80, 60), -np.geomspace(1e-6, 80, 60)]).astype(dtype)
    logits = jnp.stack([s, np.zeros_like(s)], -1)
    certain = jnp.broadcast_to(jnp.asarray([1, 0], dtype), logits.shape)
    value, grad = with_gradient(functools.partial(losses.softmax_cross_entropy, labels=certain))(logits)
    with mpmath.workdps(50):
        a = [-mpmath.mpf(float(x)) for x in s]
        assert max(ulp(v, mpmath.log1p(mpmath.exp(x)), dtype) for v, x in zip(value, a, strict=True)) <= 4
        for sign, column in ((-1, 0), (1, 1)):
            exact = [sign / (1 + mpmath.exp(-x)) for x in a]
            assert max(ulp(g, x, dtype) for g, x in zip(grad[:, column], exact, strict=True)) <= 8


def test_derivative_of_the_cross_entropy_by_the_distribution_is_the_surprise():
    logits = LOGITS.at[2, 1].set(-jnp.inf)
    soft = SOFT.at[2, 1].set(0)
    soft = soft / soft.sum(-1, keepdims=True)
    by_labels = jax.grad(lambda y: losses.softmax_cross_entropy(logits, y).sum())(soft)
    expected = -np.asarray(jax.nn.log_softmax(logits))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(np.asarray(by_labels)[finite], expected[finite], rtol=1e-12)
    assert np.isfinite(by_labels).all()


def ulp(value, exact, dtype):
    return abs(mpmath.mpf(float(value)) - exact) / mpmath.mpf(float(np.spacing(np.asarray(float(exact), dtype))))


X, V = jnp.zeros((4, 3)), jnp.zeros(4)
BAD = [
    (losses.squared_error, (jnp.zeros((4, 1)), V), ValueError, "equal shapes"),
    (losses.absolute_error, (V, jnp.zeros((4, 1))), ValueError, "equal shapes"),
    (losses.huber, (X, X[:, :2]), ValueError, "equal shapes"),
    (losses.log_cosh, (X.astype(int), X), TypeError, "floating"),
    (losses.squared_error, (X, X.astype(int)), TypeError, "floating"),
    (losses.squared_error, (jnp.zeros(()), jnp.zeros(())), ValueError, "last"),
    (losses.mahalanobis_error, (X, X, jnp.eye(4)), ValueError, r"\[k, k\]"),
    (losses.softmax_cross_entropy, (X.astype(int), V.astype(int)), TypeError, "floating"),
    (losses.softmax_cross_entropy, (X, V), TypeError, r"astype\(int\)"),
    (losses.softmax_cross_entropy, (X, X.astype(int)), TypeError, "one-hot"),
    (losses.softmax_cross_entropy, (X, V[:, None].astype(int)), ValueError, r"labels\[\.\.\., 0\]"),
    (losses.softmax_cross_entropy, (X.T, V.astype(int)), ValueError, "last axis"),
    (losses.softmax_cross_entropy, (jnp.zeros(()), jnp.asarray(0)), ValueError, "two classes"),
    (losses.softmax_cross_entropy, (X, V.astype(int), jnp.ones(4)), ValueError, "one weight for each class"),
    (losses.softmax_cross_entropy, (X, X, jnp.ones((4, 3))), ValueError, "one weight for each class"),
    (losses.categorical_cross_entropy, (X, V), TypeError, r"astype\(int\)"),
    (losses.multiclass_hinge, (X, V), TypeError, r"astype\(int\)"),
    (losses.binary_cross_entropy, (X, V), ValueError, "equal shapes"),
    (losses.sigmoid_binary_cross_entropy, (jnp.zeros((4, 1)), V), ValueError, "equal shapes"),
    (losses.sigmoid_binary_cross_entropy, (V.astype(int), V), TypeError, "floating"),
    (losses.hinge, (V, V[:, None]), ValueError, "equal shapes"),
    (losses.hinge, (V, V.astype(bool)), TypeError, "-1 and 1"),
    (losses.soft_jaccard, (V, jnp.asarray(0)), ValueError, r"\[n, \.\.\., c\]"),
    (losses.gaussian_nll, (X, X, V), ValueError, "number"),
    (losses.weighted_mean, (V, V[:, None]), ValueError, "equal shapes"),
    (losses.check_probabilities, (jnp.asarray([0.5, 1.5]),), ValueError, "1.5"),
    (losses.check_probabilities, (jnp.asarray([0.5, jnp.nan]),), ValueError, "nan"),
]


@pytest.mark.parametrize(("f", "args", "error", "words"), BAD)
def test_wrong_input_is_refused_with_what_was_needed_what_came_and_what_to_try(f, args, error, words):
    with pytest.raises(error, match=words) as caught:
        f(*args)
    assert all(word in str(caught.value) for word in ("needed", "got", "try"))


def test_right_probabilities_pass():
    losses.check_probabilities(P)

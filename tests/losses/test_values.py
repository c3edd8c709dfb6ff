"""Losses against Optax, SciPy and their formulas."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from dlcore import losses
from dlcore.activations import softmax
from tests.losses.problems import LABELS, LOGITS, RNG, SOFT, WEIGHTS, C, N, P, one_hot, with_gradient

YES = jnp.asarray(RNG.integers(0, 2, (N, C)).astype(float))
SIDES = 2 * YES - 1
TARGETS = jnp.asarray(RNG.normal(size=(N, C)) * 3)


ORACLES = {
    "squared_error": (
        lambda s: losses.squared_error(s, TARGETS),
        lambda s: optax.losses.squared_error(s, TARGETS).sum(-1),
    ),
    "huber": (
        lambda s: losses.huber(s, TARGETS, delta=0.7),
        lambda s: optax.losses.huber_loss(s, TARGETS, delta=0.7).sum(-1),
    ),
    "huber by default": (
        lambda s: losses.huber(s, TARGETS),
        lambda s: optax.losses.huber_loss(s, TARGETS).sum(-1),
    ),
    "log_cosh": (lambda s: losses.log_cosh(s, TARGETS), lambda s: optax.losses.log_cosh(s, TARGETS).sum(-1)),
    "sigmoid_binary_cross_entropy": (
        lambda s: losses.sigmoid_binary_cross_entropy(s, SOFT),
        lambda s: optax.losses.sigmoid_binary_cross_entropy(s, SOFT),
    ),
    "softmax_cross_entropy of indices": (
        lambda s: losses.softmax_cross_entropy(s, LABELS),
        lambda s: optax.losses.softmax_cross_entropy_with_integer_labels(s, LABELS),
    ),
    "softmax_cross_entropy of distributions": (
        lambda s: losses.softmax_cross_entropy(s, SOFT),
        lambda s: optax.losses.softmax_cross_entropy(s, SOFT),
    ),
    "softmax_cross_entropy, smoothed": (
        lambda s: losses.softmax_cross_entropy(s, LABELS, label_smoothing=0.1),
        lambda s: optax.losses.softmax_cross_entropy(s, optax.losses.smooth_labels(one_hot(LABELS), 0.1)),
    ),
    "softmax_cross_entropy, weighted": (
        lambda s: losses.softmax_cross_entropy(s, LABELS, class_weights=WEIGHTS),
        lambda s: WEIGHTS[LABELS] * optax.losses.softmax_cross_entropy_with_integer_labels(s, LABELS),
    ),
    "softmax_cross_entropy, weighted distributions": (
        lambda s: losses.softmax_cross_entropy(s, SOFT, class_weights=WEIGHTS),
        lambda s: optax.losses.softmax_cross_entropy(s, SOFT * WEIGHTS[None, :]),
    ),
    "hinge": (lambda s: losses.hinge(s, SIDES), lambda s: optax.losses.hinge_loss(s, SIDES)),
    "perceptron": (lambda s: losses.perceptron(s, SIDES), lambda s: optax.losses.perceptron_loss(s, SIDES)),
    "focal": (
        lambda s: losses.focal(s, YES, gamma=1.7, alpha=0.3),
        lambda s: optax.losses.sigmoid_focal_loss(s, YES, gamma=1.7, alpha=0.3),
    ),
    "focal by default": (lambda s: losses.focal(s, YES), lambda s: optax.losses.sigmoid_focal_loss(s, YES)),
    "soft_dice": (
        lambda s: losses.soft_dice(softmax(s)[None], one_hot(LABELS)[None], eps=1.0),
        lambda s: optax.losses.dice_loss(s[None], one_hot(LABELS)[None], smooth=0.5),
    ),
}


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_gradients_are_those_of_optax(name):
    ours, theirs = ORACLES[name]
    value, grad = with_gradient(ours)(LOGITS)
    their_value, their_grad = with_gradient(theirs)(LOGITS)
    np.testing.assert_allclose(value, their_value, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(grad, their_grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ORACLES)
def test_forward_and_reverse_mode_agree_and_second_derivatives_exist(name):
    f = ORACLES[name][0]
    all_of_it = jax.jit(lambda s: (jax.jacfwd(f)(s), jax.jacrev(f)(s), jax.hessian(lambda s: jnp.sum(f(s)))(s)))
    forward, reverse, hessian = all_of_it(LOGITS)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-14)
    hessian = hessian.reshape(N * C, N * C)
    assert np.isfinite(hessian).all()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)


def test_hessian_of_the_sharp_cross_entropy_is_that_of_the_plain_one():
    sharp = jax.jit(jax.hessian(lambda s: losses.softmax_cross_entropy(s, LABELS[0])))(LOGITS[0])
    plain = jax.jit(jax.hessian(lambda s: losses.softmax_cross_entropy(s, one_hot(LABELS[0]))))(LOGITS[0])
    np.testing.assert_allclose(sharp, plain, rtol=1e-11, atol=1e-15)


def test_probability_forms_equal_logit_forms():
    p = softmax(LOGITS)
    for labels in (LABELS, SOFT):
        on_p = losses.categorical_cross_entropy(p, labels, WEIGHTS, 0.1)
        np.testing.assert_allclose(on_p, losses.softmax_cross_entropy(LOGITS, labels, WEIGHTS, 0.1), rtol=1e-12)
    on_p = losses.binary_cross_entropy(jax.nn.sigmoid(LOGITS), YES)
    np.testing.assert_allclose(on_p, losses.sigmoid_binary_cross_entropy(LOGITS, YES), rtol=1e-12)


def test_integer_and_boolean_answers_count_as_floating_ones():
    for f in (losses.sigmoid_binary_cross_entropy, losses.focal):
        np.testing.assert_array_equal(f(LOGITS, YES.astype(int)), f(LOGITS, YES))
        np.testing.assert_array_equal(f(LOGITS, YES.astype(bool)), f(LOGITS, YES))
    np.testing.assert_array_equal(losses.hinge(LOGITS, SIDES.astype(int)), losses.hinge(LOGITS, SIDES))


def test_multiclass_hinge_is_the_sum_over_the_other_classes():
    expected = [
        sum(max(0.0, s[j] - s[y] + 1) for j in range(C) if j != y)
        for s, y in zip(np.asarray(LOGITS), np.asarray(LABELS), strict=True)
    ]
    np.testing.assert_allclose(losses.multiclass_hinge(LOGITS, LABELS), expected, rtol=1e-14)
    np.testing.assert_allclose(losses.multiclass_hinge(LOGITS, one_hot(LABELS)), expected, rtol=1e-14)
    assert losses.multiclass_hinge(jnp.asarray([5.0, 1.0, 3.9]), jnp.asarray(0)) == 0.0


def test_an_absolute_error_of_0_pulls_nowhere():
    errors = jnp.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(jax.grad(lambda p: losses.absolute_error(p, jnp.zeros(3)))(errors), [-1, 0, 1])


def test_likelihoods_lead_to_the_plain_losses():
    r"""With $\sigma^2 = 1/2$, $b = 1$: squared and absolute error and a constant; cross entropy is the categorical."""
    half = losses.gaussian_nll(LOGITS, TARGETS, variance=0.5)
    np.testing.assert_allclose(half, losses.squared_error(LOGITS, TARGETS) + C / 2 * np.log(np.pi), rtol=1e-14)
    unit = losses.laplace_nll(LOGITS, TARGETS, scale=1.0)
    np.testing.assert_allclose(unit, losses.absolute_error(LOGITS, TARGETS) + C * np.log(2), rtol=1e-14)
    product = -np.log(np.prod(np.asarray(P) ** np.asarray(SOFT), axis=-1))
    np.testing.assert_allclose(losses.categorical_nll(P, SOFT), product, rtol=1e-13)
    np.testing.assert_array_equal(losses.categorical_nll(P, LABELS), losses.categorical_cross_entropy(P, LABELS))


def test_likelihoods_are_those_of_scipy():
    x, mu = np.asarray(TARGETS), np.asarray(LOGITS)
    np.testing.assert_allclose(
        losses.gaussian_nll(LOGITS, TARGETS, variance=2.3), -scipy.stats.norm.logpdf(x, mu, np.sqrt(2.3)).sum(-1)
    )
    np.testing.assert_allclose(
        losses.laplace_nll(LOGITS, TARGETS, scale=1.7), -scipy.stats.laplace.logpdf(x, mu, 1.7).sum(-1)
    )
    root = RNG.normal(size=(C, C))
    covariance = root @ root.T + np.eye(C)
    expected = [-scipy.stats.multivariate_normal.logpdf(a, m, covariance) for a, m in zip(x, mu, strict=True)]
    np.testing.assert_allclose(losses.multivariate_gaussian_nll(LOGITS, TARGETS, jnp.asarray(covariance)), expected)
    r = x - mu
    explicit = np.einsum("ni,ij,nj->n", r, np.linalg.inv(covariance), r)
    np.testing.assert_allclose(losses.mahalanobis_error(LOGITS, TARGETS, jnp.asarray(covariance)), explicit, rtol=1e-12)


def test_jaccard_and_dice_as_in_the_lecture():
    y = np.eye(3)[RNG.integers(0, 3, (2, 4, 5))]
    p = RNG.dirichlet(np.ones(3), (2, 4, 5))
    alpha, beta, eps = (y * p).sum((1, 2)), (y + p).sum((1, 2)), 1e-3
    J, D = (alpha + eps) / (beta - alpha + eps), (2 * alpha + eps) / (beta + eps)
    np.testing.assert_allclose(losses.soft_jaccard(jnp.asarray(p), jnp.asarray(y), eps), 1 - J.mean(-1), rtol=1e-13)
    np.testing.assert_allclose(losses.soft_dice(jnp.asarray(p), jnp.asarray(y), eps), 1 - D.mean(-1), rtol=1e-13)
    indices = jnp.asarray(y.argmax(-1))
    np.testing.assert_allclose(losses.soft_jaccard(jnp.asarray(p), indices, eps), 1 - J.mean(-1), rtol=1e-13)


def test_overlaps_are_kept_from_0_by_a_millionth():
    """Of a class that is there and not met at all, by hand: alpha is 0 and beta 1."""
    nothing, one = jnp.zeros((1, 1, 1)), jnp.ones((1, 1, 1))
    for f in (losses.soft_jaccard, losses.soft_dice):
        np.testing.assert_allclose(1 - f(nothing, one), [1e-6 / (1 + 1e-6)], rtol=1e-9)


@pytest.mark.parametrize("spatial", [(), (3, 4), (2, 3, 4)])
def test_segmentation_losses_take_any_number_of_spatial_axes(spatial):
    logits = jnp.asarray(RNG.normal(size=(2, *spatial, C)))
    labels = jnp.zeros((2, *spatial), int)
    for f in (losses.soft_jaccard, losses.soft_dice):
        exact = f(one_hot(labels), labels)
        np.testing.assert_allclose(exact, np.zeros(2), atol=1e-15)
        value, grad = with_gradient(functools.partial(f, labels=labels))(softmax(logits))
        assert np.isfinite(grad).all()
        assert (value > 0).all()
    pixels = losses.softmax_cross_entropy(logits, labels, WEIGHTS).reshape(2, -1).sum(-1)
    np.testing.assert_allclose(losses.pixelwise_cross_entropy(logits, labels, WEIGHTS), pixels, rtol=1e-13)

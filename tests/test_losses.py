"""Losses: against Optax and SciPy, at the ends of every range, and with wrong input of every kind."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import optax
import pytest
import scipy.stats

from dlcore import losses
from dlcore.activations import softmax

RNG = np.random.default_rng(0)
N, C = 7, 5
LOGITS = jnp.asarray(RNG.normal(size=(N, C)) * 3)
LABELS = jnp.asarray(RNG.integers(0, C, N))
SOFT = jnp.asarray(RNG.dirichlet(np.ones(C), N))
P = jnp.asarray(RNG.dirichlet(np.ones(C), N))
YES = jnp.asarray(RNG.integers(0, 2, (N, C)).astype(float))
SIDES = 2 * YES - 1
TARGETS = jnp.asarray(RNG.normal(size=(N, C)) * 3)
WEIGHTS = jnp.asarray([1.0, 2.0, 0.5, 0.0, 3.0])


def one_hot(labels):
    return jax.nn.one_hot(labels, C, dtype=float)


def with_gradient(f):
    return jax.jit(lambda s: (f(s), jax.grad(lambda s: f(s).astype(float).sum())(s)))


ORACLES = {
    "squared_error": (
        lambda s: losses.squared_error(s, TARGETS),
        lambda s: optax.losses.squared_error(s, TARGETS).sum(-1),
    ),
    "huber": (
        lambda s: losses.huber(s, TARGETS, delta=0.7),
        lambda s: optax.losses.huber_loss(s, TARGETS, delta=0.7).sum(-1),
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
    by_labels = jax.grad(lambda y: losses.softmax_cross_entropy(logits, y).sum())(SOFT.at[2, 1].set(0))
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

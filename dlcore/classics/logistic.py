"""Logistic and softmax regression: no closed form, so by descent, Newton's method or L-BFGS."""

from typing import Any

import jax.numpy as jnp

from dlcore.activations import sigmoid, softmax
from dlcore.classics.linear import at_zero, check_examples, descended, in_dtype, squared_norm, wide
from dlcore.layers import dense
from dlcore.losses import sigmoid_binary_cross_entropy, softmax_cross_entropy
from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.ranges import NOT_NEGATIVE
from dlcore.solvers import LBFGS

BY_DEFAULT = LBFGS()


def logistic_regression(params: dict[str, Array], x: Array) -> Array:
    r"""$\hat y = p(y = 1 | x) = \sigma(x\theta)$: x [..., d] -> [...]."""
    return sigmoid(dense(params, x))


def logistic_regression_loss(params: dict[str, Array], x: Array, y: Array, l2: Scalar = 0.0) -> Array:
    r"""$-\sum_i [y_i \ln \hat y_i + (1 - y_i) \ln(1 - \hat y_i)] + \lambda \|w\|^2$, the bias free: -> [].

    x [n, d], y [n] of 0 and 1, or shares between. A sum, so that without a penalty it is the negative log-likelihood
    and ``standard_errors`` takes it; computed on the logits. Lectures lose the minus sign of this loss.
    """
    losses = sigmoid_binary_cross_entropy(dense(params, x), y)
    return jnp.sum(losses) + squared_norm(params["kernel"], l2)


def logistic_regression_fit(x: Array, y: Array, l2: Scalar = 0.0, method: Any = BY_DEFAULT) -> dict[str, Array]:
    r"""The minimum of ``logistic_regression_loss``, by any method of descent: ``Newton()``, ``GradientDescent()``, …

    x [n, d], y [n] of 0 and 1. The penalty is scikit-learn's ``C = 1 / (2 l2)``. Where a hyperplane separates the
    classes there is no minimum without a penalty: the parameters grow until the gradient vanishes in rounding.
    NaN for other labels. ``minimize(method, logistic_regression_loss, …)`` gives the same with a status.
    Raises ValueError or TypeError for shapes and dtypes that do not fit.
    """
    check_examples(x, y)
    NOT_NEGATIVE.check("l2", l2)
    X, weight = wide(x, l2)
    return in_dtype(descended(method, logistic_regression_loss, at_zero(X), X, y, weight), x)


def softmax_regression(params: dict[str, Array], x: Array) -> Array:
    r"""$p(y = k | x) = e^{s_k} / \sum_j e^{s_j}$, $s = xW + b$: x [..., d] -> [..., c]."""
    return softmax(dense(params, x))


def softmax_regression_loss(params: dict[str, Array], x: Array, y: Array, l2: Scalar = 0.0) -> Array:
    r"""$-\sum_i \ln p(y_i | x_i) + \lambda \|W\|^2$, the biases free: -> []. Lectures lose the minus sign.

    x [n, d], y [n] of class indices 0 … c-1 or distributions [n, c].
    """
    losses = softmax_cross_entropy(dense(params, x), y)
    return jnp.sum(losses) + squared_norm(params["kernel"], l2)


def softmax_regression_fit(
    x: Array, y: Array, classes: int, l2: Scalar = 0.0, method: Any = BY_DEFAULT
) -> dict[str, Array]:
    r"""The minimum of ``softmax_regression_loss``: kernel [d, classes] and bias [classes].

    x [n, d], y [n] of class indices 0 … classes-1 or distributions [n, classes]; the rest as in
    ``logistic_regression_fit``. The same number added to all scores changes no probability: of all these minima the
    one whose kernel and bias sum to 0 over the classes, which is scikit-learn's. Differences to class 0 are the
    coefficients of the multinomial logit.
    """
    check_examples(x, y, ranks=(1, 2))
    NOT_NEGATIVE.check("l2", l2)
    if classes < 2 or (y.ndim == 2 and y.shape[1] != classes):
        raise ValueError(f"needed at least two classes, as in y, got classes {classes} and y {list(y.shape)}")
    X, weight = wide(x, l2)
    y = y.astype(X.dtype) if jnp.issubdtype(y.dtype, jnp.floating) else y
    free = descended(method, _softmax_loss_of_free, at_zero(X, (classes - 1,)), X, y, weight)
    return in_dtype(_centered(free), x)


def _softmax_loss_of_free(free, x, y, l2):
    """With c - 1 free scores the Hessian is not singular, and Newton's method needs no damping."""
    return softmax_regression_loss(_centered(free), x, y, l2)


def _centered(free):
    """Parameters of c scores of sum 0 from c - 1 scores in excess of the first."""
    full = {name: jnp.pad(p, [(0, 0)] * (p.ndim - 1) + [(1, 0)]) for name, p in free.items()}
    return {name: p - jnp.mean(p, axis=-1, keepdims=True) for name, p in full.items()}

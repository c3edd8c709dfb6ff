"""Linear regression and ridge: in closed form by QR, by the normal equations, or by descent."""

from typing import Any

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar, check_same_shape, in_dtype_of
from dlcore.losses import squared_error
from dlcore.models.linear import _check_examples, _in_dtype, _minimizer, _wide, _zeros, affine
from dlcore.solvers import QR, solve
from dlcore.solvers.linear import LinearMethod

BY_DEFAULT = QR()


def linear_regression(params: dict[str, Array], x: Array) -> Array:
    r"""$\hat y = X\theta$: x [..., d] -> [...] or [..., k], as the targets of the fit."""
    return affine(params, x)


def linear_regression_loss(params: dict[str, Array], x: Array, y: Array, l2: Scalar = 0.0) -> Array:
    r"""$J(\theta) = \|X\theta - y\|^2 + \lambda \|w\|^2$, the bias free: x [n, d], y [n] or [n, k] -> [].

    A sum over the examples. Lectures write $(X\theta - y)^\top (X\theta - y)$ for what they defined with $\frac1n$;
    without a penalty both have the same minimum, with one $\lambda$ counts n times as much in the mean.
    """
    predictions = affine(params, x)
    check_same_shape(predictions=predictions, y=y)
    rows = (predictions, y) if y.ndim > 1 else (predictions[:, None], y[:, None])
    return jnp.sum(squared_error(*rows)) + in_dtype_of(x, l2) * jnp.sum(jnp.square(params["kernel"]))


def linear_regression_fit(x: Array, y: Array, l2: Scalar = 0.0, method: Any = BY_DEFAULT) -> dict[str, Array]:
    r"""$\theta = (X^\top X)^{-1} X^\top y$, with ``l2`` ridge: the minimum of ``linear_regression_loss``.

    x [n, d]; y [n] or, for k outputs, [n, k]. The penalty is scikit-learn's ``Ridge(alpha=l2)``. ``method`` is how:

    - ``QR()`` of X with a column of ones, and $\sqrt\lambda I$ below: the digits that the data determine. The
      shortest answer, in scaled columns, where they determine none;
    - ``NormalEquations()``, the formula as it stands: squares the condition number, so half of the digits are lost,
      and NaN where none is left;
    - ``GradientDescent()`` or any other method of descent, for d too large to factor X.

    Raises ValueError or TypeError for shapes and dtypes that do not fit.
    """
    _check_examples(x, y, ranks=(1, 2))
    X, Y, weight = _wide(x, y, l2)
    if not isinstance(method, LinearMethod):
        start = _zeros(X, Y.shape[1:])
        return _in_dtype(_minimizer(method, linear_regression_loss, start, X, Y, weight), x)
    n, d = X.shape
    above = jnp.column_stack([X, jnp.ones((n, 1), X.dtype)])
    A = jnp.concatenate([above, jnp.sqrt(weight) * jnp.eye(d, d + 1, dtype=X.dtype)])
    b = jnp.concatenate([Y, jnp.zeros((d, *Y.shape[1:]), X.dtype)])
    by_column = b[:, None] if Y.ndim == 1 else b
    theta = jax.vmap(lambda column: solve(method, A, column).params, in_axes=1, out_axes=1)(by_column)
    theta = theta[:, 0] if Y.ndim == 1 else theta
    return _in_dtype({"kernel": theta[:-1], "bias": theta[-1]}, x)

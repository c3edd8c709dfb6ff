"""Linear regression and ridge: in closed form by QR, by the normal equations, or by descent."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.classics.linear import at_zero, check_examples, descended, in_dtype, squared_norm, wide
from dlcore.classics.units import Units, centered, in_units, power_of_two, units_of
from dlcore.layers import dense
from dlcore.losses import squared_error
from dlcore.numerics.errors import check_same_shape
from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.ranges import NOT_NEGATIVE
from dlcore.solvers import QR, solve
from dlcore.solvers.linear.system import LinearMethod

BY_DEFAULT = QR()


def linear_regression(params: dict[str, Array], x: Array) -> Array:
    r"""$\hat y = X\theta$: x [..., d] -> [...] or [..., k], as the targets of the fit."""
    return dense(params, x)


def linear_regression_loss(params: dict[str, Array], x: Array, y: Array, l2: Scalar = 0.0) -> Array:
    r"""$J(\theta) = \|X\theta - y\|^2 + \lambda \|w\|^2$, the bias free: x [n, d], y [n] or [n, k] -> [].

    A sum over the examples. Lectures write $(X\theta - y)^\top (X\theta - y)$ for what they defined with $\frac1n$;
    without a penalty both have the same minimum, with one $\lambda$ counts n times as much in the mean.
    """
    predictions = dense(params, x)
    check_same_shape(predictions=predictions, y=y)
    rows = (predictions, y) if y.ndim > 1 else (predictions[:, None], y[:, None])
    return jnp.sum(squared_error(*rows)) + squared_norm(params["kernel"], l2)


def linear_regression_fit(x: Array, y: Array, l2: Scalar = 0.0, method: Any = BY_DEFAULT) -> dict[str, Array]:
    r"""$\theta = (X^\top X)^{-1} X^\top y$, with ``l2`` ridge: the minimum of ``linear_regression_loss``.

    x [n, d]; y [n] or, for k outputs, [n, k]. The penalty is scikit-learn's ``Ridge(alpha=l2)``. ``method`` is how:

    - ``QR()`` of X with a column of ones, and $\sqrt\lambda I$ below: the digits that the data determine. The
      shortest answer, in scaled columns, where they determine none;
    - ``NormalEquations()``, the formula of the lectures: squares the condition number, so half of the digits are lost,
      and NaN where none is left;
    - ``GradientDescent()`` or any other method of descent, for d too large to factor X.

    Both work on X around its mean, so that years and altitudes lose no digit. Raises ValueError or TypeError for shapes
    and dtypes that do not fit.

    >>> import jax.numpy as jnp
    >>> from dlcore.classics import linear_regression_fit
    >>> fitted = linear_regression_fit(jnp.array([[0.0], [1.0], [2.0]]), jnp.array([1.0, 3.0, 5.0]))
    >>> print(fitted["kernel"].round(4), fitted["bias"].round(4))
    [2.] 1.0
    """
    check_examples(x, y, ranks=(1, 2))
    NOT_NEGATIVE.check("l2", l2)
    X, Y, weight = wide(x, y, l2)
    if isinstance(method, LinearMethod):
        return in_dtype(_solved(method, X, Y, weight), x)
    return in_dtype(descended(method, linear_regression_loss, at_zero(X, Y.shape[1:]), X, Y, weight), x)


def _solved(method, X, Y, weight):
    """On columns of mean 0 and size 1, whose column of ones takes up only what rounding leaves of the means."""
    n, d = X.shape
    of_x, of_y = units_of(X), units_of(Y)
    root = jnp.sqrt(weight)
    of_x = Units(of_x.mean, power_of_two(jnp.maximum(of_x.size, root / math.sqrt(n))))  # nor may the penalty overflow
    above = jnp.column_stack([centered(X, of_x) / of_x.size[None], jnp.ones((n, 1), X.dtype)])
    A = jnp.concatenate([above, jnp.pad(jnp.diag(root / of_x.size), [(0, 0), (0, 1)])])
    b = jnp.concatenate([centered(Y, of_y) / of_y.size[None], jnp.zeros((d, *Y.shape[1:]), X.dtype)])
    by_column = b[:, None] if Y.ndim == 1 else b
    theta = jax.vmap(lambda column: solve(method, A, column).params, in_axes=1, out_axes=1)(by_column)
    theta = theta * of_y.size.reshape(1, -1)
    theta = theta[:, 0] if Y.ndim == 1 else theta
    params = in_units({"kernel": theta[:-1], "bias": theta[-1]}, of_x)
    return params | {"bias": params["bias"] + of_y.mean}

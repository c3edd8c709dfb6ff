"""Losses for real targets: predictions [..., k], targets [..., k] -> [...], summed over the last axis."""

import math

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import check_float, check_same_shape
from dlcore.numerics.formats import Array, Scalar, lifted
from dlcore.numerics.functions import absolute, expm1, tanh
from dlcore.numerics.matrices import cholesky, solve_lower
from dlcore.numerics.ranges import POSITIVE


@lifted()
def squared_error(predictions: Array, targets: Array) -> Array:
    r"""$\|y - \hat y\|_2^2$; its expectation is least at the mean of $y$."""
    return jnp.sum(jnp.square(_error(predictions, targets)), axis=-1)


@lifted()
def squared_error_over(predictions: Array, targets: Array, width: Scalar) -> Array:
    r"""$\|y - \hat y\|_2^2 / w$, also where the square alone is too large for the type."""
    r = _error(predictions, targets)
    return jnp.sum(r * (r / width), axis=-1)


@lifted()
def absolute_error(predictions: Array, targets: Array) -> Array:
    r"""$\|y - \hat y\|_1$; its expectation is least at the median of $y$. Derivative 0 where it is 0."""
    return jnp.sum(absolute(_error(predictions, targets)), axis=-1)


def mahalanobis_error(predictions: Array, targets: Array, covariance: Array) -> Array:
    r"""$(y - \hat y)^\top C^{-1} (y - \hat y) = \|z\|^2$ with $L z = y - \hat y$, $C = L L^\top$; C [k, k].

    Raises ValueError for a C of another shape and one known not to be symmetric positive definite; NaN where it is
    traced.
    """
    return factored_error(predictions, targets, cholesky(covariance))


@lifted()
def factored_error(predictions: Array, targets: Array, L: Array) -> Array:
    r"""$\|L^{-1} (y - \hat y)\|^2$; L [k, k] lower triangular."""
    return jnp.sum(jnp.square(solve_lower(L, _error(predictions, targets))), axis=-1)


@lifted(delta=POSITIVE)
def huber(predictions: Array, targets: Array, delta: Scalar = 1.0) -> Array:
    r"""$\frac12 r^2$ if $|r| \le \delta$, else $\delta (|r| - \frac12 \delta)$, with $r = y - \hat y$. Huber 1964.

    Raises ValueError for a delta that is not positive.
    """
    r = jnp.abs(_error(predictions, targets))
    inside = jnp.where(r <= delta, r, 0)  # the square of a large r would overflow in the gradient
    return jnp.sum(jnp.where(r <= delta, jnp.square(inside) / 2, delta * (r - delta / 2)), axis=-1)


@lifted()
def log_cosh(predictions: Array, targets: Array) -> Array:
    r"""$\ln \cosh (y - \hat y)$, near $\frac12 r^2$ for small and $|r| - \ln 2$ for large errors."""
    return jnp.sum(_log_cosh(_error(predictions, targets)), axis=-1)


@jax.custom_jvp
def _log_cosh(r):
    x = jnp.abs(r)
    e, near = jnp.exp(-x), x < 0.7
    # cosh x - 1 = (1 - e^{-x})^2 / (2 e^{-x}): near 0, ln 2 would be subtracted from nearly itself
    small = jnp.square(expm1(-x)) / (2 * jnp.where(near, e, 1))
    return jnp.log1p(jnp.where(near, small, e * e)) + jnp.where(near, 0, x - math.log(2))


@_log_cosh.defjvp
def _log_cosh_jvp(primals, tangents):
    return _log_cosh(*primals), tanh(*primals) * tangents[0]


def _error(predictions, targets):
    check_float("targets", targets)
    check_same_shape(predictions=predictions, targets=targets)
    if not jnp.ndim(predictions):
        raise ValueError("needed predictions [..., k] with the k numbers of one example last, got []; try: [..., None]")
    return targets - predictions

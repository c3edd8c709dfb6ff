"""Losses for real targets: predictions [..., k], targets [..., k] -> [...], summed over the last axis."""

import math

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar, at_least_f32, check_float, check_same_shape, in_dtype_of
from dlcore.elementary import absolute, expm1, tanh


def squared_error(predictions: Array, targets: Array) -> Array:
    r"""$\|y - \hat y\|_2^2$; its expectation is least at the mean of $y$."""
    return _sum(jnp.square(_error(predictions, targets)), predictions)


def absolute_error(predictions: Array, targets: Array) -> Array:
    r"""$\|y - \hat y\|_1$; its expectation is least at the median of $y$. Derivative 0 where it is 0."""
    return _sum(absolute(_error(predictions, targets)), predictions)


def mahalanobis_error(predictions: Array, targets: Array, covariance: Array) -> Array:
    r"""$(y - \hat y)^\top C^{-1} (y - \hat y) = \|z\|^2$ with $L z = y - \hat y$, $C = L L^\top$; C [k, k].

    NaN where C is not positive definite.
    """
    r = _error(predictions, targets)
    L = jnp.linalg.cholesky(square_like(r, covariance))
    z = jax.scipy.linalg.solve_triangular(L, r.reshape(-1, r.shape[-1]).T, lower=True)
    return _sum(jnp.square(z.T).reshape(r.shape), predictions)


def huber(predictions: Array, targets: Array, delta: Scalar = 1.0) -> Array:
    r"""$\frac12 r^2$ if $|r| \le \delta$, else $\delta (|r| - \frac12 \delta)$, with $r = y - \hat y$. Huber 1964."""
    r = jnp.abs(_error(predictions, targets))
    delta = in_dtype_of(r, delta)
    inside = jnp.where(r <= delta, r, 0)  # the square of a large r would overflow in the gradient
    return _sum(jnp.where(r <= delta, jnp.square(inside) / 2, delta * (r - delta / 2)), predictions)


def log_cosh(predictions: Array, targets: Array) -> Array:
    r"""$\ln \cosh (y - \hat y)$, near $\frac12 r^2$ for small and $|r| - \ln 2$ for large errors."""
    return _sum(_log_cosh(_error(predictions, targets)), predictions)


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


def square_like(r: Array, covariance: Array) -> Array:
    """``covariance`` [k, k] in the dtype of r [..., k]; ValueError for another shape."""
    if jnp.shape(covariance) != (r.shape[-1],) * 2:
        raise ValueError(
            f"needed covariance [k, k] for predictions [..., k], got {list(jnp.shape(covariance))} and "
            f"{list(r.shape)}; try: one matrix for all examples, for variances alone jnp.diag(variances)"
        )
    return jnp.asarray(covariance, r.dtype)


def _error(predictions, targets):
    check_float("predictions", predictions)
    check_float("targets", targets)
    check_same_shape(predictions=predictions, targets=targets)
    if not jnp.ndim(predictions):
        raise ValueError("needed predictions [..., k] with the k numbers of one example last, got []; try: [..., None]")
    wide = at_least_f32(predictions.dtype)
    return jnp.asarray(targets, wide) - jnp.asarray(predictions, wide)


def _sum(terms, predictions):
    return jnp.sum(terms, axis=-1).astype(predictions.dtype)

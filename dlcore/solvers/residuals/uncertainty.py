"""How well the data determine what was fitted: covariances at the minimum of a sum of squares or of a likelihood."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, PyTree
from dlcore.solvers.linear.factors import equilibrated, rank_tolerance
from dlcore.solvers.problem import Problem, as_data, check_output, full_precision, ravel
from dlcore.solvers.residuals.jacobian import jacobian
from dlcore.solvers.residuals.method import check_residuals, in_own_units


def covariance(residuals: Callable, params: PyTree, *, args: tuple = ()) -> Array:
    r"""$\hat\sigma^2 (J^\top J)^{-1}$ [n, n] at a minimum, $\hat\sigma^2 = \|r\|^2 / (m - n)$; order of the leaves.

    By QR of J. Where J has not full rank, parameters that the data do not determine, because another one can make up
    for them, have the variance infinity and covariances NaN. Raises ValueError where m is not above n.
    """
    return _covariance(as_data(residuals), params, args)[0]


def standard_deviations(residuals: Callable, params: PyTree, *, args: tuple = ()) -> PyTree:
    """Of the parameters at a minimum, in their structure: the roots of the diagonal of ``covariance``."""
    return _covariance(as_data(residuals), params, args)[1]


@jax.jit
@full_precision
def _covariance(residuals, params, args):
    x, unravel = ravel(params)
    check_residuals(residuals, params, args, x.size + 1)
    f = in_own_units(Problem(residuals, unravel, args, x.dtype), x)
    r = f(x)
    J, scale = equilibrated(jacobian(f, x))
    R = jnp.linalg.qr(J, mode="r")
    _, sigma, Vt = jnp.linalg.svd(jax.lax.stop_gradient(R))
    lost = ~(sigma > rank_tolerance(J) * sigma[0])
    inverse = jax.scipy.linalg.solve_triangular(R, jnp.eye(x.size, dtype=x.dtype))
    root = jnp.where(jnp.any(lost), Vt.T / jnp.where(lost, jnp.inf, sigma)[None, :], inverse) * scale[:, None]
    C = _undetermined(lost, Vt, (r @ r) / (r.size - x.size) * (root @ root.T))
    return C, unravel(jnp.sqrt(jnp.diagonal(C)))


def _undetermined(lost, Vt, C):
    """C, infinite where a direction that is ``lost``, a row of Vt, has a part in the parameter."""
    free = jnp.any(lost[:, None] & (jnp.abs(Vt) > jnp.finfo(C.dtype).eps ** 0.5), axis=0)
    unknown = jnp.where(jnp.eye(len(C), dtype=bool), jnp.inf, jnp.nan)
    return jnp.where(free[:, None] | free[None, :], unknown, C)


def standard_errors(negative_log_likelihood: Callable, params: PyTree, *, args: tuple = ()) -> PyTree:
    r"""$\sqrt{\operatorname{diag} H^{-1}}$ in the structure of ``params``, $H$ the observed information there.

    That is the Hessian of the summed (not averaged) negative log-likelihood at its minimum, which has to be positive
    definite: NaN where it is indefinite, and infinity for parameters that it does not determine.
    """
    return _standard_errors(as_data(negative_log_likelihood), params, args)


@jax.jit
@full_precision
def _standard_errors(f, params, args):
    check_output("negative_log_likelihood", jax.eval_shape(f, params, *args), rank=0)
    x, unravel = ravel(params)
    H = jax.hessian(Problem(f, unravel, args, x.dtype))(x)
    d = jnp.sqrt(jnp.where(jnp.diagonal(H) > 0, jnp.diagonal(H), 1))
    H = H / (d[:, None] * d[None, :])
    values, V = jnp.linalg.eigh(jax.lax.stop_gradient(H))
    rounding = 10 * rank_tolerance(H) * values[-1]
    lost = jnp.abs(values) <= rounding
    L = jnp.linalg.cholesky(H)
    inverse = jax.scipy.linalg.solve_triangular(L, jnp.eye(x.size, dtype=x.dtype), lower=True).T
    root = jnp.where(jnp.any(lost), V / jnp.sqrt(jnp.where(lost, jnp.inf, values))[None, :], inverse) / d[:, None]
    C = _undetermined(lost, V.T, root @ root.T)
    return unravel(jnp.sqrt(jnp.where(jnp.any(values < -rounding), jnp.nan, jnp.diagonal(C))))

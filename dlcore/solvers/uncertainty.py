"""How well the data determine what was fitted: covariances at the minimum of a sum of squares or of a likelihood."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree
from dlcore.solvers.jacobian import _jacobian
from dlcore.solvers.least_squares import _check_residuals
from dlcore.solvers.loop import _as_data, _check_output, _OnVectors, raveled


def covariance(residuals: Callable, params: PyTree, *, args: tuple = ()) -> Array:
    r"""$\hat\sigma^2 (J^\top J)^{-1}$ [n, n] at a minimum, $\hat\sigma^2 = \|r\|^2 / (m - n)$; order of the leaves.

    By QR of J. Raises ValueError where m is not above n; not finite where J has not full rank.
    """
    return _covariance(_as_data(residuals), params, args)[0]


def standard_deviations(residuals: Callable, params: PyTree, *, args: tuple = ()) -> PyTree:
    """Of the parameters at a minimum, in their structure: the roots of the diagonal of ``covariance``."""
    return _covariance(_as_data(residuals), params, args)[1]


@jax.jit
def _covariance(residuals, params, args):
    x, unravel = raveled(params)
    _check_residuals(residuals, params, args, x.size + 1)
    f = _OnVectors(residuals, unravel, args, x.dtype)
    r = f(x)
    with jax.default_matmul_precision("highest"):
        R = jnp.linalg.qr(_jacobian(f, x), mode="r")
        inverse = jax.scipy.linalg.solve_triangular(R, jnp.eye(x.size, dtype=x.dtype))
        C = (r @ r) / (r.size - x.size) * (inverse @ inverse.T)
    return C, unravel(jnp.sqrt(jnp.diagonal(C)))


def standard_errors(negative_log_likelihood: Callable, params: PyTree, *, args: tuple = ()) -> PyTree:
    r"""$\sqrt{\operatorname{diag} H^{-1}}$ in the structure of ``params``, $H$ the observed information there.

    That is the Hessian of the summed (not averaged) negative log-likelihood at its minimum, which has to be positive
    definite: NaN where it is not.
    """
    return _standard_errors(_as_data(negative_log_likelihood), params, args)


@jax.jit
def _standard_errors(f, params, args):
    _check_output("negative_log_likelihood", jax.eval_shape(f, params, *args), rank=0)
    x, unravel = raveled(params)
    with jax.default_matmul_precision("highest"):
        L = jnp.linalg.cholesky(jax.hessian(_OnVectors(f, unravel, args, x.dtype))(x))
        inverse = jax.scipy.linalg.solve_triangular(L, jnp.eye(x.size, dtype=x.dtype), lower=True)
    return unravel(jnp.sqrt(jnp.sum(inverse**2, axis=0)))

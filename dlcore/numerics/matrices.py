r"""Symmetric positive definite matrices $C = L L^\top$ by their Cholesky factor, never an inverse."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import solve_triangular

from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array, at_least_f32, compiled


def cholesky(covariance: Array) -> Array:
    r"""The lower triangular $L$ with $L L^\top = C$ [d, d], in at least float32.

    Raises TypeError for a ``covariance`` that is not floating and ValueError for one that is not square or is known
    not to be symmetric positive definite; NaN for a traced one.
    """
    L = _cholesky(covariance)
    if not isinstance(L, Tracer) and np.isnan(np.asarray(L)).any():
        _refuse(np.asarray(covariance, L.dtype))
    return L


@compiled()
def _cholesky(covariance):
    check_float("covariance", covariance)
    if np.ndim(covariance) != 2 or covariance.shape[0] != covariance.shape[1]:
        raise ValueError(needed("covariance", "[d, d]", list(np.shape(covariance)), "jnp.diag of variances"))
    C = jnp.asarray(covariance, at_least_f32(covariance.dtype))
    return jnp.where(_symmetric(C, jnp), jnp.linalg.cholesky(C), jnp.nan)


def _symmetric(C, numbers):
    """Whether C is its transpose, to half the digits of the variances."""
    std = numbers.sqrt(numbers.abs(numbers.diagonal(C)))
    return numbers.all(numbers.abs(C - C.T) <= float(jnp.finfo(C.dtype).eps) ** 0.5 * std[:, None] * std[None])


def _refuse(C):
    if not _symmetric(C, np):
        raise ValueError(needed("covariance", "a symmetric matrix", "an asymmetric one", "(C + C.T) / 2"))
    least = np.linalg.eigvalsh(C)[0] if np.isfinite(C).all() else np.nan
    hint = "adding a small multiple of the identity, or drop dependent features"
    raise ValueError(needed("covariance", "positive definite", f"a least eigenvalue of {least:.3g}", hint))


def solve_lower(L: Array, x: Array) -> Array:
    r"""$L^{-1} x$ for every x [..., d]; L [d, d] lower triangular. Raises ValueError for another shape."""
    if np.shape(L) != (x.shape[-1],) * 2:
        hint = "one matrix for all examples, of variances alone jnp.diag(variances)"
        raise ValueError(needed("covariance", f"[k, k] for [..., k] = {list(x.shape)}", list(np.shape(L)), hint))
    return solve_triangular(L, x.reshape(-1, x.shape[-1]).T, lower=True).T.reshape(x.shape)

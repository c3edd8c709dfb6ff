r"""The multivariate normal distribution $N(\mu, C)$, by the Cholesky factor $C = L L^\top$, never an inverse."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import solve_triangular

from dlcore.contracts import Array, at_least_f32, check_float
from dlcore.probability.normal import HALF_LOG_TWO_PI


def cholesky(covariance: Array) -> Array:
    r"""The lower triangular $L$ with $L L^\top = C$ [d, d], in at least float32.

    Raises TypeError for a ``covariance`` that is not floating and ValueError for one that is not square or is known
    not to be symmetric positive definite; NaN for a traced one.
    """
    check_float("covariance", covariance)
    if np.ndim(covariance) != 2 or covariance.shape[0] != covariance.shape[1]:
        raise ValueError(f"covariance: needed [d, d], got {list(np.shape(covariance))}; try: jnp.diag of variances")
    wide = covariance.astype(at_least_f32(covariance.dtype))
    L = jnp.linalg.cholesky(wide)
    if not isinstance(L, Tracer):
        _check_positive_definite(np.asarray(wide), np.asarray(L))
    return L


def _check_positive_definite(C, L):
    if not np.allclose(C, C.T, rtol=np.sqrt(np.finfo(C.dtype).eps), atol=0):
        raise ValueError("covariance: needed a symmetric matrix, got an asymmetric one; try (C + C.T) / 2")
    if not np.isfinite(L).all():
        least = np.linalg.eigvalsh(C)[0] if np.isfinite(C).all() else np.nan
        raise ValueError(
            f"covariance: needed positive definite, got a least eigenvalue of {least:.3g}; "
            "try: add a small multiple of the identity, or drop dependent features"
        )


def mvn_logpdf(x: Array, mean: Array, covariance: Array) -> Array:
    r"""$-\frac d2 \ln 2\pi - \frac12 \ln |C| - \frac12 (x - \mu)^\top C^{-1} (x - \mu)$.

    x [..., d], mean [d], covariance [d, d] -> [...]; with $L y = x - \mu$ the last term is $-\|y\|^2 / 2$ and
    $\ln |C| = 2 \sum_i \ln L_{ii}$. Raises ValueError for shapes that do not fit; else as ``cholesky``.
    """
    check_float("x", x)
    L = cholesky(covariance)
    d = L.shape[0]
    if np.shape(mean) != (d,) or np.shape(x)[-1:] != (d,):
        raise ValueError(
            f"needed x [..., {d}] and mean [{d}] for covariance [{d}, {d}], "
            f"got x {list(np.shape(x))}, mean {list(np.shape(mean))}; try: x[:, None] for one feature"
        )
    wide = at_least_f32(x.dtype)
    L, mean = L.astype(wide), jnp.asarray(mean, wide)
    offsets = (x.astype(wide) - jnp.broadcast_to(mean, x.shape)).reshape(-1, d)
    y = solve_triangular(L, offsets.T, lower=True)
    log_root = jnp.sum(jnp.log(jnp.diagonal(L)))
    values = -jnp.sum(jnp.square(y), 0) / 2 - (log_root + d * HALF_LOG_TWO_PI)
    return values.reshape(x.shape[:-1]).astype(x.dtype)


def mvn_pdf(x: Array, mean: Array, covariance: Array) -> Array:
    r"""$(2\pi)^{-d/2} |C|^{-1/2} e^{-\frac12 (x - \mu)^\top C^{-1} (x - \mu)}$; as ``mvn_logpdf``."""
    return jnp.exp(mvn_logpdf(x, mean, covariance))


def mvn_sample(key: Array, shape: tuple[int, ...], mean: Array, covariance: Array) -> Array:
    r"""$\mu + L z$ with $z \sim N(0, I)$: independent vectors [*shape, d], in the dtype of ``covariance``."""
    L = cholesky(covariance)
    d = L.shape[0]
    if np.shape(mean) != (d,):
        raise ValueError(f"mean: needed [{d}] for covariance [{d}, {d}], got {list(np.shape(mean))}")
    z = jax.random.normal(key, (*shape, d), L.dtype)
    offsets = jnp.einsum("...j,ij->...i", z, L, precision=jax.lax.Precision.HIGHEST)
    return (offsets + jnp.broadcast_to(jnp.asarray(mean, L.dtype), offsets.shape)).astype(covariance.dtype)

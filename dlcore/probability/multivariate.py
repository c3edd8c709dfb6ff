r"""The multivariate normal distribution $N(\mu, C)$, by the Cholesky factor $C = L L^\top$, never an inverse."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, compiled, lifted
from dlcore.numerics.gaussian import HALF_LOG_TWO_PI
from dlcore.numerics.matrices import cholesky, solve_lower


def mvn_logpdf(x: Array, mean: Array, covariance: Array) -> Array:
    r"""$-\frac d2 \ln 2\pi - \frac12 \ln |C| - \frac12 (x - \mu)^\top C^{-1} (x - \mu)$.

    x [..., d], mean [d], covariance [d, d] -> [...]; with $L y = x - \mu$ the last term is $-\|y\|^2 / 2$ and
    $\ln |C| = 2 \sum_i \ln L_{ii}$. Raises ValueError for shapes that do not fit; else as ``cholesky``.
    """
    return _logpdf(x, mean, cholesky(covariance))


@lifted()
def _logpdf(x, mean, L):
    d = L.shape[0]
    if np.shape(mean) != (d,) or np.shape(x)[-1:] != (d,):
        shapes = f"x {list(np.shape(x))}, mean {list(np.shape(mean))}"
        hint = "x[:, None] for one feature"
        raise ValueError(needed("shapes", f"x [..., {d}] and mean [{d}] for covariance [{d}, {d}]", shapes, hint))
    y = solve_lower(L, x - jnp.broadcast_to(jnp.asarray(mean, x.dtype), x.shape))
    log_root = jnp.sum(jnp.log(jnp.diagonal(L)))
    return -jnp.sum(jnp.square(y), -1) / 2 - (log_root + d * HALF_LOG_TWO_PI)


def mvn_pdf(x: Array, mean: Array, covariance: Array) -> Array:
    r"""$(2\pi)^{-d/2} |C|^{-1/2} e^{-\frac12 (x - \mu)^\top C^{-1} (x - \mu)}$; as ``mvn_logpdf``."""
    return jnp.exp(mvn_logpdf(x, mean, covariance))


def mvn_sample(key: Array, shape: tuple[int, ...], mean: Array, covariance: Array) -> Array:
    r"""$\mu + L z$ with $z \sim N(0, I)$: independent vectors [*shape, d], in the dtype of ``covariance``."""
    L = cholesky(covariance)
    d = L.shape[0]
    if np.shape(mean) != (d,):
        raise ValueError(needed("mean", f"[{d}] for covariance [{d}, {d}]", list(np.shape(mean)), "one number each"))
    return _sample(key, (*shape, d), mean, L, covariance.dtype)


@compiled("shape", "dtype")
def _sample(key, shape, mean, L, dtype):
    z = jax.random.normal(key, shape, L.dtype)
    offsets = jnp.einsum("...j,ij->...i", z, L, precision=jax.lax.Precision.HIGHEST)
    return (offsets + jnp.broadcast_to(jnp.asarray(mean, L.dtype), offsets.shape)).astype(dtype)

r"""Estimates of a density from samples: kernels on every sample, and the empirical distribution itself."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, Scalar, at_least_f32, compiled
from dlcore.numerics.gaussian import HALF_LOG_TWO_PI
from dlcore.numerics.ranges import POSITIVE
from dlcore.numerics.softmax import log_sum_exp

POINTS_AT_ONCE = 256


@compiled()
def gaussian_kernel(u: Array) -> Array:
    r"""$\ln k(u)$ of $k(u) = (2\pi)^{-d/2} e^{-\|u\|^2 / 2}$: u [..., d] -> [...]."""
    return -jnp.sum(jnp.square(u), -1) / 2 - u.shape[-1] * HALF_LOG_TWO_PI


@compiled()
def box_kernel(u: Array) -> Array:
    r"""$\ln k(u)$ of $k(u) = 1$ where all $|u_i| \le \frac12$, else 0: u [..., d] -> [...]."""
    return jnp.where(jnp.all(jnp.abs(u) <= 0.5, -1), jnp.zeros(u.shape[:-1], u.dtype), -jnp.inf)


@compiled("kernel", bandwidth=POSITIVE)
def kde_logpdf(
    x: Array, samples: Array, bandwidth: Scalar, kernel: Callable[[Array], Array] = gaussian_kernel
) -> Array:
    r"""$\ln \hat p(x)$ of $\hat p(x) = \frac{1}{N h^d} \sum_n k((x - x_n) / h)$: x [..., d], samples [N, d] -> [...].

    ``kernel`` is the logarithm of a density, so that far from all samples the estimate keeps its digits. Memory for
    ``POINTS_AT_ONCE`` N d numbers. Raises ValueError for shapes that do not fit and a bandwidth known not to be
    positive. Parzen 1962.
    """
    check_float("x", x)
    if np.ndim(samples) != 2 or np.shape(x)[-1:] != np.shape(samples)[1:] or samples.shape[0] == 0:
        raise ValueError(
            f"needed x [..., d] and samples [N, d], N > 0, got x {list(np.shape(x))}, samples "
            f"{list(np.shape(samples))}; try: [:, None] for one feature"
        )
    wide = at_least_f32(x.dtype)
    N, d = samples.shape
    h = jnp.asarray(bandwidth, wide)
    samples = samples.astype(wide)

    def at_point(point):
        return log_sum_exp(kernel((point[None] - samples) / h))

    points = x.astype(wide).reshape(-1, d)
    sums = jax.lax.map(at_point, points, batch_size=POINTS_AT_ONCE)
    return (sums - (math.log(N) + d * jnp.log(h))).reshape(x.shape[:-1]).astype(x.dtype)


@compiled("kernel", bandwidth=POSITIVE)
def kde_pdf(x: Array, samples: Array, bandwidth: Scalar, kernel: Callable[[Array], Array] = gaussian_kernel) -> Array:
    r"""$\hat p(x) = \frac{1}{N h^d} \sum_n k((x - x_n) / h)$, the exponential of ``kde_logpdf``."""
    return jnp.exp(kde_logpdf(x, samples, bandwidth, kernel))


@compiled("shape", bandwidth=POSITIVE)
def kde_sample(key: Array, shape: tuple[int, ...], samples: Array, bandwidth: Scalar) -> Array:
    r"""Draws [*shape, d] from the Gaussian estimate: one of the samples [N, d] by chance, and noise $N(0, h^2)$."""
    check_float("samples", samples)
    which, noise = jax.random.split(key)
    centers = empirical_sample(which, shape, samples)
    z = jax.random.normal(noise, centers.shape, samples.dtype)
    return centers + jnp.asarray(bandwidth, samples.dtype) * z


@compiled()
def scott_bandwidth(samples: Array) -> Array:
    r"""$s N^{-1/(d+4)}$ with $s$ the root mean variance of the features: samples [N, d] -> []. Scott 1992, eq. 6.42."""
    check_float("samples", samples)
    N, d = samples.shape
    return jnp.sqrt(jnp.mean(jnp.var(samples, 0, ddof=1))) * N ** (-1 / (d + 4))


@compiled()
def empirical_cdf(x: Array, samples: Array) -> Array:
    r"""$\hat F(x) = \frac1N \#\{n : x_n \le x\}$, the CDF of $\hat p(x) = \frac1N \sum_n \delta(x - x_n)$.

    x [...], samples [N] -> [...] in the dtype of ``x``.
    """
    check_float("x", x)
    if np.ndim(samples) != 1 or samples.shape[0] == 0:
        raise ValueError(f"samples: needed [N], N > 0, got {list(np.shape(samples))}; try: one feature at a time")
    points, ordered = jnp.asarray(x, _common(x, samples)), jnp.sort(jnp.asarray(samples, _common(x, samples)))
    below = jnp.searchsorted(ordered, points, side="right")
    return (below.astype(at_least_f32(x.dtype)) / samples.shape[0]).astype(x.dtype)


def _common(x, samples):
    """A type that holds the numbers of both: no point is rounded to a sample."""
    return functools.reduce(np.promote_types, (np.dtype(a.dtype) for a in (x, samples)), np.dtype(np.float32))


@compiled("shape")
def empirical_sample(key: Array, shape: tuple[int, ...], samples: Array) -> Array:
    """Draws [*shape, ...] with replacement from ``samples`` [N, ...]: the bootstrap."""
    return samples[jax.random.randint(key, tuple(shape), 0, samples.shape[0])]

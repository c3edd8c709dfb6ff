r"""Moments and expectations $E[g(X)]$: exact, by quadrature, or from samples with their standard error."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, Scalar, at_least_f32, compiled
from dlcore.numerics.ranges import DISTRIBUTION, POSITIVE
from dlcore.probability.arguments import dtype_of


class Moments(NamedTuple):
    """Mean and variance of each number, or mean [d] and covariance [d, d] of a vector."""

    mean: Array
    covariance: Array


class Estimate(NamedTuple):
    """A sample mean, or another estimate, and its standard error."""

    value: Any
    standard_error: Any


@compiled("ddof")
def sample_moments(x: Array, ddof: int = 1) -> Moments:
    r"""$\bar x = \frac1n \sum_i x_i$ and $\frac{1}{n - \text{ddof}} \sum_i (x_i - \bar x)(x_i - \bar x)^\top$.

    x [n, d] -> mean [d], covariance [d, d]; x [n] -> mean [], variance []. ``ddof`` 1 is unbiased, 0 the maximum
    likelihood. Raises ValueError for other ranks and for n <= ddof.
    """
    check_float("x", x)
    if np.ndim(x) not in (1, 2) or x.shape[0] <= ddof:
        raise ValueError(f"x: needed more than {ddof} samples, [n] or [n, d], got {list(np.shape(x))}")
    wide = x.astype(at_least_f32(x.dtype)).reshape(x.shape[0], -1)
    first = wide[0]
    mean = first + jnp.mean(wide - first[None], 0)  # far from 0, the rounding of a mean would enter by its square
    centered = wide - mean[None]
    centered = centered - jnp.mean(centered, 0)[None]
    covariance = jnp.matmul(centered.T, centered, precision=jax.lax.Precision.HIGHEST) / (x.shape[0] - ddof)
    d = x.shape[1:]
    return Moments(mean.reshape(d).astype(x.dtype), covariance.reshape(d + d).astype(x.dtype))


@compiled()
def estimate(values: Array) -> Estimate:
    r"""$\bar g = \frac1n \sum_i g_i$ of values [n, ...] and its standard error $s / \sqrt n$, n >= 2."""
    check_float("values", values)
    n = values.shape[0]
    if n < 2:
        raise ValueError(f"values: needed at least 2 samples for a standard error, got {n}")
    return Estimate(jnp.mean(values, 0), jnp.std(values, 0, ddof=1) / n**0.5)


def expectation(g: Callable[[Array], Array], values: Array, p: Array) -> Array:
    r"""$E[g(X)] = \sum_i g(x_i) P(x_i)$ of a discrete X with ``values`` [c, ...] and probabilities p [c].

    ``g`` is given one value at a time. Raises ValueError where values and probabilities do not pair, and as
    ``discrete_entropy``.
    """
    DISTRIBUTION.check("p", p)
    if np.shape(values)[:1] != np.shape(p):
        raise ValueError(f"needed values [c, ...] with p [c], got {list(np.shape(values))} and {list(np.shape(p))}")
    g_values = jax.vmap(g)(values)
    weights = p.reshape((-1,) + (1,) * (g_values.ndim - 1)).astype(g_values.dtype)
    return jnp.sum(jnp.where(weights == 0, 0, g_values) * weights, 0)


def expectation_normal(g: Callable[[Array], Array], mean: Scalar, std: Scalar, points: int = 64) -> Array:
    r"""$E[g(X)]$, $X \sim N(\mu, \sigma^2)$, by Gauss-Hermite quadrature: exact for polynomials below 2 ``points``.

    ``g`` is elementwise, scalar ``mean`` and ``std``. Abramowitz & Stegun 1964, 25.4.46.
    """
    POSITIVE.check("std", std)
    dtype = dtype_of(mean=mean, std=std)
    nodes, weights = (jnp.asarray(a, dtype) for a in np.polynomial.hermite_e.hermegauss(points))
    x = jnp.asarray(mean, dtype) + jnp.asarray(std, dtype) * nodes
    return jnp.sum(weights / jnp.sum(weights) * g(x))


def expectation_monte_carlo(key: Array, P: Any, g: Callable[[Array], Array], n: int) -> Estimate:
    r"""$E[g(X)] \approx \frac1n \sum_i g(x_i)$ with $x_i \sim P$, a distribution; ``g`` takes samples [n, ...]."""
    return estimate(g(P.sample(key, (n,))))

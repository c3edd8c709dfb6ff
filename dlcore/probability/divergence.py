r"""Entropy, cross entropy and Kullback-Leibler divergence, of probabilities and in closed form.

$D(p \| q) = E_p[\ln p(X)/q(X)] \ge 0$, 0 only for $p = q$, not symmetric, additive over independent parts, and
$H(p, q) = H(p) + D(p \| q)$. All in nats. An entropy of densities may be negative, one of probabilities may not.
The closed forms are sums of terms that are not negative each, so that divergences keep their digits near 0.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from dlcore.contracts import Array, Scalar, at_least_f32, check_between, check_same_shape
from dlcore.elementary import log1p
from dlcore.probability.arguments import check_probabilities, over_arrays
from dlcore.probability.multivariate import cholesky
from dlcore.probability.normal import HALF_LOG_TWO_PI
from dlcore.probability.series import exp_minus_line, ratio_gap

LOG_TWO = math.log(2)


def discrete_entropy(p: Array) -> Array:
    r"""$H(p) = -\sum_i p_i \ln p_i$ with $0 \ln 0 = 0$, its gradient there taken as 0: p [..., c] -> [...].

    This and the next two: TypeError unless floating, ValueError for what is known to be no distribution.
    """
    check_probabilities(p=p)
    return -jnp.sum(p * jnp.log(jnp.where(p > 0, p, 1)), -1)


def discrete_cross_entropy(p: Array, q: Array) -> Array:
    r"""$H(p, q) = -\sum_i p_i \ln q_i$, infinite where $q_i = 0 < p_i$: p [..., c], q [..., c] -> [...]."""
    check_probabilities(p=p, q=q)
    check_same_shape(p=p, q=q)
    unused = (p == 0) & (q == 0)
    return -jnp.sum(p * jnp.log(jnp.where(unused, 1, q)), -1)


def discrete_kl(p: Array, q: Array) -> Array:
    r"""$D(p \| q) = \sum_i p_i \ln(p_i / q_i)$, infinite where $q_i = 0 < p_i$: p [..., c], q [..., c] -> [...].

    Summed as $p_i \ln(p_i / q_i) - p_i + q_i \ge 0$, the same for distributions, whose sums are 1.
    """
    check_probabilities(p=p, q=q)
    check_same_shape(p=p, q=q)
    dtype = p.dtype
    p, q = p.astype(at_least_f32(dtype)), q.astype(at_least_f32(dtype))
    some = p > 0
    terms = jnp.where(some, p, 1) * ratio_gap(jnp.where(some, q, 1), jnp.where(some, p, 1))
    return jnp.sum(jnp.where(some, terms, q), -1).astype(dtype)


@over_arrays("std")
def normal_entropy(std: Scalar) -> Array:
    r"""$\frac12 \ln 2 \pi e \sigma^2$."""
    return jnp.log(std) + (HALF_LOG_TWO_PI + 0.5)


@over_arrays("scale")
def laplace_entropy(scale: Scalar) -> Array:
    r"""$1 + \ln 2b$."""
    return jnp.log(scale) + (1 + LOG_TWO)


@over_arrays()
def uniform_entropy(low: Scalar, high: Scalar) -> Array:
    r"""$\ln(b - a)$."""
    return jnp.log(high - low)


@over_arrays()
def bernoulli_entropy(p: Scalar) -> Array:
    r"""$-p \ln p - (1 - p) \ln(1 - p)$, 0 at both ends."""
    check_between(0, 1, p=p)
    inside = (p > 0) & (p < 1)
    p = jnp.where(inside, p, 0.5)
    return jnp.where(inside, -p * jnp.log(p) - (1 - p) * log1p(-p), 0)


def mvn_entropy(covariance: Array) -> Array:
    r"""$\frac d2 \ln 2 \pi e + \frac12 \ln |C|$: covariance [d, d] -> []; raises as ``cholesky``."""
    L = cholesky(covariance)
    return (jnp.sum(jnp.log(jnp.diagonal(L))) + L.shape[0] * (HALF_LOG_TWO_PI + 0.5)).astype(covariance.dtype)


@over_arrays("std_p", "std_q")
def normal_kl(mean_p: Scalar, std_p: Scalar, mean_q: Scalar, std_q: Scalar) -> Array:
    r"""$\ln \frac{\sigma_q}{\sigma_p} + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac12$."""
    shape = ratio_gap(std_p, std_q) + jnp.square((std_p - std_q) / std_q) / 2
    return shape + jnp.square((mean_p - mean_q) / std_q) / 2


@over_arrays("scale_p", "scale_q")
def laplace_kl(mean_p: Scalar, scale_p: Scalar, mean_q: Scalar, scale_q: Scalar) -> Array:
    r"""$\ln \frac{b_q}{b_p} + \frac{b_p e^{-d / b_p} + d}{b_q} - 1$ with $d = |\mu_p - \mu_q|$."""
    difference = mean_p - mean_q
    distance = jnp.where(difference < 0, -difference, difference)  # unlike abs, smooth at 0 in what follows
    return ratio_gap(scale_p, scale_q) + scale_p / scale_q * exp_minus_line(-distance / scale_p)


@over_arrays("std", "scale")
def normal_laplace_kl(mean_p: Scalar, std: Scalar, mean_q: Scalar, scale: Scalar) -> Array:
    r"""$\ln 2b + E|X - m| / b - \frac12 \ln 2 \pi e \sigma^2$ for $X \sim N(\mu, \sigma^2)$, $L(m, b)$.

    $E|X - m| = \sigma (2 \phi(t) + t (2 \Phi(t) - 1))$ with $t = (\mu - m) / \sigma$. Leone et al. 1961, eq. 1.
    """
    t = (mean_p - mean_q) / std
    bell = jnp.exp(-jnp.square(t) / 2) * math.sqrt(2 / math.pi)
    distance = std * (bell + t * jax.lax.erf(t / math.sqrt(2)))
    return jnp.log(scale / std) + distance / scale + (LOG_TWO - HALF_LOG_TWO_PI - 0.5)


@over_arrays("scale", "std")
def laplace_normal_kl(mean_p: Scalar, scale: Scalar, mean_q: Scalar, std: Scalar) -> Array:
    r"""$\frac12 \ln 2 \pi \sigma^2 + \frac{2 b^2 + (m - \mu)^2}{2 \sigma^2} - 1 - \ln 2b$."""
    spread = jnp.square(scale / std) + jnp.square((mean_p - mean_q) / std) / 2
    return spread - jnp.log(scale / std) + (HALF_LOG_TWO_PI - 1 - LOG_TWO)


def mvn_kl(mean_p: Array, covariance_p: Array, mean_q: Array, covariance_q: Array) -> Array:
    r"""$\frac12 (\operatorname{tr} C_q^{-1} C_p + m^\top C_q^{-1} m - d + \ln |C_q| / |C_p|)$ with $m = \mu_q - \mu_p$.

    Means [d], covariances [d, d] -> []. With $M = L_q^{-1} L_p$ and $r_i = M_{ii}$ it is $\sum_i (r_i - 1 - \ln r_i) +
    \frac12 \sum_i (r_i - 1)^2 + \frac12 \sum_{i > j} M_{ij}^2 + \frac12 \|L_q^{-1} m\|^2$.
    Raises ValueError for shapes that do not fit; else as ``cholesky``.
    """
    check_same_shape(covariance_p=covariance_p, covariance_q=covariance_q)
    check_same_shape(mean_p=mean_p, mean_q=mean_q)
    L_p, L_q = cholesky(covariance_p), cholesky(covariance_q)
    if np.shape(mean_p) != L_p.shape[:1]:
        raise ValueError(f"needed means [d] for covariances {list(L_p.shape)}, got {list(np.shape(mean_p))}")
    M = solve_triangular(L_q, L_p, lower=True)
    offset = solve_triangular(L_q, (mean_q - mean_p).astype(L_q.dtype), lower=True)
    diagonal_p, diagonal_q = jnp.diagonal(L_p), jnp.diagonal(L_q)
    stretch = jnp.sum(ratio_gap(diagonal_p, diagonal_q) + jnp.square((diagonal_p - diagonal_q) / diagonal_q) / 2)
    shear = jnp.sum(jnp.square(jnp.tril(M, -1)))
    return (stretch + (shear + jnp.sum(jnp.square(offset))) / 2).astype(covariance_p.dtype)

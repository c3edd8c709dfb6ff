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

from dlcore.numerics.derivatives import with_derivative
from dlcore.numerics.errors import check_same_shape, needed
from dlcore.numerics.formats import Array, Scalar, compiled, lifted
from dlcore.numerics.functions import exp_below, expm1_below, finite, log1p, log_odds
from dlcore.numerics.gaussian import HALF_LOG_TWO_PI
from dlcore.numerics.matrices import cholesky, solve_lower
from dlcore.numerics.ranges import DISTRIBUTION, POSITIVE, SHARE
from dlcore.numerics.series import exp_minus_line, ratio_gap
from dlcore.probability.arguments import over_arrays
from dlcore.probability.continuous import FAR, check_ordered
from dlcore.probability.normal import half_square

LOG_TWO = math.log(2)


@lifted(p=DISTRIBUTION)
def discrete_entropy(p: Array) -> Array:
    r"""$H(p) = -\sum_i p_i \ln p_i$ with $0 \ln 0 = 0$, its gradient there taken as 0: p [..., c] -> [...].

    This and the next two: TypeError unless floating, ValueError for what is known to be no distribution, else NaN.
    """
    return -jnp.sum(p * jnp.log(jnp.where(p > 0, p, 1)), -1)


@lifted(p=DISTRIBUTION, q=DISTRIBUTION)
def discrete_cross_entropy(p: Array, q: Array) -> Array:
    r"""$H(p, q) = -\sum_i p_i \ln q_i$, infinite where $q_i = 0 < p_i$: p [..., c], q [..., c] -> [...]."""
    check_same_shape(p=p, q=q)
    unused = (p == 0) & (q == 0)
    return -jnp.sum(p * jnp.log(jnp.where(unused, 1, q)), -1)


@lifted(p=DISTRIBUTION, q=DISTRIBUTION)
def discrete_kl(p: Array, q: Array) -> Array:
    r"""$D(p \| q) = \sum_i p_i \ln(p_i / q_i)$, infinite where $q_i = 0 < p_i$: p [..., c], q [..., c] -> [...].

    Summed as $p_i \ln(p_i / q_i) - p_i + q_i \ge 0$, the same for distributions, whose sums are 1.
    """
    check_same_shape(p=p, q=q)
    some = p > 0
    terms = jnp.where(some, p, 1) * ratio_gap(jnp.where(some, q, 1), jnp.where(some, p, 1))
    return jnp.sum(jnp.where(some, terms, q), -1)


@over_arrays(std=POSITIVE)
def normal_entropy(std: Scalar) -> Array:
    r"""$\frac12 \ln 2 \pi e \sigma^2$."""
    return jnp.log(std) + (HALF_LOG_TWO_PI + 0.5)


@over_arrays(scale=POSITIVE)
def laplace_entropy(scale: Scalar) -> Array:
    r"""$1 + \ln 2b$."""
    return jnp.log(scale) + (1 + LOG_TWO)


def uniform_entropy(low: Scalar, high: Scalar) -> Array:
    r"""$\ln(b - a)$; raises ValueError unless a is below b."""
    check_ordered(low, high)
    return _log_width(low, high)


@over_arrays()
def _log_width(low, high):
    return jnp.log(POSITIVE.or_nan(high - low))


@over_arrays(p=SHARE)
def bernoulli_entropy(p: Scalar) -> Array:
    r"""$-p \ln p - (1 - p) \ln(1 - p)$, 0 at both ends."""
    ends = (p == 0) | (p == 1)
    return jnp.where(ends, 0, _two_shares(jnp.where(ends, 0.5, p)))


@with_derivative(lambda p: -log_odds(p))
def _two_shares(p):
    return -p * jnp.log(p) - (1 - p) * log1p(-p)


def mvn_entropy(covariance: Array) -> Array:
    r"""$\frac d2 \ln 2 \pi e + \frac12 \ln |C|$: covariance [d, d] -> []; raises as ``cholesky``."""
    return _factored_entropy(cholesky(covariance), covariance.dtype)


@compiled("dtype")
def _factored_entropy(L, dtype):
    return (jnp.sum(jnp.log(jnp.diagonal(L))) + L.shape[0] * (HALF_LOG_TWO_PI + 0.5)).astype(dtype)


@over_arrays(std_p=POSITIVE, std_q=POSITIVE)
def normal_kl(mean_p: Scalar, std_p: Scalar, mean_q: Scalar, std_q: Scalar) -> Array:
    r"""$\ln \frac{\sigma_q}{\sigma_p} + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac12$.

    >>> from dlcore.probability import normal_kl
    >>> print(normal_kl(0.0, 1.0, 1.0, 1.0), normal_kl(0.0, 1.0, 0.0, 1.0))
    0.5 0.0
    """
    shape = ratio_gap(std_p, std_q) + jnp.square((std_p - std_q) / std_q) / 2
    return shape + half_square((mean_p - mean_q) / std_q)


@over_arrays(scale_p=POSITIVE, scale_q=POSITIVE)
def laplace_kl(mean_p: Scalar, scale_p: Scalar, mean_q: Scalar, scale_q: Scalar) -> Array:
    r"""$\ln \frac{b_q}{b_p} + \frac{b_p e^{-d / b_p} + d}{b_q} - 1$ with $d = |\mu_p - \mu_q|$."""
    return _laplace_kl(mean_p - mean_q, scale_p, scale_q)


@jax.custom_jvp
def _laplace_kl(offset, b, c):
    return ratio_gap(b, c) + _excess(offset, b, c)


def _excess(offset, b, c):
    r"""$(b e^{-u} - b + d) / c$, $u = d / b$: by how much the mean distance exceeds b, in units of c."""
    d, u = jnp.abs(offset), _depth(offset, b)
    return jnp.where(u < 1, b / c * exp_minus_line(-u), d / c + b / c * expm1_below(-u))


def _depth(offset, b):
    return jnp.minimum(jnp.where(offset < 0, -offset, offset) / b, FAR)  # unlike abs, smooth at 0 in what follows


@_laplace_kl.defjvp
def _laplace_kl_jvp(primals, tangents):
    r"""By b $((1 + u) e^{-u} - 1) / c + 1/c - 1/b$: of what is near 0 where u is small, of what is left of it else."""
    (offset, b, c), (doffset, db, dc) = primals, tangents
    u = _depth(offset, b)
    near, out = exp_minus_line(-u), expm1_below(-u)
    by_offset = jnp.where(offset < 0, out, -out) / c
    by_b = jnp.where(u < 1, ((b - c) / b + (near + u * out)) / c, (1 + u) * exp_below(-u) / c - 1 / b)
    by_c = finite(((c - b) / c - _excess(offset, b, c)) / c)
    return _laplace_kl(*primals), by_offset * doffset + by_b * db + by_c * dc


@over_arrays(std=POSITIVE, scale=POSITIVE)
def normal_laplace_kl(mean_p: Scalar, std: Scalar, mean_q: Scalar, scale: Scalar) -> Array:
    r"""$\ln 2b + E|X - m| / b - \frac12 \ln 2 \pi e \sigma^2$ for $X \sim N(\mu, \sigma^2)$, $L(m, b)$.

    $E|X - m| = \sigma (2 \phi(t) + t (2 \Phi(t) - 1))$ with $t = (\mu - m) / \sigma$. Leone et al. 1961, eq. 1.
    """
    distance = _mean_distance(mean_p - mean_q, std)
    return jnp.log(scale / std) + distance / scale + (LOG_TWO - HALF_LOG_TWO_PI - 0.5)


@jax.custom_jvp
def _mean_distance(offset, std):
    t = offset / std
    return std * _slopes(t)[1] + offset * _slopes(t)[0]


@_mean_distance.defjvp
def _mean_distance_jvp(primals, tangents):
    by_offset, by_std = _slopes(primals[0] / primals[1])
    return _mean_distance(*primals), by_offset * tangents[0] + by_std * tangents[1]


def _slopes(t):
    r"""$2 \Phi(t) - 1$ and $2 \phi(t)$: the derivatives to offset and std, of whose parts others cancel."""
    return jax.lax.erf(t / math.sqrt(2)), jnp.exp(-jnp.square(t) / 2) * math.sqrt(2 / math.pi)


@over_arrays(scale=POSITIVE, std=POSITIVE)
def laplace_normal_kl(mean_p: Scalar, scale: Scalar, mean_q: Scalar, std: Scalar) -> Array:
    r"""$\frac12 \ln 2 \pi \sigma^2 + \frac{2 b^2 + (m - \mu)^2}{2 \sigma^2} - 1 - \ln 2b$."""
    spread = jnp.square(scale / std) + half_square((mean_p - mean_q) / std)
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
        raise ValueError(needed("means", f"[d] for covariances {list(L_p.shape)}", list(np.shape(mean_p)), "others"))
    return _factored_kl(mean_q - mean_p, L_p, L_q, covariance_p.dtype)


@compiled("dtype")
def _factored_kl(m, L_p, L_q, dtype):
    M = solve_triangular(L_q, L_p, lower=True)
    offset = solve_lower(L_q, m.astype(L_q.dtype))
    r_p, r_q = jnp.diagonal(L_p), jnp.diagonal(L_q)
    stretch = jnp.sum(ratio_gap(r_p, r_q) + jnp.square((r_p - r_q) / r_q) / 2)
    shear = jnp.sum(jnp.square(jnp.tril(M, -1)))
    return (stretch + (shear + jnp.sum(jnp.square(offset))) / 2).astype(dtype)

r"""Divergences between distributions, and the distribution of a family that is nearest to a given one."""

import math

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.probability import divergence
from dlcore.probability.arguments import dtype_of
from dlcore.probability.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Laplace,
    MultivariateNormal,
    Normal,
)
from dlcore.probability.moments import Estimate, estimate, expectation_normal


def kl_divergence(P: Distribution, Q: Distribution) -> Array:
    r"""$D(P \| Q) = E_P[\ln p(X) / q(X)]$ in closed form; raises TypeError for a pair that has none here."""
    closed = _CLOSED.get((type(P), type(Q)))
    if closed is None:
        pairs = ", ".join(f"{p.__name__} and {q.__name__}" for p, q in _CLOSED)
        raise TypeError(
            f"no closed form for {type(P).__name__} and {type(Q).__name__}, there are: {pairs}; try: kl_monte_carlo"
        )
    return closed(P, Q)


def cross_entropy(P: Distribution, Q: Distribution) -> Array:
    r"""$H(P, Q) = -E_P[\ln q(X)] = H(P) + D(P \| Q)$; raises TypeError as ``kl_divergence``."""
    return P.entropy() + kl_divergence(P, Q)


def kl_monte_carlo(key: Array, P: Distribution, Q: Distribution, n: int) -> Estimate:
    r"""$D(P \| Q) \approx \frac1n \sum_i \ln p(x_i) - \ln q(x_i)$ with $x_i \sim P$, and the standard error."""
    x = P.sample(key, (n,))
    return estimate(P.log_prob(x) - Q.log_prob(x))


def forward_normal_fit(P: Distribution) -> Normal:
    r"""$\arg\min_Q D(P \| Q)$ over normal Q: mean and variance of P. Broad: it covers all of P."""
    mean, variance = P.moments()
    return Normal(mean, jnp.sqrt(variance))


def backward_normal_fit(P: Distribution, start: Normal, steps: int = 300, rate: Scalar = 0.2) -> Normal:
    r"""A local $\arg\min_Q D(Q \| P)$ over normal Q from ``start``. Narrow: it settles on one peak of P.

    Descent along the natural gradient of $-\ln \sigma - E_Q[\ln p]$ in $(\mu, \ln \sigma)$, whose Fisher information
    is diag$(1 / \sigma^2, 2)$; the expectation by quadrature. Amari 1998. P is differentiable, scalar.
    """
    dtype = dtype_of(mean=start.mean, std=start.std)

    def divergence_from(mean, log_std):
        return -log_std - expectation_normal(P.log_prob, mean, jnp.exp(log_std))

    def step(_, at):
        mean, log_std = at
        d_mean, d_log_std = jax.grad(divergence_from, (0, 1))(mean, log_std)
        r = jnp.asarray(rate, dtype)
        return mean - r * jnp.exp(2 * log_std) * d_mean, log_std - r * d_log_std / 2

    first = jnp.asarray(start.mean, dtype), jnp.log(jnp.asarray(start.std, dtype))
    mean, log_std = jax.lax.fori_loop(0, steps, step, first)
    return Normal(mean, jnp.exp(log_std))


def forward_laplace_fit(P: Normal) -> Laplace:
    r"""$\arg\min_Q D(P \| Q)$ over Laplace Q: $b = \sigma \sqrt{2 / \pi}$, where it is $\frac12 - \ln \frac\pi2$."""
    return Laplace(P.mean, P.std * math.sqrt(2 / math.pi))


def backward_laplace_fit(P: Normal) -> Laplace:
    r"""$\arg\min_Q D(Q \| P)$ over Laplace Q: $b = \sigma / \sqrt 2$, where it is $\frac12 (\ln \pi - 1)$."""
    return Laplace(P.mean, P.std * math.sqrt(1 / 2))


_CLOSED = {
    (Normal, Normal): lambda P, Q: divergence.normal_kl(P.mean, P.std, Q.mean, Q.std),
    (Laplace, Laplace): lambda P, Q: divergence.laplace_kl(P.mean, P.scale, Q.mean, Q.scale),
    (Normal, Laplace): lambda P, Q: divergence.normal_laplace_kl(P.mean, P.std, Q.mean, Q.scale),
    (Laplace, Normal): lambda P, Q: divergence.laplace_normal_kl(P.mean, P.scale, Q.mean, Q.std),
    (MultivariateNormal, MultivariateNormal): lambda P, Q: divergence.mvn_kl(
        P.mean, P.covariance, Q.mean, Q.covariance
    ),
    (Bernoulli, Bernoulli): lambda P, Q: divergence.discrete_kl(_both(P.p), _both(Q.p)),
    (Categorical, Categorical): lambda P, Q: divergence.discrete_kl(P.p, Q.p),
}


def _both(p):
    p = jnp.asarray(p, dtype_of(p=p))
    return jnp.stack([1 - p, p], -1)

"""The two-class losses of one probability or logit, to the last bits, with their derivatives. Elementwise."""

import jax
import jax.numpy as jnp

from dlcore.activations import sigmoid, softplus
from dlcore.numerics.exact import two_product, two_sum
from dlcore.numerics.formats import Array
from dlcore.numerics.functions import exp_below, finite, log1p, log_odds


@jax.custom_jvp
def of_probability(p: Array, y: Array) -> Array:
    r"""$-(y \ln p + (1 - y) \ln (1 - p))$, infinite where what happened had no probability."""
    log_p, log_q = _logs(p, y)
    return -(y * log_p + (1 - y) * log_q)


@of_probability.defjvp
def _of_probability_jvp(primals, tangents):
    r"""$(p - y) / (p (1 - p))$ for labels between: next to p = y, the difference of two quotients loses its digits.

    And $\ln(1 - p) - \ln p$ by the label, a difference too, which next to p = 1/2 is ``log_odds``.
    """
    (p, y), (dp, dy) = primals, tangents
    between = (y > 0) & (y < 1)
    u = jnp.where(between, p, 0.5)
    at_end = jnp.where(y == 1, -1 / jnp.where(y == 1, p, 1), 1 / jnp.where(y == 0, 1 - p, 1))
    slope = jnp.where(between, (u - y) / u / (1 - u), at_end)
    middle, (log_p, log_q) = jnp.abs(p - 0.5) < 0.25, _logs(p, y)
    by_label = jnp.where(middle, -log_odds(jnp.where(middle, p, 0.5)), log_q - log_p)
    return of_probability(p, y), slope * dp + by_label * dy


def _logs(p, y):
    return jnp.log(jnp.where((y == 0) & (p == 0), 1, p)), log1p(-jnp.where((y == 1) & (p == 1), 0, p))


@jax.custom_jvp
def of_logit(s: Array, y: Array) -> Array:
    r"""$-(y \ln \sigma(s) + (1 - y) \ln \sigma(-s))$; what does not count may be infinite."""
    return part(y, softplus(-s)) + part(1 - y, softplus(s))


@of_logit.defjvp
def _of_logit_jvp(primals, tangents):
    r"""$(1 - y) \sigma(s) - y \sigma(-s)$; by the label -s, which is all that is left of two logarithms."""
    (s, y), (ds, dy) = primals, tangents
    return of_logit(s, y), ((1 - y) * sigmoid(s) - y * sigmoid(-s)) * ds - finite(s) * dy


def part(y: Array, losses: Array) -> Array:
    """y times losses; what does not count may be infinite."""
    return y * jnp.where((y == 0) & jnp.isinf(losses), 0, losses)


@jax.custom_jvp
def of_yes(s: Array, gamma: Array) -> Array:
    r"""$-\sigma(-s)^\gamma \ln \sigma(s)$, the focal loss of "yes"."""
    return missed(s, gamma) * softplus(-s)


@of_yes.defjvp
def _of_yes_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    q, at_least = sigmoid(-s), jnp.maximum(s, -1000)  # at minus infinity 0 times infinity, which is 0
    slope = -missed(s, gamma) * (gamma * sigmoid(s) * softplus(-at_least) + q)
    return of_yes(s, gamma), slope * ds - missed(s, gamma) * _both_logs(s) * dgamma


def _both_logs(s):
    r"""$\ln \sigma(s) \ln \sigma(-s)$, in the tails $|s| e^{-|s|}$: a normal number also where $e^{-|s|}$ is none."""
    x = jnp.abs(s)
    far = x > 60
    tail = jnp.where(x > 1000, 1000, x) * exp_below(-x, lift=16) * 0.5**16
    return jnp.where(far, tail, softplus(-x) * softplus(jnp.where(far, 0, x)))


@jax.custom_jvp
def missed(s: Array, gamma: Array) -> Array:
    r"""$\sigma(-s)^\gamma = (e^{-\max(s, 0)} / (1 + e^{-|s|}))^\gamma$; a power multiplies the error of its base."""
    x = jnp.maximum(s, 0)
    power, rest = two_product(jnp.where(x > 2000, 2000, x), gamma * jnp.ones_like(s))
    base, base_rest = two_sum(exp_below(-jnp.abs(s)), jnp.ones_like(s))
    value = exp_below(-power) / base**gamma
    return value - value * (rest + gamma * base_rest / base)


@missed.defjvp
def _missed_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    value = missed(s, gamma)
    return value, -value * (gamma * sigmoid(s) * ds + softplus(s) * dgamma)

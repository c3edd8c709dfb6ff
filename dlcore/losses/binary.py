"""The two-class losses of one probability or logit, to the last bits, with their derivatives. Elementwise."""

import jax
import jax.numpy as jnp

from dlcore.activations import sigmoid, softplus
from dlcore.numerics.exact import two_product, two_sum
from dlcore.numerics.formats import Array
from dlcore.numerics.functions import exp_below, log1p


@jax.custom_jvp
def of_probability(p: Array, y: Array) -> Array:
    r"""$-(y \ln p + (1 - y) \ln (1 - p))$, infinite where what happened had no probability."""
    log_p, log_q = _logs(p, y)
    return -(y * log_p + (1 - y) * log_q)


@of_probability.defjvp
def _of_probability_jvp(primals, tangents):
    r"""$(p - y) / (p (1 - p))$ for labels between: next to p = y, the difference of two quotients loses its digits."""
    (p, y), (dp, dy) = primals, tangents
    between = (y > 0) & (y < 1)
    u = jnp.where(between, p, 0.5)
    at_end = jnp.where(y == 1, -1 / jnp.where(y == 1, p, 1), 1 / jnp.where(y == 0, 1 - p, 1))
    slope = jnp.where(between, (u - y) / u / (1 - u), at_end)
    log_p, log_q = _logs(p, y)
    return of_probability(p, y), slope * dp + (log_q - log_p) * dy


def _logs(p, y):
    return jnp.log(jnp.where((y == 0) & (p == 0), 1, p)), log1p(-jnp.where((y == 1) & (p == 1), 0, p))


@jax.custom_jvp
def of_yes(s: Array, gamma: Array) -> Array:
    r"""$-\sigma(-s)^\gamma \ln \sigma(s)$, the focal loss of "yes"."""
    return missed(s, gamma) * softplus(-s)


@of_yes.defjvp
def _of_yes_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    q, at_least = sigmoid(-s), jnp.maximum(s, -1000)  # at minus infinity 0 times infinity, which is 0
    slope = -missed(s, gamma) * (gamma * sigmoid(s) * softplus(-at_least) + q)
    value = of_yes(s, gamma)
    return value, slope * ds - value * softplus(s) * dgamma


@jax.custom_jvp
def missed(s: Array, gamma: Array) -> Array:
    r"""$\sigma(-s)^\gamma = (e^{-\max(s, 0)} / (1 + e^{-|s|}))^\gamma$; a power multiplies the error of its base."""
    x = jnp.maximum(s, 0)
    power, rest = two_product(jnp.where(x > 2000, 2000, x), gamma * jnp.ones_like(s))
    base, base_rest = two_sum(jnp.ones_like(s), exp_below(-jnp.abs(s)))
    return exp_below(-power) * (1 - rest) * (1 - gamma * base_rest / base) / base**gamma


@missed.defjvp
def _missed_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    value = missed(s, gamma)
    return value, -value * (gamma * sigmoid(s) * ds + softplus(s) * dgamma)

r"""Bernoulli and categorical distributions; an outcome of $c$ classes is a one-hot vector [..., c]."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array, Scalar, at_least_f32, compiled
from dlcore.numerics.functions import log1p
from dlcore.numerics.ranges import DISTRIBUTION, SHARE


@compiled(p=SHARE)
def bernoulli_pmf(x: Array, p: Scalar) -> Array:
    r"""$p^x (1 - p)^{1 - x}$: p for x = 1, 1 - p for x = 0, 0 for anything else.

    Shapes equal or scalar, ``x`` of any type, the result of the type of ``p``. Raises TypeError for a ``p`` that is
    not floating, ValueError for a ``p`` known to lie outside [0, 1] and for other shapes.
    """
    x, p = _outcomes(x, p)
    return jnp.where(x == 1, p, jnp.where(x == 0, 1 - p, 0))


@compiled(p=SHARE)
def bernoulli_logpmf(x: Array, p: Scalar) -> Array:
    r"""$x \ln p + (1 - x) \ln(1 - p)$; as ``bernoulli_pmf``, $-\infty$ for what is impossible."""
    x, p = _outcomes(x, p)
    one, zero = x == 1, x == 0
    log_p = jnp.log(jnp.where(one, p, 1))  # ln 0 of the outcome that did not happen would make the gradient NaN
    log_q = log1p(-jnp.where(zero, p, 0))
    return jnp.where(one, log_p, jnp.where(zero, log_q, -jnp.inf))


@compiled(p=SHARE)
def bernoulli_cdf(x: Array, p: Scalar) -> Array:
    r"""0 for $x < 0$, $1 - p$ for $0 \le x < 1$, 1 from there; as ``bernoulli_pmf``."""
    x, p = _outcomes(x, p)
    return jnp.where(x < 0, 0, jnp.where(x < 1, 1 - p, 1))


@compiled("shape", p=SHARE)
def bernoulli_sample(key: Array, shape: tuple[int, ...], p: Scalar) -> Array:
    """Independent 0s and 1s of ``shape``, each 1 with probability ``p``, a scalar or [*shape]; dtype of ``p``."""
    p = jnp.asarray(p)
    check_float("p", p)
    return jax.random.bernoulli(key, p.astype(at_least_f32(p.dtype)), tuple(shape)).astype(p.dtype)


@compiled(p=DISTRIBUTION)
def categorical_pmf(x: Array, p: Array) -> Array:
    r"""$\prod_{i=1}^c p_i^{x_i}$: one-hot x [..., c], probabilities p [c] or [..., c] -> [...] of the dtype of ``p``.

    Raises TypeError for a ``p`` that is not floating, ValueError for shapes that do not fit and a ``p`` that is known
    to be no distribution.
    """
    x, p = _one_hots(x, p)
    return jnp.prod(jnp.where(x == 1, p, 1), -1)


@compiled(p=DISTRIBUTION)
def categorical_logpmf(x: Array, p: Array) -> Array:
    r"""$x^\top \ln p$: one-hot x [..., c], probabilities p [c] or [..., c] -> [...]; as ``categorical_pmf``."""
    x, p = _one_hots(x, p)
    return jnp.sum(jnp.log(jnp.where(x == 1, p, 1)), -1)


@compiled("shape", p=DISTRIBUTION)
def categorical_sample(key: Array, shape: tuple[int, ...], p: Array) -> Array:
    """Independent one-hot vectors [*shape, c] from the probabilities ``p`` [c], in its dtype."""
    logits = jnp.log(p.astype(at_least_f32(p.dtype)))
    return jax.nn.one_hot(jax.random.categorical(key, logits, shape=tuple(shape)), p.shape[-1], dtype=p.dtype)


def _outcomes(x, p):
    x, p = jnp.asarray(x), jnp.asarray(p)
    check_float("p", p)
    if x.shape != p.shape and () not in (x.shape, p.shape):
        got = f"x {list(x.shape)}, p {list(p.shape)}"
        raise ValueError(needed("shapes", "equal shapes or a scalar", got, "aligning them"))
    return x.astype(p.dtype), p


def _one_hots(x, p):
    if np.shape(p) not in (np.shape(x), np.shape(x)[-1:]):
        got = f"x {list(np.shape(x))}, p {list(np.shape(p))}"
        raise ValueError(needed("shapes", "x [..., c] with p [c] or [..., c]", got, "jax.nn.one_hot(x, c) of indices"))
    return jnp.asarray(x, p.dtype), jnp.broadcast_to(p, np.shape(x))

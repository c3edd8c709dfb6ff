r"""Softmax, its logarithm and the logarithm of a sum of exponentials, in terms of logits behind the largest.

A logit of $-\infty$ has the share 0; where all are, all shares are 0. $+\infty$, the mark of a net that diverged, gives
NaN.
"""

import functools

import jax
import jax.numpy as jnp

from dlcore.numerics.exact import two_sum
from dlcore.numerics.formats import Array, lifted


@lifted("axis")
def softmax(s: Array, axis: int = -1) -> Array:
    r"""$e^{s_i} / \sum_j e^{s_j}$ along ``axis``, the sum over all $j$.

    >>> import jax.numpy as jnp
    >>> from dlcore.activations import softmax
    >>> print(softmax(jnp.zeros(4)))
    [0.25 0.25 0.25 0.25]
    """
    return _softmax(s, axis)


@lifted("axis")
def log_softmax(s: Array, axis: int = -1) -> Array:
    r"""$s_i - \ln \sum_j e^{s_j}$ along ``axis``, finite where ``softmax`` underflows, not 0 where it rounds to 1."""
    return _log_softmax(s, axis)


@lifted("axis", "keepdims")
def log_sum_exp(s: Array, axis: int = -1, keepdims: bool = False) -> Array:
    r"""$\ln \sum_j e^{s_j}$ along ``axis``: $-\infty$ where all $s_j$ are, and where there are none."""
    total = _log_sum_exp(s, axis)
    return total if keepdims else jnp.squeeze(total, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(s, axis):
    _, e = exp_difference(s, _largest(s, axis))
    total = jnp.sum(e, axis, keepdims=True)
    return e / jnp.where(total < 1, 1, total)  # below 1 where all logits are minus infinity alone


@_softmax.defjvp
def _softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    p = _softmax(s, axis)
    return p, p * _less_mean(p, ds, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(s, axis):
    d, _, r = behind_largest(s, axis)
    return d - jnp.expand_dims(jnp.log1p(r), axis)


@_log_softmax.defjvp
def _log_softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    return _log_softmax(s, axis), _less_mean(_softmax(s, axis), ds, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_sum_exp(s, axis):
    m = jnp.max(s, axis, keepdims=True, initial=-jnp.inf)
    return m + jnp.expand_dims(jnp.log1p(behind_largest(s, axis)[2]), axis)


@_log_sum_exp.defjvp
def _log_sum_exp_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    return _log_sum_exp(s, axis), jnp.sum(_softmax(s, axis) * ds, axis, keepdims=True)


def behind_largest(s: Array, axis: int) -> tuple[Array, Array, Array]:
    r"""Logits less the largest, d [..., c]; $e^d$; and the sum r [...] of $e^d$ without the largest one's, 1.

    Where r is small, 1 + r - 1 would have lost its digits; where two are the largest, it is not.
    """
    d, e = exp_difference(s, _largest(s, axis))
    total = jnp.sum(e, axis)
    return d, e, jnp.where(total < 1.5, jnp.sum(jnp.where(e < 1, e, 0), axis), total - 1)


def exp_difference(a: Array, b: Array) -> tuple[Array, Array]:
    r"""$a - b$ and $e^{a - b}$ for $a \le b$, which the rounding of the difference would cost half its size in ulp."""
    d, rest = two_sum(a, -b)
    return d, jnp.exp(d) * (1 + jnp.where(d > -1e4, rest, 0))


def _less_mean(p, ds, axis):
    r"""$ds_i - \sum_j p_j ds_j$, both less the ds of the largest p: nothing is left of 1 - p where p rounds to 1."""
    top = p == jnp.max(p, axis, keepdims=True, initial=0)
    count = jnp.maximum(jnp.sum(top, axis, keepdims=True), 1).astype(p.dtype)
    u = ds - jnp.sum(jnp.where(top, ds, 0), axis, keepdims=True) / count
    return u - jnp.sum(p * u, axis, keepdims=True)


def _largest(s, axis):
    """The largest logit, made finite: minus infinity less itself is NaN."""
    m = jnp.max(s, axis, keepdims=True, initial=-jnp.inf)
    return jnp.where(m == -jnp.inf, jnp.finfo(s.dtype).min, m)

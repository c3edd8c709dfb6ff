r"""Activations whose outputs are the shares of one whole: softmax along an axis, and its logarithm.

A logit of $-\infty$ has the share 0; where all are, all shares are 0. $+\infty$, the mark of a net that diverged, gives
NaN.
"""

import functools

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, at_least_f32, check_float


def softmax(s: Array, axis: int = -1) -> Array:
    r"""$e^{s_i} / \sum_j e^{s_j}$ along ``axis``, the sum over all $j$."""
    check_float("s", s)
    return _softmax(_wide(s), axis).astype(s.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(s, axis):
    e = jnp.exp(s - _largest(s, axis))
    total = jnp.sum(e, axis, keepdims=True)
    return e / jnp.maximum(total, 1)  # below 1 where all logits are minus infinity alone


@_softmax.defjvp
def _softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    p = _softmax(s, axis)
    return p, p * (ds - jnp.sum(p * ds, axis, keepdims=True))


def softmax_jacobian(s: Array, axis: int = -1) -> Array:
    r"""$\operatorname{diag}(p) - p p^\top$ with $p$ = ``softmax(s)`` along ``axis``: [..., c] -> [..., c, c]."""
    p = jnp.moveaxis(softmax(s, axis), axis, -1)
    return p[..., None] * (_identity_like(p) - p[..., None, :])


def log_softmax(s: Array, axis: int = -1) -> Array:
    r"""$s_i - \ln \sum_j e^{s_j}$ along ``axis``, finite where ``softmax`` underflows, not 0 where it rounds to 1."""
    check_float("s", s)
    return _log_softmax(_wide(s), axis).astype(s.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(s, axis):
    d, _, r = behind_largest(s, axis)
    return d - jnp.expand_dims(jnp.log1p(r), axis)


@_log_softmax.defjvp
def _log_softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    return _log_softmax(s, axis), ds - jnp.sum(_softmax(s, axis) * ds, axis, keepdims=True)


def log_softmax_jacobian(s: Array, axis: int = -1) -> Array:
    r"""$I - \mathbf 1 p^\top$ with $p$ = ``softmax(s)`` along ``axis``: [..., c] -> [..., c, c]."""
    p = jnp.moveaxis(softmax(s, axis), axis, -1)
    return _identity_like(p) - p[..., None, :]


def behind_largest(s: Array, axis: int) -> tuple[Array, Array, Array]:
    r"""Logits less the largest, d [..., c]; $e^d$; and the sum r [...] of $e^d$ without the largest one's, 1.

    Where r is small, 1 + r - 1 would have lost its digits; where two are the largest, it is not.
    """
    d = s - _largest(s, axis)
    e = jnp.exp(d)
    total = jnp.sum(e, axis)
    return d, e, jnp.where(total < 1.5, jnp.sum(jnp.where(e < 1, e, 0), axis), total - 1)


def _largest(s, axis):
    """The largest logit, made finite: minus infinity less itself is NaN."""
    return jnp.maximum(jnp.max(s, axis, keepdims=True, initial=-jnp.inf), jnp.finfo(s.dtype).min)


def _identity_like(p):
    return jnp.broadcast_to(jnp.eye(p.shape[-1], dtype=p.dtype), (*p.shape, p.shape[-1]))


def _wide(s):
    return jnp.asarray(s, at_least_f32(s.dtype))

r"""Activation functions, each with its analytic derivative as neighbour: ``relu`` and ``relu_grad``.

Elementwise, [...] -> [...], dtype kept, unless a docstring says otherwise; TypeError for an integer input.
"""

import functools

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, check_float


def identity(s: Array) -> Array:
    r"""$s$, the activation of a linear layer."""
    return s


def identity_grad(s: Array) -> Array:
    r"""$1$."""
    return jnp.ones_like(s)


def relu(s: Array) -> Array:
    r"""$\max(0, s)$; its derivative at 0 is 0."""
    check_float("s", s)
    return jnp.where(s <= 0, 0, s)  # this way round, NaN stays NaN


def relu_grad(s: Array) -> Array:
    r"""$1$ if $s > 0$, else $0$."""
    check_float("s", s)
    return jnp.where(s <= 0, 0, jnp.ones_like(s))


def sigmoid(s: Array) -> Array:
    r"""$\sigma(s) = 1 / (1 + e^{-s})$."""
    check_float("s", s)
    return jax.nn.sigmoid(s)


def sigmoid_grad(s: Array) -> Array:
    r"""$\sigma(s) \sigma(-s)$: $\sigma(1 - \sigma)$ without its loss of digits for large $s$."""
    return sigmoid(s) * sigmoid(-s)


def tanh(s: Array) -> Array:
    r"""$\tanh s$."""
    check_float("s", s)
    return jnp.tanh(s)


def tanh_grad(s: Array) -> Array:
    r"""$1 - \tanh^2 s = 4 \sigma(2s) \sigma(-2s)$."""
    return 4 * sigmoid_grad(2 * s)


def softmax(s: Array, axis: int = -1) -> Array:
    r"""$e^{s_i} / \sum_j e^{s_j}$ along ``axis``, the sum over all $j$; equal shares where all $s_j = -\infty$."""
    check_float("s", s)
    return _softmax(s, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(s, axis):
    e = jnp.exp(_below_max(s, axis))
    return e / jnp.sum(e, axis, keepdims=True)


@_softmax.defjvp
def _softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    p = _softmax(s, axis)
    return p, p * (ds - jnp.sum(p * ds, axis, keepdims=True))


def softmax_jacobian(s: Array, axis: int = -1) -> Array:
    r"""$\operatorname{diag}(p) - p p^\top$ with $p$ = ``softmax(s)`` along ``axis``: [..., c] -> [..., c, c]."""
    p = jnp.moveaxis(softmax(s, axis), axis, -1)
    return p[..., None] * (
        jnp.eye(p.shape[-1], dtype=p.dtype).reshape((1,) * (p.ndim - 1) + (p.shape[-1],) * 2) - p[..., None, :]
    )


def log_softmax(s: Array, axis: int = -1) -> Array:
    r"""$s_i - \ln \sum_j e^{s_j}$ along ``axis``, exact where ``softmax`` is 0 in floating point."""
    check_float("s", s)
    return _log_softmax(s, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(s, axis):
    d = _below_max(s, axis)
    return d - jnp.log(jnp.sum(jnp.exp(d), axis, keepdims=True))


@_log_softmax.defjvp
def _log_softmax_jvp(axis, primals, tangents):
    (s,), (ds,) = primals, tangents
    return _log_softmax(s, axis), ds - jnp.sum(_softmax(s, axis) * ds, axis, keepdims=True)


def _below_max(s, axis):
    m = jnp.max(s, axis, keepdims=True, initial=-jnp.inf)
    return jnp.where(s == m, 0, s - m)  # also where both are infinite

r"""The derivatives of softmax and of its logarithm, as matrices."""

import jax.numpy as jnp

from dlcore.numerics.formats import Array, lifted
from dlcore.numerics.softmax import softmax


@lifted("axis")
def softmax_jacobian(s: Array, axis: int = -1) -> Array:
    r"""$\operatorname{diag}(p) - p p^\top$ with $p$ = ``softmax(s)`` along ``axis``: [..., c] -> [..., c, c]."""
    p = jnp.moveaxis(softmax(s, axis), axis, -1)
    return p[..., None] * (_identity_like(p) - p[..., None, :])


@lifted("axis")
def log_softmax_jacobian(s: Array, axis: int = -1) -> Array:
    r"""$I - \mathbf 1 p^\top$ with $p$ = ``softmax(s)`` along ``axis``: [..., c] -> [..., c, c]."""
    p = jnp.moveaxis(softmax(s, axis), axis, -1)
    return _identity_like(p) - p[..., None, :]


def _identity_like(p):
    return jnp.broadcast_to(jnp.eye(p.shape[-1], dtype=p.dtype), (*p.shape, p.shape[-1]))

r"""The Euclidean norm $\sqrt{\sum_i |x_i|^2}$ of arrays and of trees.

No square overflows or vanishes on the way; the derivative at 0 is 0.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, PyTree, at_least_f32, compiled
from dlcore.numerics.functions import root


@compiled("axis", "keepdims")
def norm(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    r"""$\|x\|_2$ along ``axis``, over all entries where it is None; real or complex ``x``, its real dtype.

    Raises TypeError for an integer input.
    """
    check_float("x", x)
    dtype = jnp.finfo(x.dtype).dtype
    return _scaled_norm(_real_parts(x, at_least_f32(dtype)), axis, keepdims).astype(dtype)


@compiled()
def global_norm(tree: PyTree) -> Array:
    r"""$\|x\|_2$ of all entries of all leaves together, a scalar of at least float32; 0 for an empty tree.

    Raises TypeError for an integer leaf.
    """
    leaves = jax.tree.leaves(tree)
    for x in leaves:
        check_float("leaf", x)
    dtype = np.result_type(np.float32, *(jnp.finfo(at_least_f32(x.dtype)).dtype for x in leaves))
    parts = [part.ravel() for x in leaves for part in _real_parts(x, dtype)]
    squares = sum((jnp.sum(jnp.square(a)) for a in parts), jnp.zeros((), dtype))
    limits = jnp.finfo(dtype)
    plain = (squares > limits.tiny / limits.eps**2) & (squares < jnp.inf)
    # A second look at all entries only where the first has lost something.
    return jax.lax.cond(plain, lambda: root(squares), lambda: _scaled_norm(parts or [jnp.zeros(1, dtype)], None, False))


def _real_parts(x: Array, dtype: Any) -> list[Array]:
    return [part.astype(dtype) for part in ((x.real, x.imag) if jnp.iscomplexobj(x) else (x,))]


def _scaled_norm(parts: list[Array], axis: Any, keepdims: bool) -> Array:
    """Of entries less a power of two near the largest, so that the scaling itself costs no digit."""
    limits = jnp.finfo(parts[0].dtype)
    far = 2.0 ** int(0.75 * limits.maxexp)  # beyond it, the reciprocal in the derivative would be subnormal
    sizes = [jnp.max(jnp.abs(a), axis, keepdims=True, initial=0) for a in parts]
    largest = jax.lax.stop_gradient(functools.reduce(jnp.maximum, sizes))
    unit = jax.lax.reduce_precision(jnp.clip(largest, 1 / far, far), limits.nexp, 0)
    whole = unit * root(functools.reduce(jnp.add, (jnp.sum(jnp.square(a / unit), axis, keepdims=True) for a in parts)))
    return whole if keepdims else jnp.squeeze(whole, axis)

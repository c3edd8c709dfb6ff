"""Mini-batches and one-hot coding."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.contracts import Array


def batch_count(n: int, batch_size: int) -> int:
    r"""$\lceil n/B \rceil$ batches use every example once; MNIST with B = 128: 469."""
    if n < 1 or batch_size < 1:
        raise ValueError(f"needed n and batch_size of at least 1, got {n} and {batch_size}; try batch_size=32")
    return -(-n // batch_size)


def batch_indices(key: Array, n: int, batch_size: int) -> tuple[Array, Array]:
    """One epoch: (indices [k, B], mask [k, B]) with k = ⌈n/B⌉ and every example once where the mask is true.

    The free places of the last batch repeat other examples, so that shapes and indices stay valid; weight by the mask.
    """
    places = jnp.arange(batch_count(n, batch_size) * batch_size)
    order = jax.random.permutation(key, n)
    shape = (-1, batch_size)
    return order[places % n].reshape(shape), (places < n).reshape(shape)


def one_hot(y: Any, c: int, dtype: Any = jnp.float32) -> Array:
    """Class numbers y [...] as rows [..., c], 1 at the class and 0 elsewhere.

    Raises TypeError for labels that are no integers, and ValueError outside 0 … c-1, where a row would silently be 0
    (inside compiled code the values are unknown and not checked).
    """
    if not jnp.issubdtype(jnp.result_type(y), jnp.integer):
        raise TypeError(f"needed integer class numbers, got {jnp.result_type(y)}; try y.astype(int)")
    if not isinstance(y, Tracer):
        wrong = np.unique(np.asarray(y)[(np.asarray(y) < 0) | (np.asarray(y) >= c)])
        if wrong.size:
            raise ValueError(f"needed labels 0 to {c - 1}, got {wrong[:5].tolist()}; try np.unique(y, True) to number")
    return jax.nn.one_hot(y, c, dtype=dtype)

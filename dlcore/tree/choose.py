"""Choosing between two trees of one structure."""

from typing import TypeVar

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array

T = TypeVar("T")


def tree_where(condition: Array, a: T, b: T) -> T:
    """Each leaf of ``a`` where ``condition`` [] holds, else that of ``b``."""
    return jax.tree.map(lambda u, v: jnp.where(condition, u, v), a, b)

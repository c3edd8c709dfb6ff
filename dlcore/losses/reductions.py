"""From losses per example to one number. Nothing else reduces over examples."""

import jax.numpy as jnp

from dlcore.contracts import Array, check_same_shape, in_dtype_of


def mean(losses: Array) -> Array:
    r"""$\frac1n \sum_i \ell_i$: [...] -> []."""
    return jnp.mean(losses)


def total(losses: Array) -> Array:
    r"""$\sum_i \ell_i$: [...] -> []."""
    return jnp.sum(losses)


def weighted_mean(losses: Array, weights: Array) -> Array:
    r"""$\sum_i w_i \ell_i / \sum_i w_i$: [...], [...] -> []; 0 where all weights are 0.

    An example of weight 0 does not count, not even if its loss is NaN.
    """
    check_same_shape(losses=losses, weights=weights)
    w = jnp.asarray(in_dtype_of(losses, weights), losses.dtype)
    whole = jnp.sum(w)
    counted = jnp.sum(w * jnp.where(w == 0, 0, losses))
    return jnp.where(whole == 0, 0, counted / jnp.where(whole == 0, 1, whole))


def masked_mean(losses: Array, mask: Array) -> Array:
    r"""The mean of the losses where ``mask`` is true: [...], [...] -> []; 0 where it is nowhere."""
    return weighted_mean(losses, jnp.asarray(mask).astype(losses.dtype))

"""From losses per example to one number, summed in at least float32. Nothing else reduces over examples."""

import jax.numpy as jnp

from dlcore.numerics.errors import check_same_shape
from dlcore.numerics.formats import Array, lifted
from dlcore.numerics.ranges import NOT_NEGATIVE


@lifted()
def mean(losses: Array) -> Array:
    r"""$\frac1n \sum_i \ell_i$: [...] -> []."""
    return jnp.mean(losses)


@lifted()
def total(losses: Array) -> Array:
    r"""$\sum_i \ell_i$: [...] -> []."""
    return jnp.sum(losses)


@lifted(weights=NOT_NEGATIVE)
def weighted_mean(losses: Array, weights: Array) -> Array:
    r"""$\sum_i w_i \ell_i / \sum_i w_i$: [...], [...] -> []; 0 where all weights are 0.

    An example of weight 0 does not count, not even if its loss is NaN. Raises ValueError for a negative weight.
    """
    check_same_shape(losses=losses, weights=weights)
    return _mean_by(jnp.asarray(weights, losses.dtype), losses)


@lifted()
def masked_mean(losses: Array, mask: Array) -> Array:
    r"""The mean of the losses where ``mask`` is true: [...], [...] -> []; 0 where it is nowhere."""
    check_same_shape(losses=losses, mask=mask)
    return _mean_by(jnp.asarray(mask).astype(losses.dtype), losses)


def _mean_by(w, losses):
    whole = jnp.sum(w)
    counted = jnp.sum(w * jnp.where(w == 0, 0, losses))
    return jnp.where(whole == 0, 0, counted / jnp.where(whole == 0, 1, whole))

"""How values are spread inside a network: what every layer gives, and the gradient that comes to it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.diagnosis.walk import Walk
from dlcore.numerics.formats import Array, at_least_f32

BINS = 40
DECADES = -12.0, 4.0  # of gradients: beyond them lies what no training needs to tell apart


class Histograms(NamedTuple):
    r"""Of every part of a network before the first step and after the last: counts [2, parts, bins].

    ``activation`` of what it gives, in bins of equal width between ``ends`` [parts, 2], the least and the greatest
    value of both times. ``gradient`` of $\log_{10} |g|$, the loss's derivative by its parameters, in bins between the
    ends of ``DECADES``: what is smaller, 0 too, is in the first, what is larger in the last; no counts for a part
    without parameters. What is not finite is not counted.
    """

    activation: Array
    ends: Array
    gradient: Array


def histograms_of(walks: Walk) -> Histograms:
    """Those of two ways through a network, before the first step and after the last, stacked [2, ...]."""
    given = [_wide(after) for _, after in walks.steps]
    ends = [_ends(values) for values in given]
    grads = [[_magnitude(leaf) for leaf in jax.tree.leaves(one)] for one in walks.gradients]
    low, high = (jnp.asarray(end, at_least_f32(jnp.result_type(float))) for end in DECADES)
    return Histograms(
        jnp.stack([_counts(values, *end) for values, end in zip(given, ends, strict=True)], 1),
        jnp.stack([jnp.stack(end) for end in ends]),
        jnp.stack([sum((_counts(g, low, high) for g in one), jnp.zeros((2, BINS), jnp.int32)) for one in grads], 1),
    )


def _wide(values):
    return values.astype(at_least_f32(jnp.result_type(float))).reshape(2, -1)


def _magnitude(gradient):
    size = jnp.abs(_wide(gradient))
    return jnp.log10(jnp.maximum(size, 10.0 ** DECADES[0]))


def _ends(values):
    """The least and the greatest of all that are finite; 0 and 0 where none is."""
    finite = jnp.isfinite(values)
    low, high = jnp.min(jnp.where(finite, values, jnp.inf)), jnp.max(jnp.where(finite, values, -jnp.inf))
    return jnp.where(low <= high, low, 0), jnp.where(low <= high, high, 0)


def _counts(values, low, high):
    """How many of values [2, n] are in each bin between ``low`` and ``high``, those beyond in the outermost; [2, bins].

    Where both ends are one number, all are in the middle.
    """
    finite, width = jnp.isfinite(values), (high - low) / BINS
    at = jnp.where(width > 0, (values - low) / jnp.where(width > 0, width, 1), BINS // 2)
    place = jnp.clip(jnp.where(finite, at, 0), 0, BINS - 1).astype(jnp.int32)
    return jax.vmap(lambda i, one: jnp.zeros(BINS, jnp.int32).at[i].add(one.astype(jnp.int32)))(place, finite)

"""Mini-batches and one-hot coding."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, PartitionSpec, get_abstract_mesh

from dlcore.data.examples import Examples, Padded, Weighted, weights_of
from dlcore.numerics.formats import Array, PyTree, at_least_f32

BATCH = "batch"  # the axis of a mesh over whose devices the examples of a batch are spread


class Batch(NamedTuple):
    """A mini-batch x [B, ...], y [B, ...]; where ``counts`` [B] is false an example only fills a place.

    ``weights`` [B] have the mean 1 over all examples of the epoch, and not over those of the batch.
    """

    x: Array
    y: Array
    counts: Array | None = None
    weights: Array | None = None


class Batches(NamedTuple):
    """The mini-batches of one epoch, all that a training knows of where its examples come from.

    ``draw(place)`` makes the ``Batch`` of a place. ``places`` stacks those of all batches but the last on a first axis,
    which a compiled loop runs over; ``last`` stands alone, as it may be the one with free places.
    """

    draw: Callable[[PyTree], Batch]
    places: PyTree
    last: PyTree

    @property
    def count(self) -> int:
        """How many there are."""
        return jax.tree.leaves(self.places)[0].shape[0] + 1


def in_memory(examples: Examples | Weighted | Padded, key: Array, batch_size: int) -> Batches:
    r"""The batches of ``batch_indices`` from examples on the device, in a new order for every ``key``.

    Weights become $w_i / \bar w$ by their mean over all examples: the mean of $w_i \ell_i / \bar w$ over a batch has
    the mean by weight of all examples as its expectation, is it where the batch is all of them, and of batches that
    accumulate it is that of the one large batch. By the weights of each batch, as scikit-learn divides, it would be
    neither, and nothing where they are all 0; divided by the size alone, as in Keras, it would grow with the weights.
    """
    x, y = examples[:2]
    n, count = x.shape[0], examples.n if isinstance(examples, Padded) else None
    indices, mask = batch_indices(key, n, batch_size, count)
    weights = _relative(weights_of(examples), count)

    def draw(place):
        chosen, counts = spread(place)  # of examples that every device has: none are sent around
        own = None if weights is None else whole(weights)[chosen]
        return spread(Batch(whole(x)[chosen], whole(y)[chosen], counts, own))

    # only the last batch can have free places: no other pays for a mask
    return Batches(
        draw, (indices[:-1], None), (indices[-1], None if count is None and n % batch_size == 0 else mask[-1])
    )


def _relative(weights, count):
    """``weights`` by the mean of those that count; None where there are none."""
    if weights is None:
        return None
    w = weights.astype(at_least_f32(weights.dtype) if jnp.issubdtype(weights.dtype, jnp.floating) else float)
    if count is None:
        return w / jnp.mean(w)
    places = jnp.arange(w.shape[0])
    total = jnp.sum(jnp.where(places < jnp.asarray(count, places.dtype), w, 0))
    return w * (jnp.asarray(count, w.dtype) / total)


def spread(examples: PyTree) -> PyTree:
    """``examples`` [n, ...] over the devices of the mesh with an axis "batch" that ``jax.set_mesh`` has set; any n.

    XLA spreads what is computed of them likewise: a device computes its share alone, of sums too. Without such a mesh
    they are what they were.
    """
    return _constrained(examples, PartitionSpec(BATCH))


def whole(tree: PyTree) -> PyTree:
    """``tree``, such as parameters, the same on every device of the mesh of ``spread``."""
    return _constrained(tree, PartitionSpec())


def _constrained(tree, spec):
    mesh = get_abstract_mesh()
    automatic = [name for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True) if kind == AxisType.Auto]
    return jax.lax.with_sharding_constraint(tree, spec) if BATCH in automatic else tree


def batch_count(n: int, batch_size: int) -> int:
    r"""$\lceil n/B \rceil$ batches use every example once; MNIST with B = 128: 469."""
    if n < 1 or batch_size < 1:
        raise ValueError(f"needed n and batch_size of at least 1, got {n} and {batch_size}; try batch_size=32")
    return -(-n // batch_size)


def batch_indices(key: Array, n: int, batch_size: int, count: Array | None = None) -> tuple[Array, Array]:
    """One epoch: (indices [k, B], mask [k, B]) with k = ⌈n/B⌉ and every example once where the mask is true.

    The free places of the last batch repeat other examples, so that shapes and indices stay valid; weight by the mask.
    With ``count``, a number that may be traced, only the first so many of the n examples are drawn: in the order in
    which they would be drawn alone, where ``shuffle_rounds`` of both numbers agree.
    """
    places = jnp.arange(batch_count(n, batch_size) * batch_size)
    order = jax.random.permutation(key, n) if count is None else permutation_of_first(key, n, count)
    drawn: Any = n if count is None else jnp.asarray(count, places.dtype)
    shape = (-1, batch_size)
    return order[places % drawn].reshape(shape), (places < drawn).reshape(shape)


def shuffle_rounds(n: int) -> int:
    """How often ``jax.random.permutation`` sorts n numbers by random bits: until ties have no influence."""
    return math.ceil(3 * math.log(max(1, n)) / math.log(0xFFFFFFFF))


def permutation_of_first(key: Array, n: int, count: Array) -> Array:
    """``jax.random.permutation(key, count)`` for a traced ``count`` up to n, and behind it the rest of the n indices.

    The same sorts by the same bits, which JAX's counter-based generators give every index for itself; those that do
    not count are put last.
    """
    order = jnp.arange(n)
    first = order < jnp.asarray(count, order.dtype)
    for _ in range(shuffle_rounds(n)):
        key, subkey = jax.random.split(key)
        bits = jnp.where(first, jax.random.bits(subkey, (n,), jnp.uint32), jnp.uint32(0xFFFFFFFF))
        _, order = jax.lax.sort_key_val(bits, order)  # stable: what counts stays before the rest
    return order


def one_hot(y: Any, c: int, dtype: Any = jnp.float32) -> Array:
    """Class numbers y [...] as rows [..., c], 1 at the class and 0 elsewhere.

    Raises TypeError for labels that are no integers, and ValueError outside 0 … c-1, where a row would silently be 0
    (inside compiled code the values are unknown and not checked).

    >>> from dlcore.data import one_hot
    >>> print(one_hot([0, 2], 3))
    [[1. 0. 0.]
     [0. 0. 1.]]
    """
    y = y if hasattr(y, "dtype") else np.asarray(y)
    if not jnp.issubdtype(jnp.result_type(y), jnp.integer):
        raise TypeError(f"needed integer class numbers, got {jnp.result_type(y)}; try y.astype(int)")
    if not isinstance(y, Tracer):
        wrong = np.unique(np.asarray(y)[(np.asarray(y) < 0) | (np.asarray(y) >= c)])
        if wrong.size:
            raise ValueError(f"needed labels 0 to {c - 1}, got {wrong[:5].tolist()}; try np.unique(y, True) to number")
    return jax.nn.one_hot(y, c, dtype=dtype)

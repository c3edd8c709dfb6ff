"""Tiles: the compiled programs of rows of trainings, one that starts them and one that takes them further.

A tile is what one device trains at once, nested: seeds outside, setups inside. Within a seed the order of the examples
has no axis of setups, so that batches are gathered once for all of them. The loop over epochs stands around the tile:
its length is data, and it ends when the last row has ended. The states' keys and epochs are those of the whole tile;
they are put in at the door and taken off again.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from dlcore.numerics.formats import Array, PyTree
from dlcore.training import History, Setup, TrainState, advance, start

DEVICES, EVERYWHERE = PartitionSpec("device"), PartitionSpec()
EIGHT = 8  # rows that evaluate ``watch.chunk`` examples each at once


class Kind(NamedTuple):
    """What makes a program: the structure of the setups, which of their leaves vary, folds or not, the kind of keys."""

    structure: Any
    varying: tuple[bool, ...]
    folded: bool
    keys: Any

    def setup(self, differing: list[Array], common: list[Array]) -> Setup:
        """The setup with the leaves ``differing`` where they vary, and ``common`` elsewhere."""
        one, other = iter(differing), iter(common)
        return self.structure.unflatten([next(one) if varies else next(other) for varies in self.varying])


class Cells(NamedTuple):
    """The places of a call: the setups' numbers and varying leaves [device, seed, setup, ...], the words of the keys
    [device, seed, ...] and the folds [device, seed].
    """

    setups: Any
    leaves: list[Any]
    keys: Any
    folds: Any


class Shared(NamedTuple):
    """What all places have in common; with folds every array of ``data`` has a first axis of them."""

    leaves: list[Any]
    data: PyTree


def start_tiles(cells: Cells, shared: Shared, *, kind: Kind, mesh: Mesh) -> TrainState:
    """States before the first epoch, [device, seed, setup, ...]."""
    quick = mesh.devices.flat[0].platform == "cpu"
    return (_start_quickly if quick else _start)(cells, shared, kind=kind, mesh=mesh)


def _start_tiles(cells, shared, *, kind, mesh):
    return _spread(partial(_start_tile, kind), mesh)(cells, shared)


def _start_tile(kind, cells, shared):
    def row(number, leaves, key, data):
        del number  # there to be mapped over where nothing else varies
        return _off(start(kind.setup(leaves, shared.leaves), data, key))

    return _nested(row, kind, here=2)(cells.setups, cells.leaves, *_streams(cells, shared, kind))


@partial(jax.jit, static_argnames=("kind", "mesh", "capacity"), donate_argnames="states")
def advance_tiles(
    cells: Cells, states: TrainState, shared: Shared, clock: tuple[Any, Any], *, kind: Kind, mesh: Mesh, capacity: int
) -> tuple[TrainState, History, Array]:
    """(states, history [device, capacity, seed, setup], whether a row still learns [device]).

    ``clock`` is the epoch of the states and how many more to train, at most ``capacity``; epochs that were not needed
    are NaN.
    """
    tile = partial(_advance_tile, kind, capacity)
    return _spread(tile, mesh)((cells, states), (shared, clock))


def _advance_tile(kind, capacity, own, shared_and_clock):
    (cells, states), (shared, (first, count)) = own, shared_and_clock
    keys, data = _streams(cells, shared, kind)
    row = partial(_epoch, kind, cells.setups.size)
    rows = jax.jit(_nested(row, kind, here=2, everywhere=2))  # jit: traced once, for its shapes and its numbers

    def more(carry):
        i, states, _ = carry
        return (i < count) & jnp.any(states.active)

    def epoch(carry):
        i, states, history = carry
        states, one = rows(cells.leaves, states, keys, data, first + i, shared.leaves)
        return i + 1, states, jax.tree.map(lambda whole, part: whole.at[i].set(part), history, one)

    _, like = jax.eval_shape(rows, cells.leaves, states, keys, data, first, shared.leaves)
    blank = jax.tree.map(lambda a: jnp.full((capacity, *a.shape), missing(a.dtype), a.dtype), like)
    _, states, history = jax.lax.while_loop(more, epoch, (jnp.zeros_like(count), states, blank))
    return states, history, jnp.any(states.active)


def _epoch(kind, rows, leaves, state, key, data, epoch, common):
    state = state._replace(key=key, epoch=epoch)
    state, history = advance(_shared_out(kind.setup(leaves, common), rows), data, state, 1)
    return _off(state), jax.tree.map(lambda a: a[0], history)


def _shared_out(setup: Setup, rows: int) -> Setup:
    """``setup`` with fewer examples evaluated at once the more ``rows`` do so: together they take what eight take.

    Not fewer than a mini-batch, which each row has in memory anyway.
    """
    if setup.batch_size is None:
        return setup
    chunk = min(setup.watch.chunk, max(setup.batch_size, EIGHT * setup.watch.chunk // rows))
    return dataclasses.replace(setup, watch=dataclasses.replace(setup.watch, chunk=chunk))


def missing(dtype: Any) -> float:
    """What stands in a history for an epoch that was not trained: NaN, or 0 where a dtype has none."""
    return jnp.nan if jnp.issubdtype(dtype, jnp.inexact) else 0


_start = jax.jit(_start_tiles, static_argnames=("kind", "mesh"))
# It runs once: on a CPU it takes four times as long to compile well as to compile and run.
_ONCE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
_start_quickly = jax.jit(_start_tiles, static_argnames=("kind", "mesh"), compiler_options=_ONCE)


def _off(state):
    return state._replace(key=(), epoch=())


def _streams(cells, shared, kind):
    """Keys [seed] and data of the streams of a tile: the data themselves, or with folds [seed, ...]."""
    keys = jax.random.wrap_key_data(cells.keys, impl=kind.keys)
    return keys, jax.tree.map(lambda a: a[cells.folds], shared.data) if kind.folded else shared.data


def _nested(row: Callable, kind: Kind, here: int, everywhere: int = 0) -> Callable:
    """``row`` of ``here`` arguments of its own, key and data of its stream, and others, for a whole tile."""
    own, others = (0,) * here, (None,) * everywhere
    inner = jax.vmap(row, (*own, None, None, *others))
    return jax.vmap(inner, (*own, 0, 0 if kind.folded else None, *others))


def _spread(tile: Callable, mesh: Mesh) -> Callable:
    """``tile(own, shared)`` on every device, with its part of ``own`` [device, ...]."""

    def on_device(own, shared):
        return jax.tree.map(lambda a: a[None], tile(jax.tree.map(lambda a: a[0], own), shared))

    if mesh.size == 1:  # vmap of a convolution's gradient inside shard_map is not there before jax 0.8
        return on_device
    return jax.shard_map(on_device, mesh=mesh, in_specs=(DEVICES, EVERYWHERE), out_specs=DEVICES, check_vma=False)

"""The compiled program of a group of rows with its data on the devices: it starts a call and takes it further."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

from dlcore.data import cut
from dlcore.numerics.formats import Array, PyTree
from dlcore.training import History, TrainState
from dlcore.tuning.known import Resting, Row
from dlcore.tuning.rows import Call, Group, words_of
from dlcore.tuning.tiles import DEVICES, EVERYWHERE, Cells, Shared, advance_tiles, start_tiles

CAPACITY = 128  # epochs that a call has room for in its history


class Program:
    """``begin`` a call of the ``group``, then ``advance`` it; ``data`` lie once on each device for all calls.

    ``data`` as ``train`` takes them; with folds every array has a first axis of them, and the parts are ``Padded``.
    """

    def __init__(self, group: Group, data: PyTree, devices: Sequence[Any]):
        self.group = group
        self.mesh = Mesh(np.asarray(devices[: group.plan.devices]), ("device",))
        data = data if group.places is None else cut(data, group.places)
        # once, instead of at every call
        self._shared = Shared(group.fixed, jax.device_put(data, NamedSharding(self.mesh, EVERYWHERE)))
        self._keys = {seed: words_of(group.key, seed) for seed in {row.stream.seed for row in group.rows}}
        # as what ``advance_tiles`` gives back lies: otherwise its second call would be another program
        self._lying = NamedSharding(self.mesh, DEVICES if self.mesh.size > 1 else EVERYWHERE)

    def begin(self, call: Call, before: TrainState | None = None) -> tuple[Cells, TrainState]:
        """The places of a call, and the states that it goes on from: those ``before``, or fresh ones."""
        places, state = jax.device_put((_cells(self.group, call.lists, self._keys), before), self._lying)
        if before is None:
            state = start_tiles(places, self._shared, kind=self.group.kind, mesh=self.mesh)
        return places, state

    def advance(
        self, places: Cells, state: TrainState, epoch: int, count: int
    ) -> tuple[TrainState, tuple[History, Array]]:
        """The states after ``count`` more epochs; on the host their history and whether a row still learns."""
        state, *told = advance_tiles(*self._arguments(places, state, epoch, count), **self._static)
        history, still = jax.device_get(told)
        return state, (jax.tree.map(lambda a: np.moveaxis(a[:, :count], 1, -1), history), still)

    def compiled(self, places: Cells, state: TrainState) -> Any:
        """The program of ``advance`` as the compiler gives it; it is there for the calls."""
        return advance_tiles.lower(*self._arguments(places, state, 0, 1), **self._static).compile()

    def bytes(self, places: Cells, state: TrainState) -> int:
        """What a call takes on a device at its peak, data included, by the compiler's own account; 0 without one."""
        parts = self.compiled(places, state).memory_analysis()
        if parts is None:
            return 0
        taken = parts.argument_size_in_bytes + parts.output_size_in_bytes + parts.temp_size_in_bytes
        return taken - parts.alias_size_in_bytes

    @property
    def data_bytes(self) -> int:
        """What the data take on a device, once for all rows."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self._shared.data))

    def _arguments(self, places, state, epoch, count):
        return places, state, self._shared, (np.int32(epoch), np.int32(count))

    @property
    def _static(self):
        return {"kind": self.group.kind, "mesh": self.mesh, "capacity": min(self.group.epochs, CAPACITY)}


def before(group: Group, call: Call, resting: Mapping[Row, Resting] | None) -> Any:
    """(history, state) that the rows of a call go on from, [device, seed, setup, ...], or None where they start."""
    if resting is None or group.epoch is None:
        return None
    shape = (group.plan.devices, group.plan.seeds, group.plan.configs)
    every = [(resting[row].found.history, resting[row].state) for piece in call.lists for row in piece]
    return jax.tree.map(lambda *leaves: np.stack(leaves).reshape(*shape, *np.shape(leaves[0])), *every)


def _cells(group, filled, keys):
    plan, place = group.plan, {number: i for i, number in enumerate(group.members)}
    setups = np.array([[place[row.setup] for row in piece] for piece in filled], np.int32)
    words = np.stack([keys[piece[0].stream.seed] for piece in filled])
    folds = np.array([piece[0].stream.fold for piece in filled], np.int32)
    seeds = plan.devices, plan.seeds
    setups = setups.reshape(*seeds, plan.configs)
    leaves = [leaf[setups] for leaf in group.stacked]
    return Cells(setups, leaves, words.reshape(*seeds, *words.shape[1:]), folds.reshape(seeds))

"""``sweep``: all setups of a space, times seeds, as rows of as few XLA programs as there are distinct structures."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from dlcore.contracts import Array
from dlcore.training import Setup, arrays, as_arrays, check, train
from dlcore.tuning.plan import WIDTH, Plan, plan_of
from dlcore.tuning.spaces import Assignment, assign
from dlcore.tuning.study import Rows, Study

DEVICES = PartitionSpec("device")


class SweepProgress(NamedTuple):
    """What ``watch`` is told after every call: trainings done of all."""

    done: int
    total: int


class _Group(NamedTuple):
    """Assignments whose setups differ in numbers only: those numbers stacked, the others once."""

    members: list[int]
    structure: Any
    varying: tuple[bool, ...]
    stacked: list[np.ndarray]
    fixed: list[np.ndarray]


def sweep(
    setup: Setup,
    space: Sequence[Assignment],
    data: Any,
    key: Array,
    *,
    seeds: int = 1,
    width: int | None = None,
    devices: Sequence[Any] | None = None,
    watch: Callable[[SweepProgress], None] | None = None,
) -> Study:
    """Train ``setup`` under every assignment of ``space`` with each of ``seeds`` seeds.

    Row (i, s) is ``train(assign(setup, space[i]), data, jax.random.fold_in(key, s))``: within a seed all rows share
    initial parameters and the order of mini-batches. Numbers are stacked and vmapped; assignments that differ in
    structure are grouped. At most ``width`` trainings run at once on each of ``devices`` (default: all).

    Raises ValueError or TypeError for a path that does not exist or a setup that does not fit the data, before anything
    is compiled.
    """
    if not space or seeds < 1:
        raise ValueError(f"sweep: needed at least one assignment and one seed, got {len(space)} and {seeds}")
    setups = [assign(setup, assignment) for assignment in space]
    data = arrays(data)
    for one in setups:
        check(one, data)
    devices = tuple(devices or jax.devices())
    width = width or WIDTH.get(devices[0].platform, min(WIDTH.values()))
    groups = _groups([as_arrays(one) for one in setups])
    plans = [plan_of(len(group.members), seeds, len(devices), width) for group in groups]
    table = _Table(len(space), seeds, max(one.epochs for one in setups))
    for group, plan in zip(groups, plans, strict=True):
        for places, rows in _calls(group, plan, seeds, devices, data, key):
            table.put(places, rows)
            if watch:
                watch(SweepProgress(table.done, len(space) * seeds))
    return Study(setup, tuple(space), table.rows, tuple(plans))


def _groups(setups: list[Setup]) -> list[_Group]:
    by_structure: dict[Any, list[int]] = {}
    for i, setup in enumerate(setups):
        leaves, structure = jax.tree.flatten(setup)
        by_structure.setdefault((structure, tuple(leaf.shape for leaf in leaves)), []).append(i)
    return [_group(structure, setups, members) for (structure, _), members in by_structure.items()]


def _group(structure, setups, members):
    columns = list(zip(*(jax.tree.leaves(setups[i]) for i in members), strict=True))
    varying = tuple(any(not np.array_equal(column[0], leaf) for leaf in column) for column in columns)
    stacked = [np.stack(column) for column, varies in zip(columns, varying, strict=True) if varies]
    fixed = [column[0] for column, varies in zip(columns, varying, strict=True) if not varies]
    return _Group(members, structure, varying, stacked, fixed)


def _calls(group: _Group, plan: Plan, seeds: int, devices: tuple, data: Any, key: Array) -> Iterator[tuple]:
    """(places [(i, s), …], rows) of every call of the compiled program; what fills up the last tile comes again."""
    n = len(group.members)
    corners = [(c, s) for s in range(0, seeds, plan.seeds) for c in range(0, n, plan.configs)]
    corners += corners[:1] * (plan.calls * plan.devices - len(corners))
    mesh = Mesh(np.asarray(devices), ("device",))
    for call in range(plan.calls):
        tiles = corners[call * plan.devices : (call + 1) * plan.devices]
        c = np.array([np.arange(corner, corner + plan.configs) % n for corner, _ in tiles])
        s = np.array([np.arange(corner, corner + plan.seeds) % seeds for _, corner in tiles])
        stacked = [leaf[c] for leaf in group.stacked]
        rows = _tiles(
            stacked, c, s, group.fixed, data, key, structure=group.structure, varying=group.varying, mesh=mesh
        )
        places = [(group.members[i], int(j)) for cs, ss in zip(c, s, strict=True) for j in ss for i in cs]
        yield places, jax.tree.map(lambda a: a.reshape(-1, *a.shape[3:]), jax.device_get(rows))


@partial(jax.jit, static_argnames=("structure", "varying", "mesh"))
def _tiles(stacked, numbers, seeds, fixed, data, key, *, structure, varying, mesh):
    """Rows [device, seed, config, ...] for ``stacked`` [device, config, ...] and ``seeds`` [device, seed]."""

    def row(leaves, number, seed, fixed, data, key):
        del number  # there to be mapped over where nothing else varies
        differing, common = iter(leaves), iter(fixed)
        setup = structure.unflatten([next(differing) if varies else next(common) for varies in varying])
        run = train(setup, data, jax.random.fold_in(key, seed))
        best = run.state.best
        return Rows(run.history, best.validation_loss, best.epoch, run.state.first_nonfinite)

    # seeds outside: within one, the order of the examples has no configuration axis and is gathered once for all
    shared = (None, None, None)
    tile = jax.vmap(jax.vmap(row, (0, 0, None, *shared)), (None, None, 0, *shared))
    on_device = jax.vmap(tile, (0, 0, 0, *shared))
    if mesh.size == 1:  # vmap of a convolution's gradient inside shard_map is not there before jax 0.8
        return on_device(stacked, numbers, seeds, fixed, data, key)
    here, everywhere = DEVICES, PartitionSpec()
    specs = (here, here, here, everywhere, everywhere, everywhere)
    spread = jax.shard_map(on_device, mesh=mesh, in_specs=specs, out_specs=here, check_vma=False)
    return spread(stacked, numbers, seeds, fixed, data, key)


class _Table:
    """Rows by (configuration, seed), filled call by call; NaN where a shorter training has no epoch."""

    def __init__(self, configs: int, seeds: int, epochs: int):
        self._size, self._epochs, self._seen = (configs, seeds), epochs, set()
        self.rows: Any = None

    @property
    def done(self) -> int:
        return len(self._seen)

    def put(self, places: list[tuple[int, int]], rows: Rows) -> None:
        if self.rows is None:
            self.rows = jax.tree.map(self._empty, rows)
        i, s = np.array(places).T
        for whole, part in zip(jax.tree.leaves(self.rows), jax.tree.leaves(rows), strict=True):
            cell = whole[..., : part.shape[1]] if part.ndim > 1 else whole
            cell[i, s] = part
        self._seen |= set(places)

    def _empty(self, part):
        shape = self._size + ((self._epochs,) if part.ndim > 1 else ())
        return np.full(shape, np.nan, part.dtype) if part.dtype.kind == "f" else np.zeros(shape, part.dtype)

"""Rows: many trainings as one program, setups × seeds × folds × states, advanced in compiled chunks of epochs.

A row is a setup with a ``Stream``: the seed of its key and, where the data have folds, the fold that it sees. Its
numbers are those of ``train(setup, data of the fold, jax.random.fold_in(key, seed))``. Setups that differ in numbers
only are one ``Group`` with one program: the numbers that vary are stacked, the others are there once.
"""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

from dlcore.data import batch_count, cut, shuffle_rounds
from dlcore.numerics.formats import Array, PyTree
from dlcore.training import Setup, TrainState
from dlcore.tuning.known import Resting, Row, Rows, Stream
from dlcore.tuning.plan import WIDTH, Plan, plan_of
from dlcore.tuning.tiles import DEVICES, EVERYWHERE, Cells, Kind, Shared, advance_tiles, missing, start_tiles

CAPACITY = 128  # epochs that a call has room for in its history
SECONDS = 1.0  # that a call should take at most: how often progress is told


class Group(NamedTuple):
    """Rows of one program, not yet started or all at the same ``epoch``; ``stacked`` [setups, ...] as ``members``.

    ``places`` are those for training examples, where the data have folds.
    """

    kind: Kind
    rows: list[Row]
    members: list[int]
    stacked: list[np.ndarray]
    fixed: list[np.ndarray]
    epoch: int | None
    epochs: int
    places: int | None
    key: Array
    plan: Plan

    def only(self, rows: Iterable[Row], epoch: int | None) -> "Group":
        """Some of the rows, in tiles of the same size: the same program."""
        chosen = set(rows)
        rows = [row for row in self.rows if row in chosen]
        return self._replace(rows=rows, epoch=epoch, plan=self.plan.of(map(len, _by_stream(rows).values())))


class Finished(NamedTuple):
    """``rows`` that have come to ``epoch``, and what was found of them, [rows] each, on the host.

    The history of a row that ended earlier is NaN from there on. ``state`` stays on the devices, [device, seed, setup,
    ...], until it is asked for; ``cells`` are the places of the rows in it.
    """

    rows: list[Row]
    epoch: int
    found: Rows
    state: TrainState
    cells: np.ndarray

    def resting(self, states: Container[Row] | None = None) -> dict[Row, Resting]:
        """Every row by itself, to go on from; with their states those in ``states``, else all."""
        wanted = [row for row in self.rows if states is None or row in states]
        state = _places(self.state, self.cells) if wanted else None
        few = len(wanted) < len(self.rows)  # then in memory of their own, not as a part of all
        return {
            row: Resting(
                self.epoch,
                jax.tree.map(lambda a, i=i: a[i], self.found),
                jax.tree.map(lambda a, i=i: a[i].copy() if few else a[i], state) if row in wanted else None,
            )
            for i, row in enumerate(self.rows)
        }


class Chunk(NamedTuple):
    """What ``watch`` is told after every call of the program: ``rows`` at once have come to ``epoch`` of ``epochs``."""

    rows: int
    epoch: int
    epochs: int


def groups_of(
    setups: Sequence[Setup],
    rows: Sequence[Row],
    key: Array,
    *,
    devices: Sequence[Any],
    width: int | None = None,
    sizes: Sequence[int] | None = None,
) -> list[Group]:
    """``rows`` in as few groups as there are structures, each with the plan of its calls.

    ``setups`` have arrays for numbers, as ``as_arrays`` gives them; the key of a row is ``key`` with its seed folded
    in. Where the data have folds, ``sizes`` are the numbers of training examples in each.
    """
    width = width or WIDTH.get(devices[0].platform, min(WIDTH.values()))
    flat = [jax.tree.flatten(setup) for setup in setups]
    alike: dict[Any, list[Row]] = {}
    for row in rows:
        leaves, structure = flat[row.setup]
        batches = sizes and _batches(setups[row.setup].batch_size, sizes[row.stream.fold])
        alike.setdefault((structure, tuple(leaf.shape for leaf in leaves), batches), []).append(row)
    groups = []
    for (structure, *_), some in alike.items():
        members = list(dict.fromkeys(row.setup for row in some))
        varying, stacked, fixed = _apart([flat[i][0] for i in members])
        plan = plan_of(map(len, _by_stream(some).values()), len(devices), width)
        places = max(sizes[row.stream.fold] for row in some) if sizes else None
        kind = Kind(structure, varying, sizes is not None, jax.random.key_impl(key))
        epochs = setups[members[0]].epochs
        groups.append(Group(kind, some, members, stacked, fixed, None, epochs, places, key, plan))
    return groups


def _batches(batch_size, n):
    """What the programs of folds of n training examples have in common: the batches of an epoch and their order."""
    return n if batch_size is None else (batch_count(n, batch_size), shuffle_rounds(n))


def words_of(key: Array, seed: int) -> np.ndarray:
    """The words of the key of ``seed``, on the host."""
    return np.asarray(jax.random.key_data(jax.random.fold_in(key, np.uint32(seed))))


def _apart(rows):
    """Which columns of the leaves vary; those stacked; the others once."""
    columns = list(zip(*rows, strict=True))
    varying = tuple(any(not np.array_equal(column[0], leaf) for leaf in column) for column in columns)
    stacked = [np.stack(column) for column, varies in zip(columns, varying, strict=True) if varies]
    return varying, stacked, [column[0] for column, varies in zip(columns, varying, strict=True) if not varies]


def run(
    group: Group,
    data: PyTree,
    *,
    devices: Sequence[Any],
    until: int | None = None,
    resting: Mapping[Row, Resting] | None = None,
    done: Container[Row] = (),
    watch: Callable[[Chunk], None] | None = None,
) -> Iterator[Finished]:
    """Train the rows of ``group``, tile by tile, to epoch ``until`` or their last; ``watch`` sees every call.

    ``data`` as ``train`` takes them; with folds every array has a first axis of them, and the parts are ``Padded``.
    Rows of a group that has come to an epoch go on from their states in ``resting``. Those that are ``done`` are left
    out: a search that goes on makes the very calls that it would have made. Where ``watch`` raises KeyboardInterrupt,
    the rows in hand come first, as far as they are.
    """
    mesh = Mesh(np.asarray(devices[: group.plan.devices]), ("device",))
    data = data if group.places is None else cut(data, group.places)
    data = jax.device_put(data, NamedSharding(mesh, EVERYWHERE))  # once, instead of at every call
    shared, pace = Shared(group.fixed, data), _Pace()
    until = group.epochs if until is None else min(until, group.epochs)
    program = {"kind": group.kind, "mesh": mesh}
    keys = {seed: words_of(group.key, seed) for seed in {row.stream.seed for row in group.rows}}
    # as what ``advance_tiles`` gives back lies: otherwise its second call would be another program
    lying = NamedSharding(mesh, DEVICES if mesh.size > 1 else EVERYWHERE)
    for filled, rows, cells in _open_calls(group, done):
        before = _before(group, filled, resting)
        places, state = jax.device_put((_cells(group, filled, keys), before and before[1]), lying)
        state = start_tiles(places, shared, **program) if before is None else state
        parts, epoch, active, pressed = [], group.epoch or 0, True, None
        while active and epoch < until and pressed is None:
            clock = np.int32(epoch), np.int32(pace.next(min(until - epoch, CAPACITY)))
            after = advance_tiles(places, state, shared, clock, **program, capacity=min(group.epochs, CAPACITY))
            state, (part, still) = after[0], jax.device_get(after[1:])
            pace.took()
            parts.append(jax.tree.map(lambda a, n=clock[1]: np.moveaxis(a[:, :n], 1, -1), part))
            active = bool(still.any())
            epoch = epoch + int(clock[1]) if active else until
            pressed = _interrupt(watch, Chunk(len(rows), epoch, until))
        history = _history([before[0], *parts] if before else parts, epoch, cells)
        best = state.watched.best
        ended = _places((best.validation_loss, best.epoch, state.watched.first_nonfinite), cells)
        yield Finished(rows, epoch, Rows(history, *ended), state, cells)
        if pressed is not None:
            raise pressed


def _interrupt(watch, chunk):
    """Tell ``watch``; the interrupt that it raises, if any."""
    try:
        if watch:
            watch(chunk)
    except KeyboardInterrupt as pressed:
        return pressed
    return None


def _places(part, cells):
    """A part of the states [device, seed, setup, ...] on the host: leaves [rows, ...] of the ``cells``."""
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[3:])[cells], jax.device_get(part))


def _by_stream(rows):
    found: dict[Stream, list[Row]] = {}
    for row in rows:
        found.setdefault(row.stream, []).append(row)
    return found


def _calls(group: Group) -> Iterator[tuple[list[list[Row]], list[Row], np.ndarray]]:
    """For every call its lists of rows of one stream, filled up with others; the rows without those, and their cells.

    Lists of the same setups come one after the other, so that a setup's rows are done soon after each other.
    """
    configs, lists = group.plan.configs, group.plan.seeds * group.plan.devices
    streams = _by_stream(group.rows).values()
    starts = range(0, max(map(len, streams)), configs)
    pieces = [rows[at : at + configs] for at in starts for rows in streams if rows[at:]]
    for at in range(0, len(pieces), lists):
        some = pieces[at : at + lists]
        real = np.arange(configs) < np.array([len(piece) for piece in some])[:, None]
        filled = [[piece[i % len(piece)] for i in range(configs)] for piece in some]
        yield filled + filled[:1] * (lists - len(some)), [row for piece in some for row in piece], np.flatnonzero(real)


def _open_calls(group, done):
    """The calls that are not done; where a part of one is, rows were added, and the calls are those of what lacks."""
    left = [call for call in _calls(group) if not all(row in done for row in call[1])]
    if any(row in done for _, rows, _ in left for row in rows):
        lacking = [row for row in group.rows if row not in done]
        return list(_calls(group.only(lacking, group.epoch)))
    return left


def _cells(group, filled, keys):
    plan, place = group.plan, {number: i for i, number in enumerate(group.members)}
    setups = np.array([[place[row.setup] for row in piece] for piece in filled], np.int32)
    words = np.stack([keys[piece[0].stream.seed] for piece in filled])
    folds = np.array([piece[0].stream.fold for piece in filled], np.int32)
    seeds = plan.devices, plan.seeds
    setups = setups.reshape(*seeds, plan.configs)
    leaves = [leaf[setups] for leaf in group.stacked]
    return Cells(setups, leaves, words.reshape(*seeds, *words.shape[1:]), folds.reshape(seeds))


def _before(group, filled, resting):
    """(history, state) that the rows of a call go on from, [device, seed, setup, ...], or None where they start."""
    if resting is None or group.epoch is None:
        return None
    shape = (group.plan.devices, group.plan.seeds, group.plan.configs)
    every = [(resting[row].found.history, resting[row].state) for piece in filled for row in piece]
    return jax.tree.map(lambda *leaves: np.stack(leaves).reshape(*shape, *np.shape(leaves[0])), *every)


def _history(parts, epochs, cells):
    """The parts [device, seed, setup, epoch] one after the other, filled up to ``epochs``: [rows, epochs]."""

    def whole(*chunks):
        a = np.concatenate(chunks, -1)
        a = a.reshape(-1, a.shape[-1])[cells]
        return np.pad(a, ((0, 0), (0, epochs - a.shape[1])), constant_values=missing(a.dtype))

    return jax.tree.map(whole, *parts)


class _Pace:
    """Epochs in a call: twice as many as long as calls are quick, half as many where they are slow."""

    def __init__(self):
        self._epochs, self._asked, self._began = 1, 1, 0.0

    def next(self, most: int) -> int:
        self._asked, self._began = min(self._epochs, most), time.perf_counter()
        return self._asked

    def took(self) -> None:
        seconds = time.perf_counter() - self._began
        if seconds > SECONDS:
            self._epochs = max(1, self._asked // 2)
        elif seconds < SECONDS / 2 and self._asked == self._epochs:
            self._epochs *= 2

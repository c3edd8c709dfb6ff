"""Rows: many trainings as one program, setups × seeds × folds × states, and the calls that cover them.

A row is a setup with a ``Stream``: the seed of its key and, where the data have folds, the fold that it sees. Its
numbers are those of ``train(setup, data of the fold, jax.random.fold_in(key, seed))``. Setups that differ in numbers
only are one ``Group`` with one program: the numbers that vary are stacked, the others are there once.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import batch_count, shuffle_rounds
from dlcore.numerics.formats import Array
from dlcore.training import Setup
from dlcore.tuning.known import Row, Stream
from dlcore.tuning.layout import WIDTH, Plan, plan_of
from dlcore.tuning.tiles import Kind


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
        return self._replace(rows=rows, epoch=epoch).like(self.plan)

    def like(self, plan: Plan) -> "Group":
        """In the tiles of ``plan``."""
        return self._replace(plan=plan.of(self._counts))

    def wide(self, width: int, devices: int) -> "Group":
        """In tiles of at most ``width`` rows on each of ``devices``."""
        return self._replace(plan=plan_of(self._counts, devices, width))

    @property
    def _counts(self):
        """How many setups each stream has."""
        return [len(rows) for rows in _by_stream(self.rows).values()]


class Call(NamedTuple):
    """What one call of a program trains: lists of rows of one stream, filled up with others; the rows without those,
    and the ``cells`` where they stand.
    """

    lists: list[list[Row]]
    rows: list[Row]
    cells: np.ndarray


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


def _by_stream(rows):
    found: dict[Stream, list[Row]] = {}
    for row in rows:
        found.setdefault(row.stream, []).append(row)
    return found


def calls_of(group: Group) -> Iterator[Call]:
    """The calls that cover the group, one after the other.

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
        rows = [row for piece in some for row in piece]
        yield Call(filled + filled[:1] * (lists - len(some)), rows, np.flatnonzero(real))


def open_calls(group: Group, done: Container[Row]) -> list[Call]:
    """The calls that are not done; where a part of one is, rows were added, and the calls are those of what lacks."""
    left = [call for call in calls_of(group) if not all(row in done for row in call.rows)]
    if any(row in done for call in left for row in call.rows):
        lacking = [row for row in group.rows if row not in done]
        return list(calls_of(group.only(lacking, group.epoch)))
    return left

"""The engine of a study: which rows are not there yet, rung by rung, and the states of which of them are kept."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import padded
from dlcore.numerics.formats import Array
from dlcore.training import Criterion, Setup, arrays, criterion_of
from dlcore.training.metrics import LOSS
from dlcore.tuning.halving import Bracket, Halving, Hyperband
from dlcore.tuning.known import Resting, Row, Rows, Stream, judged, mean_loss, together
from dlcore.tuning.plan import Plan
from dlcore.tuning.rows import Chunk, Group, groups_of, run
from dlcore.tuning.spaces import Assignment
from dlcore.tuning.tiles import missing

Found = dict[Row, dict[int, Resting]]  # rows at the epochs that they have come to


class SweepProgress(NamedTuple):
    """What ``watch`` is told: trainings done of all, and the epoch that those in hand have come to, of ``epochs``."""

    done: int
    total: int
    epoch: int
    epochs: int


class HalvingRung(NamedTuple):
    """Of successive halving: after so many epochs, of these ``configurations`` those that were ``kept`` went on."""

    epoch: int
    configurations: tuple[int, ...]
    kept: tuple[int, ...]


class Asked(NamedTuple):
    """What a study is about; ``data`` are a split or, for cross-validation, a list of them."""

    setup: Setup
    space: tuple[Assignment, ...]
    data: Any
    key: Array
    seeds: int = 1
    halving: Halving | Hyperband | None = None
    keep: int | str = 1

    @property
    def by(self) -> Criterion:
        """What decides which is the best."""
        return criterion_of(self.setup.watch.by)

    @property
    def folds(self) -> int:
        """The number of folds; 1 where there are none."""
        return len(self.data) if isinstance(self.data, list) else 1

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every seed with every fold."""
        return tuple(Stream(s, f) for s in range(self.seeds) for f in range(self.folds))


class How(NamedTuple):
    """How it is done, without influence on what is found; ``plans`` of a search before, whose programs are there."""

    devices: tuple[Any, ...]
    width: int | None = None
    watch: Callable[[SweepProgress], None] | None = None
    plans: tuple[Plan, ...] = ()


class Answer(NamedTuple):
    """Every row that was found, as a table and one by one, the plans of the programs and the rungs of a halving."""

    rows: Rows
    plans: tuple[Plan, ...]
    rungs: tuple[HalvingRung, ...]
    found: Found


def search(
    asked: Asked, setups: Sequence[Setup], found: Found, how: How, note: Callable[[dict[Row, Resting]], None]
) -> Answer:
    """Train what is not in ``found``, of ``setups`` as arrays; ``note`` gets every call's rows once it is done."""
    return _Search(asked, setups, found, how, note).answer()


class _Search:
    def __init__(self, asked, setups, found, how, note):
        self.asked, self.setups, self.how, self.note = asked, setups, how, note
        self.found: Found = {row: dict(at) for row, at in found.items()}
        folded = isinstance(asked.data, list)
        self.data = arrays(padded(asked.data) if folded else asked.data)
        sizes = [len(split.train.y) for split in asked.data] if folded else None
        every = [Row(i, stream) for i in range(len(setups)) for stream in asked.streams]
        groups = groups_of(setups, every, asked.key, devices=how.devices, width=how.width, sizes=sizes)
        self.groups = self._as_before(groups) if len(how.plans) == len(groups) else groups
        self.brackets = _brackets(asked, setups)
        self.keeper = Keeper(len(asked.streams), asked.keep, asked.by)
        self.total, self.done = sum(map(_trainings, self.brackets)) * len(asked.streams), 0
        self.rungs: list[HalvingRung] = []

    def _as_before(self, groups):
        """The groups in the tiles of a search before, where these are good enough for what lacks."""
        made = []
        for group, before in zip(groups, self.how.plans, strict=True):
            lacking = Counter(row.stream for row in group.rows if row not in self.found)
            plan = group.plan.or_before(before, lacking.values())
            made.append(group._replace(plan=plan.of(Counter(row.stream for row in group.rows).values())))
        return made

    def answer(self) -> Answer:
        for bracket in self.brackets:
            self._compete(bracket)
        self._again()
        plans = tuple(group.plan for group in self.groups)
        rows = table(self.found, len(self.setups), self.asked.streams)
        return Answer(rows, plans, tuple(self.rungs), self.found)

    def _compete(self, bracket: Bracket) -> None:
        """All rungs of a bracket; the last trains to the end."""
        alive = list(bracket.configurations)
        *rungs, end = bracket.epochs
        for until in rungs:
            self._train(alive, until, final=False)
            best = sorted(alive, key=partial(self._score, until))
            kept = sorted(best[: bracket.survivors(len(alive))])
            self.rungs.append(HalvingRung(until, tuple(alive), tuple(kept)))
            alive = kept
        self._train(alive, end, final=True)

    def _score(self, epoch, configuration):
        rows = [self.found[Row(configuration, stream)][epoch].found for stream in self.asked.streams]
        return float(mean_loss(judged(together(rows), self.asked.by).loss)), configuration

    def _train(self, alive, until, final):
        """The rows of the configurations ``alive``, to the epoch ``until``, or each to its last."""
        chosen = set(alive)
        for group in self.groups:
            goal = until or group.epochs
            rows = [row for row in group.rows if row.setup in chosen]
            known = {row for row in rows if goal in self.found.get(row, ())}
            self.done += len(known)
            if final:
                self.keeper.see({row: self.found[row][goal].found for row in known})
            for epoch, some in self._starts(rows, goal).items():
                self._go_on(group.only(some, epoch), goal, known, final)

    def _starts(self, rows, goal):
        """The rows by the last epoch before ``goal`` at which they rest with a state; None where they begin."""
        starts: dict[int | None, list[Row]] = {}
        for row in rows:
            epochs = [epoch for epoch, one in self.found.get(row, {}).items() if epoch < goal and one.state is not None]
            starts.setdefault(max(epochs, default=None), []).append(row)
        return starts

    def _go_on(self, group: Group, goal: int, known: set[Row], final: bool) -> None:
        def told(chunk: Chunk) -> None:
            ended = chunk.rows if chunk.epoch == chunk.epochs else 0
            if self.how.watch:
                self.how.watch(SweepProgress(self.done + ended, self.total, chunk.epoch, chunk.epochs))

        epoch = group.epoch
        resting = None if epoch is None else {row: self.found[row][epoch] for row in group.rows}
        how = {"devices": self.how.devices, "until": goal, "watch": told}
        for finished in run(group, self.data, resting=resting, done=known, **how):
            whole = finished.epoch == goal
            if final and whole:
                self._judge(finished.resting())
            wanted = [row for row in finished.rows if not (final and whole) or self.keeper.wants(row)]
            self._add(finished.resting(wanted))
        for row, one in (resting or {}).items():  # they have gone on: what they came from is not needed any more
            self.found[row][one.epoch] = one._replace(state=None)

    def _judge(self, new):
        """Let go of the states of rows that have lost their chance."""
        before = self.keeper.hopeful
        self.keeper.see({row: one.found for row, one in new.items()})
        for row in before - self.keeper.hopeful:
            self.found[row] |= {self._last(row).epoch: self._last(row)._replace(state=None)}

    def _add(self, new: dict[Row, Resting]) -> None:
        for row, one in new.items():
            self.found.setdefault(row, {})[one.epoch] = one
        self.note(new)
        self.done += len(new)

    def _again(self):
        """Once more those rows that are to be kept and whose states an earlier search did not keep."""
        for group in self.groups:
            lacking = [row for row in group.rows if self.keeper.wants(row) and self._last(row).state is None]
            for goal in {self._last(row).epoch for row in lacking}:
                some = [row for row in lacking if self._last(row).epoch == goal]
                for finished in run(group.only(some, None), self.data, devices=self.how.devices, until=goal):
                    self._add(finished.resting())

    def _last(self, row):
        return self.found[row][max(self.found[row])]


class Keeper:
    """Says whose states to keep: of the ``keep`` best configurations, and of those that may still be among them.

    Only what has trained to its end is seen. ``keep`` is a number, "all" or "none".
    """

    def __init__(self, streams: int, keep: int | str, by: Criterion = LOSS):
        self._streams, self._keep, self._by = streams, keep, by
        self._seen: dict[int, dict[Row, Rows]] = {}
        self._best: list[tuple[float, int]] = []
        self._open: set[int] = set()

    def see(self, found: Mapping[Row, Rows]) -> None:
        """Take notice of rows that have ended."""
        for row, one in found.items():
            self._seen.setdefault(row.setup, {})[row] = one
        for i in {row.setup for row in found}:
            rows = together([self._seen[i][row] for row in sorted(self._seen[i])])
            whole, sound = len(self._seen[i]) == self._streams, not rows.diverged.any()
            (self._open.discard if whole or not sound else self._open.add)(i)
            if whole and sound and isinstance(self._keep, int):
                cost = float(mean_loss(judged(rows, self._by).loss))
                self._best = sorted([*self._best, (cost, i)])[: self._keep]

    def wants(self, row: Row) -> bool:
        """Whether the state of a row that was seen is to be kept."""
        seen = row in self._seen.get(row.setup, ())
        if isinstance(self._keep, str):
            return seen and self._keep == "all"
        return seen and (row.setup in self._open or any(row.setup == i for _, i in self._best))

    @property
    def hopeful(self) -> set[Row]:
        """All rows whose states are to be kept."""
        setups = self._seen if self._keep == "all" else {*self._open, *(i for _, i in self._best)}
        return {row for i in setups for row in self._seen.get(i, ()) if self.wants(row)}


def _brackets(asked, setups):
    """Those of the halving; without one, one of all configurations, each of which trains to its own last epoch."""
    if asked.halving is None:
        return [Bracket(tuple(range(len(setups))), (None,), 1.0)]
    return asked.halving.brackets(len(setups), setups[0].epochs)


def _trainings(bracket):
    """How many configurations are trained in all rungs together."""
    count, alive = 0, len(bracket.configurations)
    for last in [*[False] * (len(bracket.epochs) - 1), True]:
        count, alive = count + alive, alive if last else bracket.survivors(alive)
    return count


def table(found: Found, configurations: int, streams: Sequence[Stream]) -> Any:
    """``Rows`` [configurations, streams] of every row where it has come furthest; what is not there is missing."""
    place = {stream: i for i, stream in enumerate(streams)}
    alike: dict[Any, list[tuple[tuple[int, int], Sequence[np.ndarray]]]] = {}
    for row, at in found.items():
        leaves, structure = jax.tree.flatten(at[max(at)].found)
        alike.setdefault((structure, max(at)), []).append(((row.setup, place[row.stream]), leaves))
    places = [np.array([where for where, _ in some]).T for some in alike.values()]
    parts = [
        s.unflatten(map(np.stack, zip(*(leaves for _, leaves in some), strict=True))) for (s, _), some in alike.items()
    ]
    return _joined(places, parts, (configurations, len(streams)))


def _joined(places, parts, size):
    """The parts, leaves [rows, ...], as one, [configurations, streams, ...]."""
    first = next(part for part in parts if part is not None)
    if isinstance(first, dict):
        names = dict.fromkeys(name for part in parts if part is not None for name in part)
        return {name: _joined(places, [part and part.get(name) for part in parts], size) for name in names}
    if isinstance(first, tuple):
        columns = [[part and part[i] for part in parts] for i in range(len(first))]
        return type(first)(*(_joined(places, column, size) for column in columns))
    there = [(where, part) for where, part in zip(places, parts, strict=True) if part is not None]
    epochs = [max(part.shape[1] for _, part in there)] if first.ndim > 1 else []
    whole = np.full((*size, *epochs), missing(first.dtype), first.dtype)
    for (i, s), part in there:
        cell = whole[..., : part.shape[1]] if epochs else whole
        cell[i, s] = part
    return whole

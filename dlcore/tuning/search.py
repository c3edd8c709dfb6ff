"""The engine of a study: which rows are not there yet, rung by rung, and the states of which of them are kept."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import padded
from dlcore.numerics.formats import Array
from dlcore.training import Criterion, Setup, arrays, criterion_of
from dlcore.tree import to_config
from dlcore.tuning.calls import Chunk, Finished, Job, run
from dlcore.tuning.found import Found, table
from dlcore.tuning.halving import Bracket, Halving, Hyperband
from dlcore.tuning.keeper import Keeper
from dlcore.tuning.known import Resting, Row, Rows, Stream, judged, mean_loss, together
from dlcore.tuning.layout import Plan
from dlcore.tuning.processes import Processes
from dlcore.tuning.rows import Group, groups_of
from dlcore.tuning.spaces import Assignment
from dlcore.tuning.widths import program_name, recall
from dlcore.tuning.workers import Crew, Package, conditions


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
    """How it is done, without influence on what is found; ``plans`` of a search before, whose programs are there.

    Where no ``width`` is given it is the one in ``widths``, of the study's folder, by the name of the program, else the
    one that the machine remembers; ``lay`` is told each that is taken. An ``executor`` has workers for the calls.
    """

    devices: tuple[Any, ...]
    width: int | None = None
    watch: Callable[[SweepProgress], None] | None = None
    plans: tuple[Plan, ...] = ()
    widths: Mapping[str, int] = {}
    lay: Callable[[str, int], None] = lambda name, rows: None
    executor: Executor | None = None


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


class Laid(NamedTuple):
    """All rows of a study in groups, the names of their programs, "" where the width is given, and the data.

    ``sizes`` are those of the training parts of folds.
    """

    groups: list[Group]
    names: list[str]
    rows: list[Row]
    sizes: list[int] | None
    data: Any


def laid(asked: Asked, setups: Sequence[Setup], how: How) -> Laid:
    """The rows of ``setups`` as arrays, in groups of the width that is given, or known of the programs."""
    folded = isinstance(asked.data, list)
    data = arrays(padded(asked.data) if folded else asked.data)
    sizes = [len(split.train.y) for split in asked.data] if folded else None
    rows = [Row(i, stream) for i in range(len(setups)) for stream in asked.streams]
    groups = groups_of(setups, rows, asked.key, devices=how.devices, width=how.width, sizes=sizes)
    names = [program_name(group, data, how.devices) if how.width is None else "" for group in groups]
    if not how.plans:
        alone = jax.process_count() == 1  # other processes may remember other widths
        widths = [how.widths.get(name) or (recall(name) if alone else None) for name in names]
        groups = [group.wide(w, len(how.devices)) if w else group for group, w in zip(groups, widths, strict=True)]
    return Laid(groups, names, rows, sizes, data)


class _Search:
    def __init__(self, asked, setups, found, how, note):
        self.asked, self.setups, self.how, self.note = asked, setups, how, note
        self.found: Found = {row: dict(at) for row, at in found.items()}
        known = laid(asked, setups, how)
        self.groups, self.names, self.data = known.groups, known.names, known.data
        if len(how.plans) == len(self.groups):
            self.groups = self._as_before(self.groups)
        for name, group in zip(self.names, self.groups, strict=True):
            how.lay(name, group.plan.rows)
        self.crew = self._crew(known)
        self.brackets = brackets_of(asked, setups)
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

    def _crew(self, known: Laid) -> Crew | Processes | None:
        """Who trains beside this process."""
        if self.how.executor is not None:
            return Crew(self.how.executor, _package(self.asked, known))
        return Processes(self.groups, self.data, self.how.devices) if jax.process_count() > 1 else None

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
        chosen, jobs = set(alive), []
        for number, group in enumerate(self.groups):
            goal = until or group.epochs
            rows = [row for row in group.rows if row.setup in chosen]
            known = {row for row in rows if goal in self.found.get(row, ())}
            self.done += len(known)
            if final:
                self._judge({row: self.found[row][goal].found for row in known})
            for epoch, some in self._starts(rows, goal).items():
                resting = None if epoch is None else {row: self.found[row][epoch] for row in some}
                jobs.append(Job(number, group.only(some, epoch), goal, resting, known))
        self._go_on(jobs, final)

    def _starts(self, rows, goal):
        """The rows by the last epoch before ``goal`` at which they rest with a state; None where they begin."""
        starts: dict[int | None, list[Row]] = {}
        for row in rows:
            epochs = [epoch for epoch, one in self.found.get(row, {}).items() if epoch < goal and one.state is not None]
            starts.setdefault(max(epochs, default=None), []).append(row)
        return starts

    def _go_on(self, jobs: list[Job], final: bool) -> None:
        for job, finished in self._finished(jobs):
            whole = finished.epoch == job.goal
            if final and whole:
                self._judge({row: one.found for row, one in finished.resting(()).items()})
            wanted = [row for row in finished.rows if not (final and whole) or self.keeper.wants(row)]
            self._add(finished.resting(wanted))
            self._lay(job.number, finished.plan)
        for job in jobs:
            for row, one in (job.resting or {}).items():  # they have gone on: what they came from is not needed
                self.found[row][one.epoch] = one._replace(state=None)

    def _finished(self, jobs: list[Job]) -> Iterator[tuple[Job, Finished]]:
        """What was trained, as soon as it is, here or by the crew."""
        if self.crew is not None:
            for job, finished in self.crew.trained(jobs):
                yield job, finished
                self._told(Chunk(0, finished.epoch, job.goal))
            return
        trials = self.how.width is None and not self.how.plans
        for job in jobs:
            for finished in run(job, self.data, devices=self.how.devices, watch=self._told, trials=trials):
                yield job, finished

    def _told(self, chunk: Chunk) -> None:
        ended = chunk.rows if chunk.epoch == chunk.epochs else 0
        if self.how.watch:
            self.how.watch(SweepProgress(self.done + ended, self.total, chunk.epoch, chunk.epochs))

    def _lay(self, number, plan):
        """The group in the tiles that it was trained in, where they turned out to be others."""
        if plan.rows != self.groups[number].plan.rows:
            self.groups[number] = self.groups[number].like(plan)
            self.how.lay(self.names[number], plan.rows)

    def _judge(self, ended: Mapping[Row, Rows]) -> None:
        """Let go of the states of rows that have lost their chance."""
        before = self.keeper.hopeful | (ended.keys() & self.found.keys())
        self.keeper.see(ended)
        for row in before - self.keeper.hopeful:
            self.found[row] |= {self._last(row).epoch: self._last(row)._replace(state=None)}

    def _add(self, new: dict[Row, Resting]) -> None:
        for row, one in new.items():
            self.found.setdefault(row, {})[one.epoch] = one
        self.note(new)
        self.done += len(new)

    def _again(self):
        """Once more those rows that are to be kept and whose states an earlier search did not keep."""
        jobs = []
        for number, group in enumerate(self.groups):
            lacking = [row for row in group.rows if self.keeper.wants(row) and self._last(row).state is None]
            for goal in {self._last(row).epoch for row in lacking}:
                some = [row for row in lacking if self._last(row).epoch == goal]
                jobs.append(Job(number, group.only(some, None), goal))
        for _, finished in self._finished(jobs):
            self._add(finished.resting())

    def _last(self, row):
        return self.found[row][max(self.found[row])]


def _package(asked, known):
    setup, space = to_config(asked.setup), to_config(list(asked.space))
    key = np.asarray(jax.random.key_data(asked.key)), str(jax.random.key_impl(asked.key))
    parts = jax.device_get((known.data.train, known.data.validation))
    return Package(setup, space, known.rows, key, known.sizes, parts, conditions())


def brackets_of(asked: Asked, setups: Sequence[Setup]) -> list[Bracket]:
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

"""Calls: rows of a group advanced in compiled chunks of epochs, as many at once as there is room for."""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import PyTree
from dlcore.training import TrainState
from dlcore.tuning.known import Resting, Row, Rows
from dlcore.tuning.layout import Plan
from dlcore.tuning.memory import fitting, free_memory, out_of_memory
from dlcore.tuning.programs import CAPACITY, Program, before
from dlcore.tuning.rows import Call, Group, open_calls
from dlcore.tuning.tiles import missing
from dlcore.tuning.widths import long, settled

SECONDS = 1.0  # that a call should take at most: how often progress is told


class Finished(NamedTuple):
    """``rows`` that have come to ``epoch``, and what was found of them, [rows] each, on the host.

    The history of a row that ended earlier is NaN from there on. ``state`` stays on the devices, [device, seed, setup,
    ...], until it is asked for; ``cells`` are the places of the rows in it, in tiles of ``plan``.
    """

    rows: list[Row]
    epoch: int
    found: Rows
    state: TrainState
    cells: np.ndarray
    plan: Plan

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


class Relaid(Exception):
    """What lacks is to be laid out anew, as ``group``."""

    def __init__(self, group: Group):
        super().__init__(str(group.plan))
        self.group = group


class Job(NamedTuple):
    """Rows of the group of a ``number``, to train to the epoch ``goal`` or their last, but for those ``done``.

    Rows of a group that has come to an epoch go on from their states in ``resting``.
    """

    number: int
    group: Group
    goal: int
    resting: Mapping[Row, Resting] | None = None
    done: Container[Row] = ()


def run(
    job: Job,
    data: PyTree,
    *,
    devices: Sequence[Any],
    calls: Sequence[Call] | None = None,
    watch: Callable[[Chunk], None] | None = None,
    trials: bool = False,
) -> Iterator[Finished]:
    """Train the rows of a job, tile by tile; ``watch`` sees every call of the program.

    ``data`` as ``train`` takes them; with folds every array has a first axis of them, and the parts are ``Padded``.
    Rows that are done are left out: a search that goes on makes the very calls that it would have made, or those
    ``calls`` that are given. Where ``watch`` raises KeyboardInterrupt, the rows in hand come first, as far as they are.

    Where a tile has no room in memory, what lacks is trained in narrower ones, and with ``trials``, where it will take
    long, in those that turn out quickest.
    """
    known = {row for row in job.group.rows if row in job.done}
    calls = open_calls(job.group, known) if calls is None else calls
    while True:
        tiles = _Tiles(job, data, tuple(devices), trials)
        try:
            for i, call in enumerate(calls):
                finished, pressed = tiles.train(call, watch, after=len(calls) - i - 1)
                known.update(finished.rows)
                yield finished
                if pressed is not None:
                    raise pressed
            return
        except Relaid as new:
            job, trials = job._replace(group=new.group), False
            calls = open_calls(new.group, known)


class _Tiles:
    """Trains calls of one program; raises ``Relaid`` where other tiles are better."""

    def __init__(self, job: Job, data: PyTree, devices: tuple[Any, ...], trials: bool):
        self._group, self._data, self._devices = job.group, data, devices
        self._free = free_memory(devices[: self._group.plan.devices])
        self._program, self._pace = Program(self._group, data, devices), Pace()
        self._resting, self._first, self._end = job.resting, job.group.epoch or 0, min(job.goal, job.group.epochs)
        self._room, self._trials = False, trials

    def train(self, call: Call, watch: Any, after: int) -> tuple[Finished, KeyboardInterrupt | None]:
        """The call, and the interrupt that came meanwhile; as many calls come ``after`` it."""
        try:
            return self._trained(call, before(self._group, call, self._resting), watch, after)
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if self._group.plan.rows == 1:
                what = f"memory for one training at a time on {self._devices[0]}"
                raise MemoryError(needed("sweep", what, "too little", "a smaller batch_size or watch.chunk")) from error
        raise self._relaid(self._group.plan.rows // 2)

    def _trained(self, call, earlier, watch, after):
        places, state = self._program.begin(call, earlier and earlier[1])
        self._check_room(places, state)
        parts, epoch, active, pressed = [], self._first, True, None
        while active and epoch < self._end and pressed is None:
            count = self._pace.next(min(self._end - epoch, CAPACITY))
            state, (part, still) = self._program.advance(places, state, epoch, count)
            self._pace.took()
            parts.append(part)
            active = bool(still.any())
            epoch = epoch + count if active else self._end
            pressed = _interrupt(watch, Chunk(len(call.rows), epoch, self._end))
            self._perhaps_try(self._end - epoch + after * (self._end - self._first))
        history = _history([earlier[0], *parts] if earlier else parts, epoch, call.cells)
        best = state.watched.best
        ended = _places((best.validation_loss, best.epoch, state.watched.first_nonfinite), call.cells)
        return Finished(call.rows, epoch, Rows(history, *ended), state, call.cells, self._group.plan), pressed

    def _check_room(self, places, state):
        """Once: whether the tiles take no more than their share of what was free."""
        rows = self._group.plan.rows
        if not self._room and rows > 1:
            width = fitting(rows, self._program.bytes(places, state), self._program.data_bytes, self._free)
            if width < rows:
                raise self._relaid(width)
        self._room = True

    def _perhaps_try(self, epochs):
        """Once: where ``epochs`` of calls are to come and take long, whether other tiles are quicker."""
        if not self._trials or self._pace.epoch is None:
            return
        self._trials = False
        if long(epochs * self._pace.epoch, self._pace.first):
            best = settled(self._group, self._data, self._devices)
            if best.plan.rows != self._group.plan.rows:
                raise self._relaid(best.plan.rows)

    def _relaid(self, width):
        return Relaid(self._group.wide(width, len(self._devices)))


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


def _history(parts, epochs, cells):
    """The parts [device, seed, setup, epoch] one after the other, filled up to ``epochs``: [rows, epochs]."""

    def whole(*chunks):
        a = np.concatenate(chunks, -1)
        a = a.reshape(-1, a.shape[-1])[cells]
        return np.pad(a, ((0, 0), (0, epochs - a.shape[1])), constant_values=missing(a.dtype))

    return jax.tree.map(whole, *parts)


class Pace:
    """Epochs in a call: twice as many as long as calls are quick, half as many where they are slow.

    ``first`` are the seconds of the first call, which compiles; ``epoch`` those of an epoch of the last, None before.
    """

    def __init__(self):
        self._epochs, self._asked, self._began = 1, 1, 0.0
        self.first = 0.0
        self.epoch: float | None = None

    def next(self, most: int) -> int:
        """How many epochs to ask for now."""
        self._asked, self._began = min(self._epochs, most), time.perf_counter()
        return self._asked

    def took(self) -> None:
        """They are done."""
        seconds = time.perf_counter() - self._began
        if not self.first:
            self.first = seconds
        else:
            self.epoch = seconds / self._asked
        if seconds > SECONDS:
            self._epochs = max(1, self._asked // 2)
        elif seconds < SECONDS / 2 and self._asked == self._epochs:
            self._epochs *= 2

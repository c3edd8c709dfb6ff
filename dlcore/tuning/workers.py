"""A study on the workers of an executor: every call of a program is a task that may run anywhere, and again.

A worker gets the study, setups and data, once: a task names it by its hash, and who does not know it answers with a
name of its own. What comes back are the rows on the host, bit for bit those of one device of the same kind here.
"""

import hashlib
import os
import pickle
import platform
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import Split
from dlcore.numerics.errors import needed
from dlcore.training import arrays, as_arrays
from dlcore.tree.saved import from_config, packages_of
from dlcore.tuning.calls import Finished, Job, run
from dlcore.tuning.known import Resting, Row
from dlcore.tuning.layout import Plan
from dlcore.tuning.rows import Call, Group, groups_of, open_calls
from dlcore.tuning.spaces import assign

ATTEMPTS = 3  # of a call, before its error is the study's
PATIENCE = 600.0  # seconds without a call that is done, at least, until what is out is given to other workers too
SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_threefry_partitionable")
SLOW = 10  # times the longest wait so far, at least


class Package(NamedTuple):
    """What a worker has to know of a study: setup and space in their saved form, the ``parts`` of the data for
    training and validation as NumPy arrays, and under which ``conditions`` numbers are the same.
    """

    setup: dict[str, Any]
    space: dict[str, Any]
    rows: Sequence[Row]
    key: tuple[np.ndarray, str]
    sizes: Sequence[int] | None
    parts: Any
    conditions: dict[str, str]


class Task(NamedTuple):
    """A call of a job: rows of the group of a ``number`` in tiles of ``plan``, with what they go on from."""

    study: str
    number: int
    plan: Plan
    call: Call
    epoch: int | None
    goal: int
    resting: Mapping[Row, Resting] | None


class Unpacked(NamedTuple):
    """A study on a worker: its groups, and its data on the device."""

    groups: list[Group]
    data: Any


def work(task: Task, package: bytes | None = None) -> list[Finished] | str:
    """Train a call, on the worker's first device; its name where the study is not known and did not come along."""
    study = _known.get(task.study)
    if study is None:
        if package is None:
            return f"{platform.node()} {os.getpid()}"
        _known.clear()  # of one study at a time
        study = _known[task.study] = _unpacked(package)
    group = study.groups[task.number].only(task.call.rows, task.epoch).like(task.plan)
    job = Job(task.number, group, task.goal, task.resting)
    return [_on_host(part) for part in run(job, study.data, devices=jax.devices()[:1], calls=[task.call])]


_known: dict[str, Unpacked] = {}


def _unpacked(package: bytes) -> Unpacked:
    study: Package = pickle.loads(package)
    for name, now in conditions().items():
        if (wanted := study.conditions[name]) != now:
            raise ValueError(needed(f"worker: {name}", f"{wanted}, as in the study", now, "the same environment"))
    trusted = packages_of(study.setup) + packages_of(study.space)
    setup, space = (from_config(config, trusted) for config in (study.setup, study.space))
    words, generator = study.key
    key = jax.random.wrap_key_data(jax.device_put(words), impl=generator)
    setups = [as_arrays(assign(setup, assignment)) for assignment in space]
    groups = groups_of(setups, study.rows, key, devices=jax.devices()[:1], width=1, sizes=study.sizes)
    return Unpacked(groups, arrays(Split(*study.parts)))


def conditions() -> dict[str, str]:
    """What has to be alike for numbers to be."""
    said = {name: getattr(jax.config, name) for name in SETTINGS}
    return {name: str(value) for name, value in {"jax": jax.__version__, **said}.items()}


def _on_host(finished: Finished) -> Finished:
    return finished._replace(state=jax.device_get(finished.state))


class Crew:
    """The workers of an ``executor``, who know the ``package`` of one study; ``trained`` gives the rows of jobs."""

    def __init__(self, executor: Executor, package: Package):
        self._executor, self._package = executor, pickle.dumps(package)
        self._study = hashlib.sha256(self._package).hexdigest()

    def trained(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Finished]]:
        """The rows of ``jobs``, call by call, in the order in which workers have done with them."""
        of = [(job, self._task(job, call)) for job in jobs for call in open_calls(job.group, job.done)]
        round_ = _Round(self._executor, [task for _, task in of], self._package)
        try:
            for i, parts in round_.answers():
                for finished in parts:
                    yield of[i][0], finished
        finally:
            round_.end()

    def _task(self, job: Job, call: Call) -> Task:
        group, rows = job.group, {row for piece in call.lists for row in piece}
        resting = job.resting and {row: job.resting[row] for row in rows}
        return Task(self._study, job.number, group.plan, call, group.epoch, job.goal, resting)


class _Round:
    """Tasks that are out: who fails is replaced, who is silent is doubled, and each answers once."""

    def __init__(self, executor: Executor, tasks: list[Task], package: bytes):
        self._executor, self._tasks, self._package = executor, tasks, package
        self._out: dict[Future, int] = {}
        self._failed, self._unknown, self._served = Counter(), Counter(), set()
        self._last, self._longest, self._doubled = time.monotonic(), None, False

    def answers(self) -> Iterator[tuple[int, list[Finished]]]:
        """The number of each task with what it gives, as they come."""
        open_ = set(range(len(self._tasks)))
        for i in open_:
            self._submit(i)
        while open_:
            for future in self._answered(open_):
                i = self._out.pop(future)
                parts = self._parts(i, future) if i in open_ else None
                if parts is not None:
                    open_.remove(i)
                    self._note()
                    yield i, parts

    def end(self) -> None:
        """Call back what has not begun."""
        for future in self._out:
            future.cancel()

    def _submit(self, i, *package):
        try:
            self._out[self._executor.submit(work, self._tasks[i], *package)] = i
        except RuntimeError as error:  # also BrokenExecutor
            raise _given_up(error) from error

    def _parts(self, i, future):
        """What came back of a task; None where it has to go out again."""
        error = _error(future)
        if error is None:
            parts = future.result()
            return self._served_to(parts, i) if isinstance(parts, str) else parts
        self._failed[i] += 1
        if isinstance(error, BrokenExecutor) or self._failed[i] == ATTEMPTS:
            raise _given_up(error) from error
        warnings.warn(f"executor: a worker failed ({_line(error)}); its rows are trained by another", stacklevel=2)
        self._submit(i, self._package)
        return None

    def _served_to(self, worker, i):
        """Send a task again to a ``worker`` who did not know the study: once with it.

        Who knows which worker gets it? If that was another, the task comes back a second time, and goes with it.
        """
        known = worker in self._served and not self._unknown[i]
        self._served.add(worker)
        self._unknown[i] += 1
        self._submit(i, *(() if known else (self._package,)))

    def _note(self):
        """A call is done: how long that took says what silence is. Before the first nobody knows, and we wait."""
        now = time.monotonic()
        self._longest, self._doubled = max(self._longest or 0.0, now - self._last), False
        self._last = now

    def _answered(self, open_) -> list[Future]:
        """The futures that are done, once there are some."""
        while True:
            limit = None if self._longest is None else max(PATIENCE, SLOW * self._longest)
            done, _ = wait(self._out, limit, FIRST_COMPLETED)
            if done:
                return [future for future in self._out if future in done]  # in the order in which they went out
            self._double(open_, limit)

    def _double(self, open_, limit):
        if self._doubled:
            raise _given_up(TimeoutError(f"no answer for {2 * limit:.0f} s"))
        self._doubled = True
        said = f"executor: no answer for {limit:.0f} s; the {len(open_)} calls that are out go to others too"
        warnings.warn(said, stacklevel=2)
        for i in open_:
            self._submit(i, self._package)


def _error(future: Future) -> BaseException | None:
    """What a task failed with; one that was taken back from outside failed too."""
    return RuntimeError("the task was taken back") if future.cancelled() else future.exception()


def _given_up(error):
    what = "workers that train what they are given"
    hint = "the same call with another executor; what was done is kept where the sweep has a folder"
    return RuntimeError(needed("sweep: executor", what, _line(error), hint))


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300].removesuffix(": ")

"""Trainings of several setups on several parts of data as rows of as few programs as there are structures."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from dlcore.data import padded
from dlcore.interop.sklearn.networks import Training
from dlcore.training import Run, arrays, ready
from dlcore.tuning.calls import Job, run
from dlcore.tuning.known import Resting, Row, Stream
from dlcore.tuning.rows import groups_of
from dlcore.tuning.spaces import identity


class Task(NamedTuple):
    """A training, and the name of its data: what has one name has one content."""

    training: Training
    part: Hashable


def train_together(tasks: Sequence[Task]) -> list[Run]:
    """What ``fit`` gives for each of ``tasks``, to rounding. All are checked before anything is compiled."""
    ready_tasks = _ready(tasks)
    kinds: dict[Hashable, list[int]] = {}
    for i, task in enumerate(ready_tasks):
        kinds.setdefault(_kind(task), []).append(i)
    runs: dict[int, Run] = {}
    for places in kinds.values():
        runs |= zip(places, _of_one_kind([ready_tasks[i] for i in places]), strict=True)
    return [runs[i] for i in range(len(tasks))]


def _ready(tasks):
    """The tasks with arrays for numbers and one object for one setup, each checked on each of its parts once."""
    known = {}
    made = []
    for training, part in tasks:
        name = identity(training.setup), part
        if name not in known:
            known[name] = ready(training.setup, training.data)[0]
        made.append(Task(training._replace(setup=known[name]), part))
    return made


def _kind(task):
    """What examples have in common that are stacked."""
    return tuple((a.shape[1:], a.dtype.name) for a in task.training.data.train)


def _of_one_kind(tasks):
    data = {task.part: task.training.data for task in tasks}
    setups = {identity(task.training.setup): task.training.setup for task in tasks}
    place, number = ({name: i for i, name in enumerate(names)} for names in (data, setups))
    rows = [Row(number[identity(task.training.setup)], Stream(task.training.seed, place[task.part])) for task in tasks]
    found = _found(list(setups.values()), rows, list(data.values()))
    return [_run(task, found[row]) for task, row in zip(tasks, rows, strict=True)]


def _found(setups, rows, splits) -> dict[Row, Resting]:
    devices, sizes = tuple(jax.local_devices()), [len(split.train.y) for split in splits]
    different = list(dict.fromkeys(rows))
    groups = groups_of(setups, different, jax.random.key(0), devices=devices, sizes=sizes)
    stacked = arrays(padded(splits))
    found: dict[Row, Resting] = {}
    for number, group in enumerate(groups):
        for finished in run(Job(number, group, group.epochs), stacked, devices=devices):
            found |= finished.resting()
    return found


def _run(task, row) -> Run:
    """The row as a training alone: its history ends where it ended."""
    count = max(1, int((~np.isnan(row.found.history.running_loss)).sum()))
    history = jax.tree.map(lambda a: a[:count], row.found.history)
    state = row.state._replace(key=task.training.key, epoch=np.int32(count))
    return Run(task.training.setup, state.best.params, state.best.model_state, history, state)

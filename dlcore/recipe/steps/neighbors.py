"""After the training: the choice beside its neighbors, one change at a time."""

import time

import jax
import numpy as np

from dlcore.console.progress import bar
from dlcore.diagnosis import judge_changes
from dlcore.recipe.task import Task
from dlcore.runs import ChangesRecord
from dlcore.training import Setup
from dlcore.tuning import one_change_at_a_time


def try_changes(setup: Setup, task: Task, seeds: int) -> ChangesRecord:
    """Train ``setup`` and its neighbors on the one split, as many epochs as in a sweep."""
    began, key = time.perf_counter(), jax.random.fold_in(task.key, 2)
    with bar("One change at a time", setup.epochs, "epoch") as progress:
        changes = one_change_at_a_time(
            setup, task.split, key, seeds=seeds, watch=lambda now: progress.update(now.epoch)
        )
    gains = np.array([changes.gain(name) for name in changes.names])
    return ChangesRecord(
        names=changes.names,
        mean=changes.study.mean,
        standard_error=changes.study.standard_error,
        gain=gains[:, 0],
        gain_error=gains[:, 1],
        seeds=seeds,
        seconds=time.perf_counter() - began,
        verdicts=tuple(judge_changes(changes)),
        by=changes.study.by,
    )

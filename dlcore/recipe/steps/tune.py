"""Third step: a coarse sweep, then a finer one around its best."""

import time
from collections.abc import Sequence
from typing import Any

import jax

from dlcore.console.progress import bar
from dlcore.diagnosis.compilations import count_compilations
from dlcore.recipe.task import Task
from dlcore.runs import SweepRecord
from dlcore.training import Setup
from dlcore.tuning import grid, sweep


def search(name: str, number: int, setup: Setup, axes: dict[str, list[Any]], seeds: int, task: Task) -> SweepRecord:
    """Train ``setup`` at every point of ``axes``, with the same seeds in every sweep."""
    space, began = grid(axes), time.perf_counter()
    title = f"Sweep, {name}: {len(space)} setups x {seeds} seeds"
    key = jax.random.fold_in(task.key, 1)
    with bar(title, len(space) * seeds, "training") as progress, count_compilations() as compiled:
        study = sweep(setup, space, task.split, key, seeds=seeds, watch=lambda p: progress.update(p.done))
    return SweepRecord(
        name=name,
        number=number,
        space=study.space,
        rows=study.rows,
        plan="; ".join(map(str, study.plans)),
        seconds=time.perf_counter() - began,
        compilations=compiled.count,
    )


def choose(sweeps: Sequence[SweepRecord]) -> SweepRecord:
    """The sweep with the better best configuration. Raises ValueError where all of a sweep diverged."""
    return min(sweeps, key=lambda one: one.study.mean[one.study.best])

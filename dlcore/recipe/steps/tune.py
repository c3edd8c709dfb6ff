"""Third step: a linear model; the network, by a coarse sweep as wide as it takes; a finer one around its best.

Dropout comes with the finer one: what it is good for is seen beside a rate and a penalty that are about right.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.console.progress import bar
from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import sequential
from dlcore.recipe.options import Recipe
from dlcore.recipe.task import Task
from dlcore.runs import SweepRecord
from dlcore.training import Setup
from dlcore.tuning import Study, assign, axes_of, beyond, extend, grid, refine, sweep

RATE, DECAY, DROPOUT = "optimizer.learning_rate", "penalty.strength", "model.layers[*].rate"
STAGES = ("linear", "coarse", "refined")
WIDER = 3  # times that axes are extended where the best lies at an end


def stages(recipe: Recipe, setup: Setup, task: Task, folder: Path | None = None) -> Iterator[tuple[SweepRecord, Study]]:
    """The sweeps of ``STAGES``, each when it is asked for; without the last where all of the one before diverged.

    Below a ``folder`` they keep what they find: asked for again, they train what is not there.
    """
    axes = {RATE: list(recipe.learning_rates), DECAY: list(recipe.weight_decays)}
    layers: Any = setup.model
    for number, name in enumerate(STAGES, 1):
        one = dataclasses.replace(setup, model=sequential(layers.layers[-1])) if name == "linear" else setup
        record, study = search(name, number, one, axes, recipe.seeds, task, folder and folder / name)
        yield record, study
        if name == "coarse":
            if not study.sound:
                return
            axes = refine(axes_of(study.space), study.space[study.best], setup=setup)
            axes |= {DROPOUT: list(recipe.dropouts)} if len(recipe.dropouts) > 1 else {}


def search(
    name: str, number: int, setup: Setup, axes: dict[str, list[Any]], seeds: int, task: Task, folder: Path | None
) -> tuple[SweepRecord, Study]:
    """Train ``setup`` at every point of ``axes``, with the same seeds and folds in every sweep; ``folder`` keeps it.

    As long as the best value of an axis is its last, the axis gets another one.
    """
    space, key, began = grid(axes), jax.random.fold_in(task.key, 1), time.perf_counter()
    total = len(space) * seeds * (task.folds or 1)
    title = f"Sweep, {name}: {len(space)} setups x {seeds} seeds" + f" x {task.folds} folds" * bool(task.folds)
    with bar(title, total, "training") as progress, count_compilations() as compiled:

        def watch(now):
            progress.update(min(now.done, total))  # beyond it where an axis was extended

        study = sweep(
            setup, space, task.split, key, seeds=seeds, folds=task.folds, keep="all", folder=folder, watch=watch
        )
        for times in range(WIDER):
            if not (wider := _wider(study)):
                break
            beside = folder and folder.with_name(f"{name}-wider-{times}")
            study = extend(study, space=wider, folder=beside, watch=watch)
    record = SweepRecord(
        name=name,
        number=number,
        space=study.space,
        rows=study.rows,
        plan="; ".join(map(str, study.plans)),
        seconds=time.perf_counter() - began,
        compilations=compiled.count,
        folds=task.folds or 1,
        by=study.by,
    )
    return record, study


def _wider(study: Study) -> list[dict[str, Any]]:
    """The assignments beyond the ends of axes at which the best lies."""
    if not study.sound:
        return []
    axes = axes_of(study.space)
    new = beyond(axes, study.space[study.best], setup=study.setup)
    return [assignment for path, value in new.items() for assignment in grid({**axes, path: [value]})]


class Chosen(NamedTuple):
    """A configuration of a sweep."""

    sweep: SweepRecord
    study: Study
    configuration: int

    @property
    def setup(self) -> Setup:
        """Its setup."""
        return assign(self.study.setup, self.study.space[self.configuration])


def choose(sweeps: Sequence[tuple[SweepRecord, Study]]) -> Chosen:
    """The simplest configuration within one standard error of the best of all sweeps.

    A linear model is simpler than a network, then a larger penalty than a smaller one, then more dropout than less;
    among equals the best loss decides. Raises ValueError where all configurations of all sweeps diverged.
    """
    sound = [one for one in sweeps if one[1].sound] or list(sweeps)
    _, best = min(sound, key=lambda one: _cost(one[1], one[1].best))
    most = _cost(best, best.best) + np.nan_to_num(best.standard_error[best.best])
    rivals = [Chosen(*one, i) for one in sound for i in one[1].sound if _cost(one[1], i) <= most]
    return min(rivals, key=_complexity)


def _complexity(choice: Chosen) -> tuple[bool, float, float, float]:
    study, i = choice.study, choice.configuration
    one = study.space[i]
    return choice.sweep.name != "linear", -one[DECAY], -one.get(DROPOUT, 0.0), _cost(study, i)


def _cost(study: Study, i: int) -> float:
    return float(study.by.cost(study.mean)[i])

"""A sweep of somebody's own: a space of setups on a file of theirs, to a study and its winner in a run folder."""

import dataclasses
import time
from pathlib import Path
from typing import Any, Literal

import jax

from dlcore.console.progress import bar
from dlcore.diagnosis.compilations import count_compilations
from dlcore.numerics.errors import needed
from dlcore.recipe.filling import ask, begin, fill
from dlcore.recipe.options import check_ground_truth
from dlcore.recipe.setups import space_of
from dlcore.recipe.single import named, ready, refusing
from dlcore.recipe.steps import budget, look, test
from dlcore.recipe.steps.keep import keep
from dlcore.recipe.task import Source, Task
from dlcore.runs import RunFolder, SetupRecord, SweepRecord
from dlcore.training import Setup, arrays
from dlcore.tree.fields import is_code
from dlcore.tree.saved import public_name
from dlcore.tuning import Halving, Study, held_out, sweep
from dlcore.tuning.halving import check_halving
from dlcore.tuning.spaces import Space, setups_of


@dataclasses.dataclass(frozen=True)
class Search:
    """What is swept; every field is an option of the command line."""

    setup: str | None = None
    """A setup: a JSON file, a run folder, or module:name in Python; default: a network with 128 hidden units."""
    set: tuple[str, ...] = ()
    """Values at paths of the setup: epochs=50 batch_size=None."""
    grid: tuple[str, ...] = ()
    """Axes of a grid: optimizer.learning_rate=1e-3,1e-2 penalty.strength=0,1e-4."""
    sample: tuple[str, ...] = ()
    """Ranges to draw from, on the scale that the number declares: optimizer.learning_rate=1e-4:1e-1."""
    n: int = 16
    """Points that are drawn from the ranges of --sample."""
    seeds: int = 2
    """Trainings of every configuration, on each fold."""
    folds: int = 0
    """Folds of cross-validation, 1 for none; 0 for 5 where fewer than 1000 examples are there to train with."""
    class_weights: Literal["balanced"] | None = None
    """Weights of the classes in the loss: balanced, as if every class had as many training examples."""
    by: str | None = None
    """What decides instead of the validation loss: a metric, such as F1, AUC, R2 or accuracy."""
    halving: bool = False
    """Let bad configurations leave early, by successive halving."""
    ground_truth: float | None = None
    """The error rate that nobody can better, such as people's; default: estimated from the data."""
    seed: int = 0
    """Of the split, the sample and the trainings."""
    test: bool = False
    """Open the test set for the winner: once, when nothing is to be chosen any more."""


def run(search: Search, source: Source, out: Path, again: bool = False) -> Path:
    """Sweep a space on the data of ``source`` in the folder ``out``, as ``fill`` does; the path of its report.

    Every finished call of the program is kept: ``again`` trains what is not there.
    """
    for field, least in {"n": 1, "seeds": 1, "folds": 0}.items():
        if getattr(search, field) < least:
            raise ValueError(needed(field, f"at least {least}", getattr(search, field)))
    check_ground_truth(search.ground_truth)
    source.require_memory("sweep")
    if not search.grid and not search.sample:
        hint = "--grid optimizer.learning_rate=1e-3,1e-2"
        raise ValueError(needed("sweep", "something to vary, --grid or --sample", "neither", hint))
    return fill(out, lambda folder: _run(search, source, folder), again)


def _run(search: Search, source: Source, folder: RunFolder) -> None:
    """All steps, each with its record."""
    begin(folder, "data")
    task, setup = ready(search, source.load(), search.folds)
    space = space_of(setup, search.grid, search.sample, search.n, search.seed)
    with refusing():
        check_halving(_halving(search), space)
        setups_of(setup, space, arrays(task.split))
    ask("sweep", search, source, task, folder)
    look.keep(task, folder)
    begin(folder, "sweep")
    record, study = _sweep(search, setup, space, task, folder)
    folder.keep(record)
    best = study.best
    folder.keep(SetupRecord(1, best, named(study.best_setup), repr(study.best_setup)))
    begin(folder, "winner")
    winner = study.run(best)
    model = keep(winner, task, folder, time.perf_counter() - record.seconds, True)
    if search.test:
        begin(folder, "test")
        folder.keep(test.evaluate(model, task))
    budget.draw_up(folder, task, study.best_setup, held_out(study), search.ground_truth)


def _sweep(search: Search, setup: Setup, space: Space, task: Task, folder: RunFolder) -> tuple[SweepRecord, Study]:
    """The study, kept below the run folder call by call, and its record."""
    began, total = time.perf_counter(), len(space) * search.seeds * (task.folds or 1)
    title = f"Sweep: {len(space)} setups x {search.seeds} seeds" + f" x {task.folds} folds" * bool(task.folds)
    with bar(title, total, "training") as progress, count_compilations() as compiled:
        study = sweep(
            setup,
            space,
            task.split,
            jax.random.fold_in(task.key, 1),
            seeds=search.seeds,
            folds=task.folds,
            halving=_halving(search),
            folder=folder.path / "study",
            watch=lambda now: progress.update(now.done),
        )
    seconds, plan = time.perf_counter() - began, "; ".join(map(str, study.plans))
    told = tuple({path: _told(value) for path, value in one.items()} for one in study.space)
    how = plan, seconds, compiled.count, task.folds or 1
    return SweepRecord("sweep", 1, told, study.rows, *how, study.by, study.rungs), study


def _halving(search: Search) -> Halving | None:
    return Halving() if search.halving else None


def _told(value: Any) -> Any:
    """A value of an axis as a record has it: numbers and words as they are, functions and rules by their names."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return public_name(value).rpartition(".")[2] if is_code(value) else repr(value)

"""The lectures' recipe as a program: check, sanity, tune coarse then fine, train, diagnose, test once, report."""

import dataclasses
import time
from pathlib import Path

from dlcore import data
from dlcore.deployment import TrainedModel
from dlcore.recipe.filling import begin, fill
from dlcore.recipe.options import Recipe, check
from dlcore.recipe.setups import judged_by, setup_of, weighted
from dlcore.recipe.steps import look, sanity, test, train, tune
from dlcore.recipe.steps.keep import keep
from dlcore.recipe.task import Load, Task, prepare
from dlcore.runs import RecipeRecord, RunFolder, SetupRecord, SweepRecord
from dlcore.training import Setup
from dlcore.tree.saved import to_config
from dlcore.tuning import Study


def run(recipe: Recipe, name: str, out: Path, load: Load = data.load) -> Path:
    """Cook ``recipe`` on the data set ``name`` into the new folder ``out``, as ``fill`` does; the path of its report.

    Raises ValueError in one line where data, options or folder do not allow it.
    """
    check(recipe)
    return fill(out, lambda folder: _cook(recipe, name, load, folder))


def _cook(recipe: Recipe, name: str, load: Load, folder: RunFolder) -> None:
    """All steps, each with its record."""
    begin(folder, "data")
    task = prepare(load(name), recipe.batch_size, recipe.seed, recipe.folds)
    folder.keep(RecipeRecord(task.dataset.name, dataclasses.asdict(recipe)))
    look.keep(task, folder)
    setup = weighted(judged_by(setup_of(recipe, task.dataset), recipe.by), recipe.class_weights, task.counts)
    begin(folder, "sanity")
    folder.keep(sanity.rehearse(setup, task))
    choice = _tune(recipe, setup, task, folder)
    begin(folder, "training")
    model = _train(choice, task, folder)
    begin(folder, "test")
    folder.keep(test.evaluate(model, task))


def _tune(recipe: Recipe, setup: Setup, task: Task, folder: RunFolder) -> tune.Chosen:
    """The sweeps and the one choice between them."""
    search = tune.stages(recipe, setup, task)
    sweeps: list[tuple[SweepRecord, Study]] = []
    for name in tune.STAGES:
        begin(folder, f"sweep, {name}")
        if found := next(search, None):
            sweeps.append(found)
            folder.keep(found[0])
    choice = tune.choose(sweeps)
    folder.keep(SetupRecord(choice.sweep.number, choice.configuration, to_config(choice.setup), repr(choice.setup)))
    return choice


def _train(choice: tune.Chosen, task: Task, folder: RunFolder) -> TrainedModel:
    """Train the choice, keep the curves and their verdict, the model, and the study, which can be gone on with."""
    began = time.perf_counter()
    chosen, whole = train.go_on(choice.study, choice.configuration)
    model = keep(chosen.run(0), task, folder, began, whole)
    chosen.save(folder.path / "study")
    return model

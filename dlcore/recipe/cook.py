"""The lectures' recipe as a program: check, sanity, tune coarse then fine, train, diagnose, test once, report."""

import shutil
import time
from pathlib import Path

from dlcore.deployment import TrainedModel
from dlcore.recipe.filling import ask, begin, fill
from dlcore.recipe.options import Recipe, check
from dlcore.recipe.setups import judged_by, setup_of, weighted
from dlcore.recipe.steps import budget, look, neighbors, sanity, test, timing, train, tune
from dlcore.recipe.steps.keep import keep
from dlcore.recipe.task import Source, Task, prepare
from dlcore.report import live_view
from dlcore.runs import (
    ChangesRecord,
    RunFolder,
    SanityRecord,
    SetupRecord,
    SweepRecord,
    TestRecord,
    TimingRecord,
)
from dlcore.training import Setup
from dlcore.tree.saved import to_config
from dlcore.tuning import HeldOut, Study, held_out

SWEEPS = "sweeps"  # what the sweeps keep on the way, until the choice is trained


def run(recipe: Recipe, source: Source | str, out: Path, again: bool = False) -> Path:
    """Cook ``recipe`` on the data of ``source`` in the folder ``out``, as ``fill`` does; the path of its report.

    Every finished call of the sweeps is kept: ``again`` goes on from there. Raises ValueError in one line where data,
    options or folder do not allow it.
    """
    check(recipe)
    source = source if isinstance(source, Source) else Source(source)
    source.require_memory("recipe")
    return fill(out, lambda folder: _cook(recipe, source, folder), again)


def _cook(recipe: Recipe, source: Source, folder: RunFolder) -> None:
    """All steps, each with its record."""
    begin(folder, "data")
    task = prepare(source.load(), recipe.batch_size, recipe.seed, recipe.folds)
    ask("recipe", recipe, source, task, folder)
    look.keep(task, folder)
    setup = weighted(judged_by(setup_of(recipe, task.dataset), recipe.by), recipe.class_weights, task.class_weights)
    begin(folder, "sanity")
    folder.keep(SanityRecord.find(folder.path) or sanity.rehearse(setup, task))
    begin(folder, "timing")
    folder.keep(TimingRecord.find(folder.path) or timing.measure(setup, task))
    choice = _tune(recipe, setup, task, folder)
    begin(folder, "training")
    model, held = _train(recipe, choice, task, folder)
    begin(folder, "neighbors")
    folder.keep(ChangesRecord.find(folder.path) or neighbors.try_changes(choice.setup, task, recipe.seeds))
    begin(folder, "test")
    folder.keep(TestRecord.find(folder.path) or test.evaluate(model, task))
    begin(folder, "budget")
    budget.draw_up(folder, task, choice.setup, held, recipe.ground_truth)


def _tune(recipe: Recipe, setup: Setup, task: Task, folder: RunFolder) -> tune.Chosen:
    """The sweeps and the one choice between them."""
    search = tune.stages(recipe, setup, task, folder.path / SWEEPS)
    sweeps: list[tuple[SweepRecord, Study]] = []
    for name in tune.STAGES:
        begin(folder, f"sweep, {name}")
        if found := next(search, None):
            sweeps.append(found)
            folder.keep(found[0])
    choice = tune.choose(sweeps)
    folder.keep(SetupRecord(choice.sweep.number, choice.configuration, to_config(choice.setup), repr(choice.setup)))
    return choice


def _train(recipe: Recipe, choice: tune.Chosen, task: Task, folder: RunFolder) -> tuple[TrainedModel, HeldOut]:
    """Train the choice, keep the curves, the verdicts, the model, and the study, which can be gone on with.

    With the model comes back what it said of the examples that it was validated on.
    """
    began = time.perf_counter()
    chosen, whole = train.go_on(choice.study, choice.configuration, folder.path / "study")
    trained = chosen.run(0)
    model = keep(trained, task, folder, began, whole)
    with live_view(recipe.view, folder.path, trained.mean_history):  # of all members: not there before they all are
        pass
    if whole:
        shutil.rmtree(folder.path / SWEEPS, ignore_errors=True)
    return model, held_out(chosen, 0)

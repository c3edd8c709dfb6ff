"""The lectures' recipe as a program: check, sanity, tune coarse then fine, train, diagnose, test once, report."""

import contextlib
import dataclasses
import time
from pathlib import Path

from dlcore import data, losses, report
from dlcore.console import interrupts
from dlcore.deployment import TrainedModel, save_model
from dlcore.initializers import normal
from dlcore.layers import mlp
from dlcore.optimizers import Adam
from dlcore.recipe.options import Recipe, check
from dlcore.recipe.steps import diagnose, look, sanity, test, train, tune
from dlcore.recipe.task import Load, Task, prepare
from dlcore.regularizers import L2
from dlcore.runs import PreprocessingRecord, RecipeRecord, RunFolder, SetupRecord, SweepRecord, environment, one_line
from dlcore.training import EarlyStopping, Setup
from dlcore.tree.saved import to_config
from dlcore.tuning import Study


class RunFailedError(RuntimeError):
    """A run that failed after its first record: its folder is kept, ``dlcore report`` shows what was done."""


def run(recipe: Recipe, name: str, out: Path, load: Load = data.load) -> Path:
    """Cook ``recipe`` on the data set ``name`` into the new folder ``out``; the path of its report.

    Raises ValueError in one line where data, options or folder do not allow it; then nothing is left behind. Whatever
    fails later, or Ctrl-C, which waits for the end of what is in hand, leaves a folder with all that was done:
    RunFailedError or KeyboardInterrupt.
    """
    check(recipe)
    folder = RunFolder(out)
    page = folder.path / "report.html"
    with interrupts.deferred():
        try:
            with folder:
                _cook(recipe, name, load, folder)
        except KeyboardInterrupt:
            report.build(folder.path, figures=False)  # nobody waits for pictures who pressed Ctrl-C
            raise
        except Exception as error:
            if not folder.kept:
                raise
            if not page.exists():  # or else it has figures, all but the one that failed
                with contextlib.suppress(Exception):  # the disk may be full
                    report.build(folder.path, figures=False)
            why = f"failed in the step {folder.step}: {one_line(error)}"
            raise RunFailedError(f"{why}; what was done is kept: dlcore report {out}") from error
    return page


def _cook(recipe: Recipe, name: str, load: Load, folder: RunFolder) -> None:
    """All steps, each with its record; between them a signal is heard."""
    _begin(folder, "data")
    task = prepare(recipe, name, load)
    folder.keep(RecipeRecord(task.dataset.name, dataclasses.asdict(recipe)))
    for record in (environment(), look.describe(task), PreprocessingRecord(task.inputs)):
        folder.keep(record)
    setup = setup_of(recipe, task.dataset.task, task.outputs)
    _begin(folder, "sanity")
    folder.keep(sanity.rehearse(setup, task))
    choice = _tune(recipe, setup, task, folder)
    _begin(folder, "training")
    trained = _train(choice, task, folder)
    _begin(folder, "test")
    folder.keep(test.evaluate(trained, task))
    _begin(folder, "report")
    report.build(folder.path)
    report.write_events(folder.path)
    interrupts.check()


def _begin(folder: RunFolder, step: str) -> None:
    interrupts.check()
    folder.begin(step)


def setup_of(recipe: Recipe, task: str, outputs: int) -> Setup:
    """The setup that ``recipe`` starts from: an MLP with ReLU, Adam and an L2 penalty.

    The last layer starts near zero, so that all classes are equally probable: the first loss is ln c.
    """
    return Setup(
        model=mlp((*recipe.hidden, outputs), dropout=recipe.dropout, output_init=normal(0.01)),
        loss=losses.softmax_cross_entropy if task == "classification" else losses.squared_error,
        optimizer=Adam(),
        penalty=L2(0.0),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        stopping=EarlyStopping(recipe.patience),
    )


def _tune(recipe: Recipe, setup: Setup, task: Task, folder: RunFolder) -> tune.Chosen:
    """The sweeps and the one choice between them."""
    search = tune.stages(recipe, setup, task)
    sweeps: list[tuple[SweepRecord, Study]] = []
    for name in tune.STAGES:
        _begin(folder, f"sweep, {name}")
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
    trained = chosen.run(0)
    training = train.record(trained, whole, began)
    folder.keep(training)
    folder.keep(diagnose.judge(task, training, train.first_nonfinite(trained)))
    model = TrainedModel.of(trained, task.split)
    save_model(folder.path / "model", model)
    chosen.save(folder.path / "study")
    return model

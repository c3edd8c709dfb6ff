"""One training of one setup, from a file of somebody's to a model in a run folder."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlcore import data
from dlcore.console.progress import bar
from dlcore.numerics.errors import needed
from dlcore.recipe.filling import begin, fill
from dlcore.recipe.setups import setup_from, with_values
from dlcore.recipe.steps import look, test
from dlcore.recipe.steps.keep import keep
from dlcore.recipe.task import Load, Task, prepare
from dlcore.runs import RecipeRecord, RunFolder, SetupRecord, one_line
from dlcore.training import Progress, Run, Setup, arrays, check_setup, fit
from dlcore.tree.saved import to_config


@dataclasses.dataclass(frozen=True)
class Training:
    """How a setup is trained; every field is an option of the command line."""

    setup: str | None = None
    """A setup: a JSON file, a run folder, or module:name in Python; default: a network with 128 hidden units."""
    set: tuple[str, ...] = ()
    """Values at paths of the setup: optimizer.learning_rate=1e-2 epochs=50 batch_size=None."""
    seed: int = 0
    """Of the split and of the training."""
    test: bool = False
    """Open the test set at the end: once, when nothing is to be chosen any more."""


def run(training: Training, name: str, out: Path, load: Load = data.load) -> Path:
    """Train one setup on the data set ``name`` in the new folder ``out``, as ``fill`` does; the path of its report."""
    return fill(out, lambda folder: _run(training, name, load, folder))


def _run(training: Training, name: str, load: Load, folder: RunFolder) -> None:
    """All steps, each with its record."""
    begin(folder, "data")
    task, setup = ready(training, load(name))
    folder.keep(RecipeRecord(task.dataset.name, dataclasses.asdict(training), "fit"))
    look.keep(task, folder)
    folder.keep(SetupRecord(0, 0, named(setup), repr(setup)))
    begin(folder, "training")
    began = time.perf_counter()
    trained = _fit(setup, task)
    model = keep(trained, task, folder, began, trained.ending != "interrupted")
    if training.test:
        begin(folder, "test")
        folder.keep(test.evaluate(model, task))


def ready(training: Any, dataset: data.Dataset, folds: int = 1) -> tuple[Task, Setup]:
    """The setup with its values, and the data prepared for it. Raises ValueError, in one line, where they do not fit.

    A network that takes images gets them folded; any other gets rows.
    """
    setup = with_values(setup_from(training.setup, dataset), training.set)
    task = prepare(dataset, setup.batch_size, training.seed, folds)
    named(setup)
    with refusing():
        return _fitting(setup, task)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """A TypeError of the checks is about what was asked for as much as a ValueError is."""
    try:
        yield
    except TypeError as error:
        raise ValueError(one_line(error).removeprefix("TypeError: ")) from error


def _fitting(setup: Setup, task: Task) -> tuple[Task, Setup]:
    """Raises ValueError or TypeError unless the setup takes rows or, where there are any, images."""
    try:
        check_setup(setup, arrays(task.split))
    except ValueError:
        if not task.dataset.image_shape:
            raise
        task = dataclasses.replace(task, split=_folded(task.split, task.dataset.image_shape))
        check_setup(setup, arrays(task.split))
    return task, setup


def named(setup: Setup) -> dict[str, Any]:
    """The setup by its public names; raises ValueError where it has none, so that a run could not be used later."""
    try:
        return to_config(setup)
    except TypeError as error:
        raise ValueError(needed("--setup", "functions with names", f"{error}", "def instead of lambda")) from error


def _folded(split: data.Split, shape: tuple[int, ...]) -> data.Split:
    def images(part: Any) -> data.Examples:
        return data.Examples(data.images(np.asarray(part.x), shape), part.y)

    parts = {"train": images(split.train), "validation": images(split.validation), "test": split.test.map(images)}
    return dataclasses.replace(split, **parts)


def _fit(setup: Setup, task: Task) -> Run:
    """The training; Ctrl-C ends it after the epochs in hand."""
    with bar("Train", setup.epochs, "epoch") as progress:
        return fit(setup, task.split, task.key, watch=lambda now: progress.update(now.epoch, _note(now)))


def _note(now: Progress) -> str:
    loss = float(np.asarray(now.history.validation_loss)[-1])
    return f"validation loss {loss:.4g}"

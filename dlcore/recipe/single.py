"""One training of one setup, from a file of somebody's to a model in a run folder."""

import contextlib
import dataclasses
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from dlcore import data
from dlcore.console.progress import bar
from dlcore.numerics.errors import needed
from dlcore.recipe.filling import ask, begin, fill
from dlcore.recipe.options import check_ground_truth
from dlcore.recipe.setups import judged_by, outputs_of, setup_from, weighted, with_values
from dlcore.recipe.steps import budget, look, test
from dlcore.recipe.steps.keep import keep
from dlcore.recipe.task import Source, Task, output_shape, prepare
from dlcore.report import View, live_view
from dlcore.runs import RunFolder, SetupRecord, one_line
from dlcore.training import Progress, Run, Setup, check_setup, checkpoints, fit
from dlcore.training.door import parts
from dlcore.tree.saved import to_config

SHARE, GUESS = 0.05, 0.25  # of the time of a training that its checkpoints may take; seconds, before one was written


@dataclasses.dataclass(frozen=True)
class Training:
    """How a setup is trained; every field is an option of the command line."""

    setup: str | None = None
    """A setup: a JSON file, a run folder, or module:name in Python; default: a network with 128 hidden units."""
    set: tuple[str, ...] = ()
    """Values at paths of the setup: optimizer.learning_rate=1e-2 epochs=50 metrics=[training.F1,training.AUC]."""
    class_weights: Literal["balanced"] | None = None
    """Weights of the classes in the loss: balanced, as if every class had as many training examples."""
    by: str | None = None
    """What decides which epoch is the best, and when to stop, instead of the validation loss: a metric, such as F1."""
    ground_truth: float | None = None
    """The error rate that nobody can better, such as people's; default: estimated from the data."""
    seed: int = 0
    """Of the split and of the training."""
    test: bool = False
    """Open the test set at the end: once, when nothing is to be chosen any more."""
    devices: Literal["all"] | None = None
    """Devices that share every mini-batch: all; default: one."""
    view: View = "tensorboard"
    """What shows the training while it goes on: TensorBoard's events, history.jsonl with a line an epoch, or none."""


def run(training: Training, source: Source, out: Path, again: bool = False) -> Path:
    """Train one setup on the data of ``source`` in the folder ``out``, as ``fill`` does; the path of its report.

    Checkpoints are written on the way: ``again`` goes on from the last one.
    """
    return fill(out, lambda folder: _run(training, source, folder), again)


def _run(training: Training, source: Source, folder: RunFolder) -> None:
    """All steps, each with its record."""
    check_ground_truth(training.ground_truth)
    begin(folder, "data")
    task, setup = ready(training, source.load())
    ask("fit", training, source, task, folder)
    look.keep(task, folder)
    folder.keep(SetupRecord(0, 0, named(setup), repr(setup)))
    begin(folder, "training")
    began = time.perf_counter()
    trained = _fit(setup, task, folder.path / "checkpoints", training)
    model = keep(trained, task, folder, began, trained.ending != "interrupted")
    if trained.ending != "interrupted":
        shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)
    if training.test:
        begin(folder, "test")
        folder.keep(test.evaluate(model, task))
    held = budget.held_out_by(trained, task.seen)
    budget.draw_up(folder, task, setup, held, training.ground_truth)


def ready(training: Any, dataset: data.Dataset, folds: int = 1) -> tuple[Task, Setup]:
    """The setup with its values, and the data prepared for it. Raises ValueError, in one line, where they do not fit.

    A network that takes images gets them folded; any other gets rows.
    """
    setup = judged_by(with_values(setup_from(training.setup, dataset), training.set), training.by)
    task = prepare(dataset, setup.batch_size, training.seed, folds)
    setup = weighted(setup, training.class_weights, task.class_weights)
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
        check_setup(setup, parts(task.split))
    except (ValueError, TypeError) as error:
        shape = task.dataset.image_shape
        if not shape or isinstance(error, TypeError):
            _check_axis(setup, task)
            raise
        task = task.map(lambda x: data.images(x, shape))
        check_setup(setup, parts(task.split))
    _check_width(setup, task)
    return task, setup


def _check_width(setup: Setup, task: Task) -> None:
    """Raise ValueError for outputs that stand for no class: a prediction could be one that there is not."""
    _check_axis(setup, task)
    width = output_shape(setup, task.split.train.x)[-1]
    if task.classes and width > 1 and width != task.classes:
        hint = f"a last layer of {task.classes} units"
        raise ValueError(needed("model", f"{task.classes} outputs, one for each class", width, hint))


def _check_axis(setup: Setup, task: Task) -> None:
    """Raise ValueError for outputs [n], without an axis of classes or quantities."""
    try:
        flat = len(output_shape(setup, task.split.train.x)) == 1
    except Exception:  # of a setup that is wrong in another way, which the checks tell
        return
    if flat:
        k, what = outputs_of(task.dataset), "class" if task.classes else "quantity"
        hint = f"a model that ends in Dense({k}), without taking its last axis away"
        raise ValueError(needed("model", f"outputs of shape [n, {k}], one for each {what}", "[n]", hint))


def named(setup: Setup) -> dict[str, Any]:
    """The setup by its public names; raises ValueError where it has none, so that a run could not be used later."""
    try:
        return to_config(setup)
    except TypeError as error:
        raise ValueError(needed("--setup", "functions with names", f"{error}", "def instead of lambda")) from error


def _fit(setup: Setup, task: Task, folder: Path, training: Training) -> Run:
    """The training, from its last checkpoint on where there is one; Ctrl-C ends it after the epochs in hand.

    A checkpoint is written at the end of a chunk, but not more often than costs one part in twenty of the time.
    """
    there, began = _last(setup, task, folder), time.monotonic()
    spent, cost = 0.0, GUESS

    def watch(now: Progress) -> None:
        nonlocal spent, cost
        begun = time.monotonic()
        if spent + cost <= SHARE * (begun - began) and now.epoch < setup.epochs:
            state = now.state
            _save(Run(setup, state.best.params, state.best.model_state, now.whole, state), folder)
            cost = time.monotonic() - begun
            spent += cost
        if view:
            view.add(now.history, now.epoch)
        progress.update(now.epoch, now.note)

    shown = live_view(training.view, folder.parent, there and there[1])
    with bar("Train", setup.epochs, "epoch") as progress, shown as view:
        run = fit(setup, task.split, task.key, watch=watch, progress=False, resume=there, devices=training.devices)
    if run.ending == "interrupted":
        _save(run, folder)
    return run


def _save(run: Run, folder: Path) -> None:
    """A checkpoint of ``run``, and none but it and the one before. A disk that fails does not end the training."""
    midway = run.state.midway
    path = folder / (f"{int(run.state.epoch):08d}" + (f"_{int(midway.step):08d}" if midway is not None else ""))
    if path.exists():
        return
    try:
        folder.mkdir(exist_ok=True)
        checkpoints.save(path, run)
        for old in sorted(folder.glob("*[0-9]"))[:-2]:
            shutil.rmtree(old, ignore_errors=True)
    except (OSError, ValueError) as error:
        warnings.warn(f"{folder}: no checkpoint could be written ({one_line(error)})", stacklevel=2)


def _last(setup: Setup, task: Task, folder: Path) -> Any:
    """The (state, history) of the last whole checkpoint, None without any; a damaged one is warned of."""
    for path in sorted(folder.glob("*[0-9]"), reverse=True):
        try:
            return checkpoints.restore(path, setup, task.split, task.key)
        except ValueError as error:
            warnings.warn(f"{one_line(error)}; the one before it is used", stacklevel=2)
    return None

"""Fourth step: train the choice."""

import time

import jax
import numpy as np

from dlcore.console.progress import bar
from dlcore.layers import count_parameters
from dlcore.recipe.task import Task
from dlcore.runs import TrainingRecord
from dlcore.training import Run, Setup, fit


def fit_choice(setup: Setup, task: Task) -> Run:
    """``fit`` with progress; an interrupted training is a result too."""
    key = jax.random.fold_in(task.key, 2)
    with bar("Train the choice", setup.epochs, "epoch") as progress:
        return fit(setup, task.split, key, watch=lambda p: progress.update(p.epoch, _note(p.history)))


def _note(history) -> str:
    sound = history.validation_loss[np.isfinite(history.validation_loss)]
    return f"validation loss {sound[-1]:.4g}" if sound.size else ""


def record(run: Run, began: float) -> TrainingRecord:
    """What the training was, ``began`` by the performance counter."""
    return TrainingRecord(
        ending=run.ending,
        best_epoch=int(run.state.best.epoch) + 1,
        parameters=count_parameters(run.params),
        seconds=time.perf_counter() - began,
        history=run.history,
    )

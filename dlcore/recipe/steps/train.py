"""Fourth step: train the choice to its end, every run of it that was compared."""

import time
from collections import Counter
from pathlib import Path

import jax
import numpy as np

from dlcore.console.progress import bar
from dlcore.layers import count_parameters
from dlcore.runs import TrainingRecord
from dlcore.training import Run, criterion_of
from dlcore.tuning import Study, extend

TIMES = 3  # as many epochs as in a sweep, at most


def go_on(study: Study, configuration: int, folder: Path | None = None) -> tuple[Study, bool]:
    """A configuration alone, its runs trained on from where the sweep left them; whether to the end.

    A ``folder`` keeps them. After Ctrl-C they are as the sweep left them, and what came after it is there.
    """
    chosen = study.only([configuration])
    epochs = TIMES * chosen.setup.epochs
    with bar("Train the choice", len(chosen.streams), "training") as progress:
        try:
            longer = extend(chosen, epochs=epochs, folder=folder, watch=lambda p: progress.update(p.done, _note(p)))
            return longer, True
        except KeyboardInterrupt:
            return chosen, False


def _note(progress) -> str:
    return f"epoch {progress.epoch} of {progress.epochs}"


def record(run: Run, whole: bool, began: float) -> TrainingRecord:
    """What the training was, ``began`` by the performance counter: of all members their mean."""
    history = run.mean_history
    by = criterion_of(run.setup.watch.by)
    costs = by.cost(np.asarray(by.values(history.validation_loss, history.validation_metrics)))
    members = run.members or 1
    return TrainingRecord(
        ending=ending_of(run) if whole else "interrupted",
        best_epoch=int(np.nanargmin(costs)) + 1 if np.isfinite(costs).any() else 0,
        parameters=count_parameters(run.params) // members,
        seconds=time.perf_counter() - began,
        history=history,
        members=members,
    )


def ending_of(run: Run) -> str:
    """How all members ended, or how many of them each way."""
    if run.members is None:
        return run.ending
    ways = Counter(jax.tree.map(lambda a, i=i: a[i], run).ending for i in range(run.members))
    return next(iter(ways)) if len(ways) == 1 else ", ".join(f"{n} {way}" for way, n in ways.most_common())

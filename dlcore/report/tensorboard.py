"""TensorBoard's view of a run folder: curves of the training and hyperparameters of the sweeps, by their paths."""

import os
import pathlib
import shutil
from typing import Any

import numpy as np

from dlcore.runs import SweepRecord, read
from dlcore.training import History

_TAGS = {
    "running_loss": "loss/running",
    "train_loss": "loss/training",
    "validation_loss": "loss/validation",
    "penalty": "loss/penalty",
    "learning_rate": "steps/learning_rate",
    "gradient_norm": "steps/gradient_norm",
    "update_ratio": "steps/update_ratio",
}
_PARTS = {"train_metrics": "training", "validation_metrics": "validation"}


def write_events(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Write the history's scalars and the sweeps' hyperparameters to ``events`` in a run folder; the path of it.

    Earlier events are replaced. ``tensorboard --logdir`` shows one run for the training and one per configuration,
    whose ``validation_loss``, or what decides, is the mean over the seeds, left out where a seed diverged.
    """
    records = read(folder)
    target = records.folder / "events"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    if records.training:
        _write_history(records.training.history, target / "training")
    for sweep in records.sweeps:
        _write_sweep(sweep, target / f"sweep_{sweep.name}")
    return target


def _write_history(history: History, target: pathlib.Path) -> None:
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(target), write_to_disk=True) as writer:
        for tag, values in _curves(history).items():
            for epoch, value in enumerate(np.asarray(values, float), 1):
                writer.add_scalar(tag, float(value), epoch)


def _curves(history: History) -> dict[str, Any]:
    """The curves of a history by their tags."""
    found = {}
    for name, value in history._asdict().items():
        if isinstance(value, dict):
            found |= {f"{metric}/{_PARTS[name]}": curve for metric, curve in value.items()}
        else:
            found[_TAGS.get(name, name)] = value
    return found


def _write_sweep(sweep: SweepRecord, target: pathlib.Path) -> None:
    from tensorboardX import SummaryWriter

    target.mkdir()
    mean, diverged = sweep.study.mean, sweep.study.diverged.sum(1)
    for i, values in enumerate(sweep.space):
        with SummaryWriter(str(target / f"{i:04d}")) as writer:
            parameters = {path: _parameter(value) for path, value in values.items()}
            metrics: dict[str, float] = {"diverged": int(diverged[i])}
            if np.isfinite(mean[i]):
                metrics[str(sweep.by).replace(" ", "_")] = float(mean[i])
            writer.add_hparams(parameters, metrics, name=".", global_step=0)


def _parameter(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float, str)) else str(value)

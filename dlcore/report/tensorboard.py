"""TensorBoard's view of a run folder: curves of the training and hyperparameters of the sweeps, by their paths."""

import os
import pathlib
import shutil
from typing import Any

import numpy as np

from dlcore.report.contents import Contents, Sweep, read

_TAGS = {
    "running_loss": "loss/running",
    "train_loss": "loss/training",
    "validation_loss": "loss/validation",
    "penalty": "loss/penalty",
    "learning_rate": "steps/learning_rate",
    "gradient_norm": "steps/gradient_norm",
    "update_ratio": "steps/update_ratio",
}


def write_events(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Write the history's scalars and the sweeps' hyperparameters to ``events`` in a run folder; the path of it.

    Earlier events are replaced. ``tensorboard --logdir`` shows one run for the training and one per configuration,
    whose ``validation_loss`` is the mean over the seeds, left out where a seed diverged.
    """
    contents = read(folder)
    target = contents.folder / "events"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    _write_history(contents, target / "training")
    for name, sweep in (("coarse", contents.coarse), ("refined", contents.refined)):
        if sweep:
            _write_sweep(sweep, target / f"sweep_{name}")
    return target


def _write_history(contents: Contents, target: pathlib.Path) -> None:
    from tensorboardX import SummaryWriter

    if not contents.history:
        return
    with SummaryWriter(str(target), write_to_disk=True) as writer:
        for name, values in contents.history.items():
            for epoch, value in enumerate(np.asarray(values, float), 1):
                writer.add_scalar(_tag(name), float(value), epoch)


def _tag(name: str) -> str:
    part, _, metric = name.partition("_metrics.")
    return f"{metric}/{'training' if part == 'train' else part}" if metric else _TAGS.get(name, name)


def _write_sweep(sweep: Sweep, target: pathlib.Path) -> None:
    from tensorboardX import SummaryWriter

    target.mkdir()
    for i, values in enumerate(sweep.space):
        with SummaryWriter(str(target / f"{i:04d}")) as writer:
            parameters = {path: _parameter(value) for path, value in values.items()}
            metrics: dict[str, float] = {"diverged": int(sweep.diverged[i])}
            if np.isfinite(sweep.mean[i]):
                metrics["validation_loss"] = float(sweep.mean[i])
            writer.add_hparams(parameters, metrics, name=".", global_step=0)


def _parameter(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float, str)) else str(value)

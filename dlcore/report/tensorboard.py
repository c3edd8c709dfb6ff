"""TensorBoard's view of a run folder: curves of the training and hyperparameters of the sweeps, by their paths."""

import os
import pathlib
import re
import shutil
from typing import Any, Self

import numpy as np

from dlcore.deployment.files import PARAMETERS
from dlcore.figures.galleries import images_of
from dlcore.runs import Records, SweepRecord, read
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


EVENTS = "events"  # their folder in that of a run


class LiveEvents:
    """The scalars of a training for TensorBoard, in the folder of its run, chunk by chunk while it goes on."""

    def __init__(self, folder: str | os.PathLike[str]):
        from tensorboardX import SummaryWriter

        target = pathlib.Path(folder, EVENTS)
        shutil.rmtree(target, ignore_errors=True)
        self._writer = SummaryWriter(str(target / "training"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, rows: History, epoch: int) -> None:
        """The ``rows`` of a chunk, of which the last is that of ``epoch``."""
        for tag, values in _curves(rows).items():
            for i, value in enumerate(np.asarray(values, float), epoch - len(values) + 1):
                self._writer.add_scalar(tag, float(value), i)
        self._writer.flush()


def write_events(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Write what TensorBoard shows of a run to ``events`` in its folder; the path of it.

    Earlier events are replaced. ``tensorboard --logdir`` shows one run for the training, with histograms of its
    parameters and the wrong predictions where they are images, and one per configuration of a sweep, whose
    ``validation_loss``, or what decides, is the mean over the seeds, left out where a seed diverged.
    """
    records = read(folder)
    target = records.folder / EVENTS
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    if records.training:
        with LiveEvents(records.folder) as events:
            events.add(records.training.history, records.training.epochs)
        _write_outcome(records, target / "training")
    for sweep in records.sweeps:
        _write_sweep(sweep, target / f"sweep_{sweep.name}")
    return target


def _write_outcome(records: Records, target: pathlib.Path) -> None:
    """Histograms of the parameters, and images of the wrong predictions."""
    from safetensors.numpy import load_file
    from tensorboardX import SummaryWriter

    parameters, data = records.folder / "model" / PARAMETERS, records.data
    mistakes, epoch = records.test and records.test.mistakes, records.training and records.training.best_epoch
    with SummaryWriter(str(target), filename_suffix=".outcome") as writer:
        for name, values in (load_file(parameters) if parameters.is_file() else {}).items():
            place = re.sub(r"[\[\].]+", "/", name)  # brackets are none of its letters
            writer.add_histogram(place, values.ravel().astype(np.float64), epoch)
        if mistakes and mistakes.x is not None and len(mistakes.y) and data and data.image_shape:
            named = zip(data.named(mistakes.y), data.named(mistakes.prediction), strict=True)
            for i, (image, (is_, said)) in enumerate(zip(images_of(mistakes.x, data.image_shape), named, strict=True)):
                layout = "HWC" if image.ndim == 3 else "HW"
                writer.add_image(f"wrong/{i:02d}_{said}_is_{is_}", image.astype(np.float32), dataformats=layout)


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

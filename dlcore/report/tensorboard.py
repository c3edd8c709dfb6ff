"""TensorBoard's view of a run folder: curves of the training and hyperparameters of the sweeps, by their paths."""

import os
import pathlib
import re
import shutil
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from dlcore.deployment.files import PARAMETERS
from dlcore.diagnosis import DECADES
from dlcore.figures.galleries import images_of
from dlcore.runs import DataRecord, LayersRecord, Mistakes, Records, SweepRecord, read
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
    """The scalars of a training for TensorBoard, in the folder of its run, chunk by chunk while it goes on.

    They begin with the epochs ``before``. Earlier events are replaced.
    """

    def __init__(self, folder: str | os.PathLike[str], before: History | None = None):
        from tensorboardX import SummaryWriter

        target = pathlib.Path(folder, EVENTS)
        shutil.rmtree(target, ignore_errors=True)
        self._writer = SummaryWriter(str(target / "training"))
        if before is not None:
            self.add(before, len(before.running_loss))

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
    parameters and, layer by layer, of activations and gradients before the first step and after the last; the wrong
    predictions of each class where they are images, the surest first; and one run per configuration of a sweep,
    whose ``validation_loss``, or what decides, is the mean over the seeds, left out where a seed diverged.
    """
    records = read(folder)
    target = records.folder / EVENTS
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    if records.training:
        with LiveEvents(records.folder, records.training.history):
            pass
        _write_outcome(records, target / "training")
    for sweep in records.sweeps:
        _write_sweep(sweep, target / f"sweep_{sweep.name}")
    return target


def _write_outcome(records: Records, target: pathlib.Path) -> None:
    """Histograms of parameters and layers, and images of the wrong predictions."""
    from safetensors.numpy import load_file
    from tensorboardX import SummaryWriter

    parameters = records.folder / "model" / PARAMETERS
    epochs, best = (records.training.epochs, records.training.best_epoch) if records.training else (0, 0)
    with SummaryWriter(str(target), filename_suffix=".outcome") as writer:
        for name, values in (load_file(parameters) if parameters.is_file() else {}).items():
            writer.add_histogram(_place(name), values.ravel().astype(np.float64), best)
        if records.layers:
            _add_layers(writer, records.layers, (0, epochs))
        found, data = records.test and records.test.mistakes, records.data
        if found and found.x is not None and len(found.y) and data and (shape := data.image_shape):
            _add_mistakes(writer, found, data, shape)


def _place(name: str) -> str:
    """A path as TensorBoard groups names: brackets, points and blanks are none of their letters."""
    return re.sub(r"[\[\]. ]+", "/", name)


def _add_layers(writer: Any, record: LayersRecord, steps: tuple[int, int]) -> None:
    """Histograms of what each layer gives and of its gradients, before the first step and after the last."""
    found = record.histograms
    for i, title in enumerate(record.titles):
        spread = {"activations": (found.activation, found.ends[i]), "gradients_log10": (found.gradient, DECADES)}
        for what, (counts, ends) in spread.items():
            for step, bins in zip(steps, np.asarray(counts)[:, i], strict=True):
                if bins.any():
                    _add_bins(writer, f"{what}/{_place(title)}", bins, ends, step)


def _add_bins(writer: Any, tag: str, counts: np.ndarray, ends: Any, step: int) -> None:
    """``counts`` [bins] in bins of equal width between two ``ends``; of one number alone a single bin."""
    low, high = map(float, ends)
    if low == high:
        counts = counts.sum(keepdims=True)
    edges = np.linspace(low, high, len(counts) + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    about = low, high, int(counts.sum()), float(counts @ middle), float(counts @ middle**2)
    writer.add_histogram_raw(tag, *about, edges[1:].tolist(), counts.tolist(), step)


def _add_mistakes(writer: Any, found: Mistakes, data: DataRecord, shape: Sequence[int]) -> None:
    """Images of wrong predictions, by what they are, the surest first."""
    named = zip(data.named(found.y), data.named(found.prediction), strict=True)
    for i, (image, (is_, said)) in enumerate(zip(images_of(found.x, shape), named, strict=True)):
        layout = "HWC" if image.ndim == 3 else "HW"
        writer.add_image(f"wrong_{is_}/{i:02d}_{said}_is_{is_}", image.astype(np.float32), dataformats=layout)


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

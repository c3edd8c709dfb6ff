"""Which figures belong to the contents of a run folder."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dlcore.report import figures, prediction_figures, sweep_figures
from dlcore.report.contents import Arrays, Contents, Sweep


class Drawing(NamedTuple):
    """A figure with its file name, the section of the report where it belongs and what it shows."""

    name: str
    section: str
    caption: str
    figure: Any


def drawings(contents: Contents) -> Iterator[Drawing]:
    """All figures that the contents allow for, in the order of the recipe's steps."""
    yield from _sanity(contents.sanity_curves)
    for name, found in (("coarse", contents.coarse), ("refined", contents.refined)):
        if found:
            yield from _sweep(name, found)
    if contents.history:
        yield from _training(contents.history, (contents.training or {}).get("best_epoch"))
    if contents.predictions:
        yield from _test(contents)


def metrics(history: Arrays) -> list[str]:
    """The names of the metrics in a saved history."""
    start = "validation_metrics."
    return [name.removeprefix(start) for name in history if name.startswith(start)]


def _sanity(curves: Arrays) -> Iterator[Drawing]:
    def by_size(name):
        return {int(key.rpartition("_")[2]): values for key, values in curves.items() if key.startswith(f"{name}_")}

    if by_size("loss"):
        figure = figures.overfit_curves(by_size("loss"), by_size("accuracy"))
        yield Drawing("overfit", "sanity", "Learning a few examples by heart: the loss must reach 0.", figure)


def _sweep(name: str, sweep: Sweep) -> Iterator[Drawing]:
    if not sweep.axes:
        return
    table = sweep_figures.lay_out(sweep.axes, sweep.space, sweep.mean)
    curves = sweep_figures.sweep_curves(table, sweep.mean, sweep.standard_error, sweep.best, sweep.alike)
    caption = (
        "Lowest validation loss, mean and standard error over the seeds. Thick ring: the best; "
        "band and thin rings: within one standard error of it."
    )
    yield Drawing(f"{name}_curves", name, caption, curves)
    if table.row_path:
        figure = sweep_figures.sweep_map(table, sweep.mean, sweep.best, sweep.alike)
        caption = "The same numbers as a map. Frame: the best; dots: within one standard error of it."
        yield Drawing(f"{name}_map", name, caption, figure)
    if "validation_loss" in sweep.arrays:
        figure = sweep_figures.sweep_histories(table, sweep.arrays["validation_loss"], sweep.best)
        yield Drawing(f"{name}_histories", name, "Learning curves of all configurations, mean over the seeds.", figure)


def _training(history: Arrays, best_epoch: int | None) -> Iterator[Drawing]:
    if not np.size(history["train_loss"]):
        return
    losses = (history["running_loss"], history["train_loss"], history["validation_loss"])
    caption = "Loss without the penalty: while learning, and at the end of each epoch in evaluation mode."
    yield Drawing("loss", "training", caption, figures.loss_curves(*losses, best_epoch))
    for name in metrics(history):
        pair = (history[f"train_metrics.{name}"], history[f"validation_metrics.{name}"])
        caption = f"{name.capitalize()} at the end of each epoch."
        yield Drawing(name, "training", caption, figures.metric_curves(*pair, name, best_epoch))
    steps = (history["learning_rate"], history["gradient_norm"], history["update_ratio"])
    caption = "Last step of each epoch. An update of about 1/1000 of the parameters is usual."
    yield Drawing("steps", "training", caption, figures.step_curves(*steps))


def _test(contents: Contents) -> Iterator[Drawing]:
    arrays, classes, data = contents.predictions, contents.classes, contents.data or {}
    if "confusion" in arrays:
        names = classes or [str(i) for i in range(len(arrays["confusion"]))]
        yield Drawing(
            "confusion", "test", "Rows: what it is; columns: what was predicted.",
            prediction_figures.confusion_matrix(arrays["confusion"], names),
        )  # fmt: skip
    if data.get("image_shape") and len(arrays.get("wrong_x", ())):
        truth, predicted = named(arrays["wrong_y"], classes), named(arrays["wrong_prediction"], classes)
        figure = prediction_figures.wrong_predictions(
            arrays["wrong_x"], truth, predicted, arrays["wrong_probability"], data["image_shape"]
        )
        yield Drawing("wrong", "test", "Wrong predictions, the surest first, with their probability.", figure)


def named(labels: Any, classes: list[str]) -> list[str]:
    """The names of class numbers, or the numbers where there are none."""
    return [classes[int(i)] if 0 <= int(i) < len(classes) else str(int(i)) for i in labels]

"""Last step: open the test set, once, and say how good the answer is beside the best constant one."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore import activations, data, diagnosis
from dlcore.console.numbers import short
from dlcore.recipe.task import Task
from dlcore.runs import Mistakes, TestRecord, Values
from dlcore.training import Run, Setup
from dlcore.tuning import ensemble_log_probabilities, ensemble_mean

SHOWN = 32  # wrong predictions
UNEVEN = 1.5  # times as many examples in the largest class as in the smallest


def evaluate(run: Run, setup: Setup, task: Task) -> TestRecord:
    """Loss, metrics and predictions on the test set: the mean of what the members of ``run`` predict."""
    reason = f"final evaluation of {setup.model!r} chosen on validation"
    x, y = task.split.test.open(reason)
    opening: Any = task.split.test.opened
    outputs = (ensemble_log_probabilities if task.classes else ensemble_mean)(run, jnp.asarray(x))
    found = _of_classes(task, x, y, outputs) if task.classes else _of_values(task, y, outputs)
    loss = np.asarray(setup.loss(outputs, jnp.asarray(y)))
    return TestRecord(opened=opening.time, reason=reason, n=len(y), loss=float(loss.mean()), **found)


def _of_classes(task: Task, x: Any, y: np.ndarray, outputs: Any) -> dict[str, Any]:
    from sklearn.metrics import confusion_matrix

    probability = np.asarray(activations.softmax(outputs))
    predicted = probability.argmax(-1)
    confusion = confusion_matrix(y, predicted, labels=range(task.classes))
    metrics, baseline = _rates(task, confusion)
    wrong = np.flatnonzero(predicted != y)
    wrong = wrong[np.argsort(-probability[wrong, predicted[wrong]])][:SHOWN]
    sure = probability[wrong, predicted[wrong]]
    return {
        "metrics": metrics,
        "standard_error": {"accuracy": diagnosis.accuracy_error(metrics["accuracy"], len(y))},
        "baseline": baseline | {"loss": _loss_of_shares(task, y)},
        "confusion": confusion,
        "mistakes": Mistakes(*_inputs(task, x[wrong]), y[wrong], predicted[wrong], sure),
    }


def _inputs(task: Task, x: np.ndarray) -> tuple[np.ndarray | None, tuple[dict[str, str], ...]]:
    """Inputs as they were read: images [n, h w c], or the cells of a table by their columns."""
    cells = task.inputs.inverse(x)
    if task.dataset.image_shape:
        return cells, ()
    columns = task.inputs.columns
    return None, tuple({c.name: _cell(v, c) for c, v in zip(columns, row, strict=True)} for row in cells)


def _cell(value: float, column: data.Number | data.Category) -> str:
    if isinstance(column, data.Number):
        return short(float(value), 3)
    return column.words[int(value)] if column.words else ""


def _rates(task: Task, confusion: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics and those of always saying the largest class; where classes are uneven, more than accuracy."""
    counts: Any = task.counts
    largest, smallest, true = int(counts.argmax()), int(counts.argmin()), confusion.sum(1)
    metrics = {"accuracy": float(np.trace(confusion) / confusion.sum())}
    baseline = {"accuracy": float(true[largest] / confusion.sum())}
    if counts.max() > UNEVEN * counts.min():
        recall = np.diag(confusion)[true > 0] / true[true > 0]
        metrics["balanced accuracy"] = float(recall.mean())
        baseline["balanced accuracy"] = 1 / len(recall)
        if true[smallest]:
            name = f"recall of {task.dataset.classes[smallest]}"
            metrics[name], baseline[name] = float(confusion[smallest, smallest] / true[smallest]), 0.0
    return metrics, baseline


def _loss_of_shares(task: Task, y: np.ndarray) -> float:
    """The cross entropy of the shares of the classes in the training set."""
    counts: Any = task.counts
    with np.errstate(divide="ignore"):
        return float(-np.log(counts / counts.sum())[y].mean())


def _of_values(task: Task, y: np.ndarray, outputs: Any) -> dict[str, Any]:
    """In the units of the data. R2 of a target that is constant in the test set is not a number."""
    from sklearn.metrics import r2_score, root_mean_squared_error

    target: Any = task.target
    true, predicted = np.asarray(target.inverse(y), float), np.asarray(target.inverse(outputs), float)
    mean = np.broadcast_to(np.asarray(target.mean, float), true.shape)

    def measured(values):
        r2 = r2_score(true, values, force_finite=False) if len(true) > 1 else np.nan
        return {"R2": float(r2), "root mean squared error": float(root_mean_squared_error(true, values))}

    baseline = measured(mean) | {"loss": float(np.square(y).sum(-1).mean())}
    return {
        "metrics": measured(predicted),
        "standard_error": {},
        "baseline": baseline,
        "values": Values(true, predicted),
    }

"""Last step: open the test set, once, and say how good the answer is beside the best constant one."""

from typing import Any

import numpy as np

from dlcore import data
from dlcore.console.numbers import short
from dlcore.data.examples import as_rows
from dlcore.deployment import TrainedModel
from dlcore.recipe.task import Task
from dlcore.runs import Mistakes, TestRecord, Values

SHOWN = 32  # wrong predictions


def evaluate(model: TrainedModel, task: Task) -> TestRecord:
    """Loss, metrics and predictions of ``model`` on the test set."""
    reason = f"final evaluation of {model.trained.setup.model!r} chosen on validation"
    examples = task.split.test.open(reason)
    x, y = examples[:2]
    opening: Any = task.split.test.opened
    outputs, right = model.outputs(x), y if task.classes else model.target.inverse(y)
    scores = model.scores(outputs, right, data.weights_of(examples))
    answer = model.answer(outputs)
    return TestRecord(
        opened=opening.time,
        reason=reason,
        mistakes=_mistakes(task, x, y, answer) if task.classes else None,
        values=None if task.classes else Values(right, answer.values),
        **scores._asdict(),
    )


def _mistakes(task: Task, x: np.ndarray, y: np.ndarray, answer: Any) -> Mistakes:
    """What was wrong, the surest first; without probabilities in the order of the test set."""
    predicted = np.array([task.dataset.classes.index(name) if name else -1 for name in answer.values])
    wrong = np.flatnonzero(predicted != y)
    sure = np.full(len(y), np.nan) if answer.probabilities is None else answer.probabilities.max(-1)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    return Mistakes(*_inputs(task, x[wrong]), y[wrong], predicted[wrong], sure[wrong])


def _inputs(task: Task, x: np.ndarray) -> tuple[np.ndarray | None, tuple[dict[str, str], ...]]:
    """Inputs as they were read: images [n, h w c], or the cells of a table by their columns."""
    cells = task.inputs.inverse(as_rows(x))
    if task.dataset.image_shape:
        return cells, ()
    columns = task.inputs.columns
    return None, tuple({c.name: _cell(v, c) for c, v in zip(columns, row, strict=True)} for row in cells)


def _cell(value: float, column: data.Number | data.Category) -> str:
    if isinstance(column, data.Number):
        return short(float(value), 3)
    return column.words[int(value)] if column.words else ""

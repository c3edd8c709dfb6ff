"""Last step: open the test set, once, and say how good the answer is beside the best constant one."""

from typing import Any

import numpy as np

from dlcore import data
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
    return Mistakes(*task.as_read(x[wrong]), y[wrong], predicted[wrong], sure[wrong])

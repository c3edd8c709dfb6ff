"""Last step: open the test set, once, and say how good the answer is beside the best constant one."""

from typing import Any

import numpy as np

from dlcore import data
from dlcore.deployment import TrainedModel
from dlcore.recipe.task import Task
from dlcore.runs import Mistakes, TestRecord, Values

SHOWN = 32  # wrong predictions
EACH, OF_ALL = 4, 64  # images of each class, and of all classes together


def evaluate(model: TrainedModel, task: Task) -> TestRecord:
    """Loss, metrics and predictions of ``model`` on the test set."""
    reason = f"final evaluation of {model.trained.setup.model!r} chosen on validation"
    examples = task.split.test.open(reason)
    x, y = (examples, examples.labels()) if isinstance(examples, data.Streamed) else examples[:2]
    opening: Any = task.split.test.opened
    outputs, right = model.outputs(x), y if task.classes else model.target.inverse(y)
    scores = model.scores(outputs, right, data.weights_of(examples))
    answer = model.answer(outputs)
    mistakes, by_class = _mistakes(task, x, y, answer) if task.classes else (None, None)
    return TestRecord(
        opened=opening.time,
        reason=reason,
        mistakes=mistakes,
        by_class=by_class,
        values=None if task.classes else Values(right, answer.values),
        **scores._asdict(),
    )


def _mistakes(task: Task, x: Any, y: np.ndarray, answer: Any) -> tuple[Mistakes, Mistakes | None]:
    """What was wrong, the surest first, of all and, of images, of each class; or in the order of the test set."""
    predicted = np.array([task.dataset.classes.index(name) if name else -1 for name in answer.values])
    wrong = np.flatnonzero(predicted != y)
    sure = np.full(len(y), np.nan) if answer.probabilities is None else answer.probabilities.max(-1)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    each = min(EACH, max(1, OF_ALL // task.classes))
    by_class = np.concatenate([wrong[y[wrong] == c][:each] for c in range(task.classes)])

    def shown(which):
        inputs = x.rows(which, "test example").x if isinstance(x, data.Streamed) else x[which]
        return Mistakes(*task.as_read(inputs), y[which], predicted[which], sure[which])

    return shown(wrong[:SHOWN]), shown(by_class[:OF_ALL]) if task.dataset.image_shape else None

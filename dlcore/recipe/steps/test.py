"""Last step: open the test set, once, and say how good the answer is beside the best constant one."""

from typing import Any

import numpy as np

from dlcore import data, diagnosis
from dlcore.data.examples import as_rows
from dlcore.deployment import TrainedModel
from dlcore.recipe.task import Task
from dlcore.runs import Mistakes, TestRecord, Values

SHOWN = 12  # quantities that are far off


def evaluate(model: TrainedModel, task: Task) -> TestRecord:
    """Loss, metrics and predictions of ``model`` on the test set."""
    together = f", {model.members} members together" if model.members else ""
    reason = f"final evaluation of what was chosen on validation examples{together}"
    examples = task.split.test.open(reason)
    x, y = (examples, examples.labels()) if isinstance(examples, data.Streamed) else examples[:2]
    opening: Any = task.split.test.opened
    outputs, right = model.outputs(x), y if task.classes else model.target.inverse(y)
    scores = model.scores(outputs, right, data.weights_of(examples))
    answer = model.answer(outputs)
    looked = _mistakes(task, x, y, answer) if task.classes else _far_off(task, x, right, answer.values, model.target)
    return TestRecord(
        opened=opening.time,
        reason=reason,
        mistakes=looked,
        usual=task.usual(),
        values=None if task.classes else Values(right, answer.values),
        **scores._asdict(),
    )


def _mistakes(task: Task, x: Any, y: np.ndarray, answer: Any) -> Mistakes:
    """What was wrong, class by class, the surest first; without probabilities in the order of the test set."""
    predicted = np.array([task.dataset.classes.index(name) if name else -1 for name in answer.values])
    sure = None if answer.probabilities is None else answer.probabilities.max(-1)
    found = diagnosis.surest_mistakes(predicted, y, sure)
    some = np.concatenate([np.zeros(0, int), *(one.examples for one in found)])
    shares = np.full(len(some), np.nan) if sure is None else sure[some]
    return Mistakes(*task.as_read(_rows(x, some)), y[some], predicted[some], shares)


def _far_off(task: Task, x: Any, y: np.ndarray, said: np.ndarray, target: data.Target) -> Mistakes:
    """The quantities that are furthest from the truth, in standard deviations of each over the training part."""
    distance = np.square((as_rows(said) - as_rows(y)) / np.asarray(target.std)).sum(1)
    some = np.argsort(-distance, kind="stable")[:SHOWN]
    return Mistakes(*task.as_read(_rows(x, some)), y[some], said[some], np.full(len(some), np.nan))


def _rows(x: Any, which: np.ndarray) -> np.ndarray:
    """Inputs of the examples ``which``, of a stream such as are read."""
    return x.rows(which, "test example").x if isinstance(x, data.Streamed) else x[which]

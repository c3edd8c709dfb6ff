"""Fifth step: what the curves of the training say."""

from typing import Any

from dlcore import diagnosis
from dlcore.deployment.answers import has_constant
from dlcore.recipe.task import Task
from dlcore.runs import TrainingRecord, VerdictRecord


def judge(task: Task, training: TrainingRecord, first_nonfinite: int, loss: Any) -> VerdictRecord:
    """The verdict, which knows what was done and how often the largest class alone would be right.

    Of a loss whose best constant prediction is not known its first value stands in for that.
    """
    known = has_constant(loss)
    stopped = ("early stopping", "more epochs") if "stopped early" in training.ending else ("early stopping",)
    verdict = diagnosis.diagnose(
        diagnosis.Curves.of(training.history, first_nonfinite),
        task.baseline if known else None,
        classes=task.classes if known and task.classes else None,
        n_validation=len(task.split.validation.x) + len(task.split.train.x) * bool(task.folds),
        majority=None if task.class_weights is None else float(task.class_weights.max() / task.class_weights.sum()),
        done=stopped,
    )
    return VerdictRecord(verdict)

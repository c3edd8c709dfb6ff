"""Fifth step: what the training, its data and its curves say."""

from dlcore import diagnosis
from dlcore.recipe.steps.train import ending_of
from dlcore.recipe.task import Task
from dlcore.runs import VerdictRecord
from dlcore.training import Run


def judge(trained: Run, task: Task) -> VerdictRecord:
    """All verdicts, which know what was done."""
    done = ("early stopping", "more epochs") if "stopped early" in ending_of(trained) else ("early stopping",)
    first, *others = diagnosis.examine(trained, task.split, n_validation=_validated(task), done=done)
    return VerdictRecord(first, tuple(others))


def _validated(task: Task) -> int:
    """How many examples were validated on, in all folds."""
    return len(task.split.validation.x) + len(task.split.train.x) * bool(task.folds)

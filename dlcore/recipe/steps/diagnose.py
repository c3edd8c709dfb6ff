"""Fifth step: what the training, its data and its curves say."""

from dlcore import diagnosis
from dlcore.recipe.steps.train import ending_of
from dlcore.recipe.task import Task
from dlcore.runs import VerdictRecord
from dlcore.training import Run


def judge(trained: Run, task: Task) -> VerdictRecord:
    """All verdicts, which know what was done."""
    done = ("early stopping", "more epochs") if "stopped early" in ending_of(trained) else ("early stopping",)
    first, *others = diagnosis.examine(trained, task.split, n_validation=task.validated, done=done)
    return VerdictRecord(first, tuple(others))

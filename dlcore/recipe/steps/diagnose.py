"""Fifth step: what the training, its data and its curves say."""

import jax
import numpy as np

from dlcore import diagnosis
from dlcore.recipe.steps.train import ending_of
from dlcore.recipe.task import Task
from dlcore.runs import VerdictRecord
from dlcore.training import Run


def judge(trained: Run, task: Task, whole: bool) -> VerdictRecord:
    """All verdicts, which know what was done; that on the curves alone where Ctrl-C ended the training.

    A look inside compiles a program, and nobody waits for one who pressed Ctrl-C.
    """
    done = ("early stopping", "more epochs") if "stopped early" in ending_of(trained) else ("early stopping",)
    if not whole:
        history, first_nonfinite = jax.device_get((trained.mean_history, trained.state.first_nonfinite))
        curves = diagnosis.Curves.of(history, int(np.min(first_nonfinite)))
        return VerdictRecord(diagnosis.diagnose(curves, n_validation=task.validated, done=done), ())
    first, *others = diagnosis.examine(trained, task.split, n_validation=task.validated, done=done)
    return VerdictRecord(first, tuple(others))

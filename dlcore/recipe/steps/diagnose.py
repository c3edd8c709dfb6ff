"""Fifth step: what the training, its data and its curves say."""

from typing import Any

import jax
import numpy as np

from dlcore import diagnosis
from dlcore.recipe.steps.train import ending_of
from dlcore.recipe.task import Task
from dlcore.runs import LayersRecord, VerdictRecord
from dlcore.training import Run


def judge(trained: Run, task: Task) -> tuple[VerdictRecord, LayersRecord]:
    """All verdicts, which know what was done, and how the layers of the first sound member stand."""
    measured = jax.device_get(diagnosis.probe(trained, task.seen))
    first, *others = diagnosis.examine(trained, task.seen, measured=measured, **_known(trained, task))
    one = diagnosis.sound_members(trained, measured)[0]
    layers = LayersRecord(one.names, one.kinds, one.weighted, one.moved, one.layers, one.histograms)
    return VerdictRecord(first, tuple(others)), layers


def judge_curves(trained: Run, task: Task) -> tuple[VerdictRecord]:
    """The verdict on the curves alone: to look inside, a program is compiled, and who pressed Ctrl-C waits for none."""
    history, first_nonfinite = jax.device_get((trained.mean_history, trained.state.first_nonfinite))
    curves = diagnosis.Curves.of(history, int(np.min(first_nonfinite)))
    return (VerdictRecord(diagnosis.diagnose(curves, **_known(trained, task)), ()),)


def _known(trained: Run, task: Task) -> dict[str, Any]:
    done = ("early stopping", "more epochs") if "stopped early" in ending_of(trained) else ("early stopping",)
    return {"n_validation": task.validated, "done": done}

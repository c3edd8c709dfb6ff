"""Fifth step: what the training, its data and its curves say."""

import jax

from dlcore import diagnosis
from dlcore.recipe.steps.train import ending_of
from dlcore.recipe.task import Task
from dlcore.runs import LayersRecord, VerdictRecord
from dlcore.training import Run


def judge(trained: Run, task: Task) -> tuple[VerdictRecord, LayersRecord]:
    """All verdicts, which know what was done, and how the layers of the first sound member stand."""
    measured = jax.device_get(diagnosis.probe(trained, task.split))
    done = ("early stopping", "more epochs") if "stopped early" in ending_of(trained) else ("early stopping",)
    first, *others = diagnosis.examine(trained, task.split, n_validation=task.validated, done=done, measured=measured)
    one = diagnosis.sound_members(trained, measured)[0]
    layers = LayersRecord(one.names, one.kinds, one.weighted, one.moved, one.layers, one.histograms)
    return VerdictRecord(first, tuple(others)), layers

"""What is kept of a training: its curves, their verdict and the model."""

import jax
import jax.numpy as jnp

from dlcore.deployment import TrainedModel, save_model
from dlcore.recipe.steps import diagnose, train
from dlcore.recipe.task import Task
from dlcore.runs import RunFolder
from dlcore.training import Run


def keep(trained: Run, task: Task, folder: RunFolder, began: float, whole: bool) -> TrainedModel:
    """The records of a training and its model, which comes back. ``began`` by the performance counter."""
    members = trained if trained.members else jax.tree.map(lambda a: jnp.asarray(a)[None], trained)
    record = train.record(members, whole, began)
    folder.keep(record)
    if record.epochs:
        folder.keep(diagnose.judge(task, record, train.first_nonfinite(members), trained.setup.loss))
    model = TrainedModel.of(trained, task.split)
    save_model(folder.path / "model", model)
    return model

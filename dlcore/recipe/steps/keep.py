"""What is kept of a training: its curves, the verdicts on it and the model."""

from dlcore.deployment import TrainedModel, save_model
from dlcore.recipe.steps import diagnose, train
from dlcore.recipe.task import Task
from dlcore.runs import RunFolder
from dlcore.training import Run


def keep(trained: Run, task: Task, folder: RunFolder, began: float, whole: bool) -> TrainedModel:
    """The records of a training and its model, which comes back. ``began`` by the performance counter."""
    record = train.record(trained, whole, began)
    folder.keep(record)
    if record.epochs:
        looked = diagnose.judge if whole else diagnose.judge_curves
        for found in looked(trained, task):
            folder.keep(found)
    model = TrainedModel.of(trained, task.split)
    save_model(folder.path / "model", model)
    return model

"""First step: look at the data."""

import numpy as np

from dlcore import data
from dlcore.recipe.task import Task
from dlcore.runs import DataRecord, PreprocessingRecord, RunFolder, environment

SHOWN = 12  # images


def keep(task: Task, folder: RunFolder) -> None:
    """The records of the machine, the data and what was done to them."""
    for record in (environment(), describe(task), PreprocessingRecord(task.inputs)):
        folder.keep(record)


def describe(task: Task) -> DataRecord:
    """What the data set is, the sizes of its parts and what the checks found."""
    dataset, (train, validation, test) = task.dataset, task.sizes
    return DataRecord(
        name=dataset.name,
        task=dataset.task,
        target=", ".join(dataset.target),
        classes=dataset.classes,
        features=tuple(column.name for column in task.inputs.columns),
        width=len(task.inputs.features),
        image_shape=dataset.image_shape,
        examples=len(dataset),
        train=train,
        validation=validation,
        test=test,
        source=dataset.source,
        license=dataset.license,
        findings=task.findings,
        counts=task.counts,
        summaries=data.summaries(task.training) + data.target_summaries(task.training),
        sample=() if dataset.image_shape else tuple(data.preview(task.training)),
        shown=data.Examples(np.asarray(task.training.x[:SHOWN]), np.asarray(task.training.y[:SHOWN]))
        if dataset.image_shape
        else None,
    )

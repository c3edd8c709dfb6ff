"""Predictions for examples that a training did not learn from: those of cross-validation, or of the validation part."""

from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data.cross_validation import Standardization
from dlcore.numerics.errors import needed
from dlcore.training.door import as_array
from dlcore.training.run import outputs_in_chunks, trained
from dlcore.tuning.study import Study


class HeldOut(NamedTuple):
    """Outputs [seeds, n, ...] for the n examples that were validated on, by members that had not learned from them.

    ``x`` and y [n, ...] are as ``sweep`` was given them.
    """

    outputs: np.ndarray
    x: np.ndarray
    y: np.ndarray


def held_out(study: Study, configuration: int | None = None) -> HeldOut:
    """What a kept configuration, by default the best, says of every example while it was held out.

    Of folds every member predicts the examples of its own fold alone: together they are all training and validation
    examples, fold after fold. Without folds it is the validation part. Raises ValueError where the rows were not kept.
    """
    if study.asked is None:
        raise ValueError(needed("held_out", "a study that sweep gave", "one without its data"))
    model = trained(study.run(study.best if configuration is None else configuration))
    found: Any = study.asked.data
    folds = found if isinstance(found, list) else [found]
    outputs = []
    for number, fold in enumerate(folds):  # its examples are scaled already, as its members take them
        mine = np.array([stream.fold == number for stream in study.streams])
        members = jax.tree.map(lambda a, mine=mine: np.asarray(a)[mine], model._replace(inputs=None))
        outputs.append(np.asarray(outputs_in_chunks(members, as_array("x", fold.validation.x), True)))
    x = np.concatenate([np.asarray(_unscaled(fold.inputs, fold.validation.x)) for fold in folds])
    y = np.concatenate([np.asarray(fold.validation.y) for fold in folds])
    return HeldOut(np.concatenate(outputs, 1), x, y)


def _unscaled(inputs: Any, x: Any) -> Any:
    return inputs.inverse(x) if isinstance(inputs, Standardization) else x

"""What is tried on a data set."""

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from dlcore.numerics.errors import needed
from dlcore.report import View


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is tried on a data set; every field is an option of the command line."""

    hidden: tuple[int, ...] = (128,)
    """Units of the hidden layers."""
    dropouts: tuple[float, ...] = (0.0,)
    """Probabilities of dropping a hidden unit; of several the first is that of the coarse sweep."""
    learning_rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)
    """Learning rates of the coarse sweep."""
    weight_decays: tuple[float, ...] = (0.0, 1e-4, 1e-3, 1e-2)
    """Strengths of the L2 penalty of the coarse sweep."""
    seeds: int = 4
    """Trainings of every configuration in a sweep, on each fold."""
    folds: int = 0
    """Folds of cross-validation, 1 for none; 0 for 5 where fewer than 1000 examples are there to train with."""
    epochs: int = 30
    """Epochs of a training in a sweep; those of the choice go on to three times as many."""
    batch_size: int = 32
    """Examples of a mini-batch."""
    patience: int = 20
    """Epochs without a lower validation loss after which a training stops."""
    class_weights: Literal["balanced"] | None = None
    """Weights of the classes in the loss: balanced, as if every class had as many training examples."""
    by: str | None = None
    """What decides which setup and epoch are the best instead of the validation loss: a metric, such as F1."""
    ground_truth: float | None = None
    """The error rate that nobody can better, such as people's; default: estimated from the data."""
    seed: int = 0
    """Of the split and of all trainings."""
    view: View = "tensorboard"
    """What shows the training of the choice: TensorBoard's events, history.jsonl with a line an epoch, or none."""


_LEAST = {
    "hidden": 1,
    "seeds": 1,
    "epochs": 1,
    "batch_size": 1,
    "patience": 1,
    "folds": 0,
    "weight_decays": 0,
    "dropouts": 0,
}


def check(recipe: Recipe) -> None:
    """Raise ValueError for the first option out of its range."""
    for name, low in _LEAST.items():
        _require(name, f"at least {low}", getattr(recipe, name), lambda v, low=low: v >= low)
    _require("dropouts", "probabilities below 1", recipe.dropouts, lambda v: v < 1, "0 0.2 0.5")
    rates = recipe.learning_rates
    _require("learning_rates", "positive numbers", rates, lambda v: 0 < v < math.inf, "1e-4 1e-3 1e-2")
    _require("weight_decays", "finite numbers", recipe.weight_decays, lambda v: v < math.inf, "0 1e-4")
    check_ground_truth(recipe.ground_truth)
    for name in ("learning_rates", "weight_decays", "dropouts"):
        if not getattr(recipe, name):
            raise ValueError(needed(name, "at least one", "none", "1e-3"))


def check_ground_truth(error: float | None) -> None:
    """Raise ValueError unless it is a rate of errors, or not known."""
    if error is not None:
        _require("ground_truth", "a rate of errors from 0 to 1", error, lambda v: 0 <= v <= 1, "0.01")


def _require(name: str, what: str, values: Any, holds: Any, hint: str = "") -> None:
    if wrong := [value for value in np.ravel(values).tolist() if not holds(value)]:
        raise ValueError(needed(name, what, wrong[0], hint))

"""A data set made ready for training: checked, split, normalized."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dlcore import data, diagnosis
from dlcore.numerics.errors import needed
from dlcore.recipe.options import Recipe

FEW, FOLDS = 1000, 5  # below so many examples, so many folds
Load = Callable[[str], data.Dataset]


@dataclasses.dataclass(frozen=True)
class Task:
    """The data of a run of the recipe, ``training`` its training part as it was read.

    ``target`` is the unit of the targets in regression, None for classes; ``folds`` are those of cross-validation over
    training and validation part, None for the one split.
    """

    dataset: data.Dataset
    training: data.Dataset
    split: data.Split
    inputs: data.Preprocessing
    target: data.Target | None
    findings: tuple[data.Finding, ...]
    key: Any
    folds: int | None = None

    @property
    def classes(self) -> int:
        """How many classes there are; 0 in regression."""
        return len(self.dataset.classes)

    @property
    def outputs(self) -> int:
        """How many numbers the network says of an example."""
        return self.classes or self.dataset.y.shape[-1]

    @property
    def counts(self) -> np.ndarray | None:
        """How many training examples [classes] each class has."""
        return np.bincount(np.asarray(self.split.train.y), minlength=self.classes) if self.classes else None

    @property
    def baseline(self) -> float:
        """The loss of the best constant prediction on the training set."""
        y = self.split.train.y
        return diagnosis.label_entropy(y) if self.classes else diagnosis.target_variance(y)


def prepare(recipe: Recipe, name: str, load: Load) -> Task:
    """Load, check, split and normalize; raises ValueError, in one line, where ``recipe`` cannot be cooked with it."""
    dataset = load(name)
    findings = data.require(dataset, recipe.batch_size)
    parts = data.split(dataset, seed=recipe.seed)
    findings += data.check_parts(parts)
    if wrong := [finding.message for finding in findings if finding.severity == "error"]:
        raise ValueError(f"{dataset.name}: {'; '.join(wrong)}: nothing to learn; try another --seed, or more data")
    split, inputs = data.prepare(parts)
    n = len(split.train.x)
    if n < recipe.batch_size:
        raise ValueError(
            f"{dataset.name}: fewer training examples ({n}) than a batch ({recipe.batch_size}); "
            f"try --batch-size {max(1, n // 4)}"
        )
    if overlap := split.test.overlap(split.train.x):
        text = f"{overlap} test examples also stand in the training set"
        findings = [*findings, data.Finding("test in training", "warning", text)]
    target = None if dataset.classes else inputs.target
    training = dataclasses.replace(dataset, x=parts.train.x, y=parts.train.y, published_test=0)
    key, folds = jax.random.key(recipe.seed), folds_for(recipe.folds, split)
    return Task(dataset, training, split, inputs, target, tuple(findings), key, folds)


def folds_for(asked: int, split: data.Split) -> int | None:
    """How many folds, None for the one split; 0 asks for them where a single validation part is small."""
    n = len(split.train.y) + len(split.validation.y)
    if asked > n:
        raise ValueError(needed("folds", f"at most {n}, the examples to train and validate with", asked, "5"))
    wanted = asked or (min(FOLDS, n) if n < FEW else 1)
    return wanted if wanted > 1 else None

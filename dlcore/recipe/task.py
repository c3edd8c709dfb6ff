"""A data set made ready for training: checked, split, normalized."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dlcore import data, diagnosis
from dlcore.console.numbers import short
from dlcore.data.checks import LOOKED_AT
from dlcore.data.examples import as_rows
from dlcore.data.leaks import single_feature_scores
from dlcore.data.streams import labels_of
from dlcore.numerics.errors import needed
from dlcore.training import Setup, predict
from dlcore.training.learner import beginner

SEEDS = 2**32 - 1  # the largest
FEW, FOLDS = 1000, 5  # below so many examples, so many folds
Load = Callable[..., data.Dataset]


@dataclasses.dataclass(frozen=True)
class Source:
    """Where data come from: a name or a path, how a table there is read, and what loads it."""

    name: str
    table: dict[str, Any] = dataclasses.field(default_factory=dict)
    by: Load = data.load

    def load(self) -> data.Dataset:
        """The data set."""
        return self.by(self.name, **self.table)

    def require_memory(self, command: str) -> None:
        """Raise ValueError where the data are to be streamed, for a ``command`` that needs all of them at once."""
        if self.table.get("stream"):
            what, hint = "dlcore fit, which reads examples as it needs them", "without --stream, where memory has room"
            raise ValueError(needed("--stream", what, command, hint))

    @property
    def place(self) -> str:
        """The name, or where the file is, whatever folder one stands in."""
        path = pathlib.Path(self.name).expanduser()
        return str(path.resolve()) if path.exists() and self.name not in data.names() else self.name


def output_shape(setup: Setup, x: Any) -> tuple[int, ...]:
    """That of the outputs [n, ...] for x [n, ...], found without computing any."""

    def outputs(x):
        learner = beginner(setup, jax.random.key(0), x)
        return predict(setup, learner.params, learner.model_state, x)

    return jax.eval_shape(outputs, x).shape


@dataclasses.dataclass(frozen=True)
class Task:
    """The data of a run of the recipe, ``training`` its training part as it was read.

    ``target`` is the unit of the targets in regression, None for classes; ``folds`` are those of cross-validation over
    training and validation part, None for the one split. Where the parts are streamed, ``training`` and ``sample`` are
    the first of their examples, which come in no order.
    """

    dataset: data.Dataset
    training: data.Dataset
    split: data.Split
    inputs: data.Preprocessing
    target: data.Target | None
    findings: tuple[data.Finding, ...]
    key: Any
    folds: int | None = None
    sample: data.Split | None = None

    @property
    def seen(self) -> data.Split:
        """Examples in memory, to look at: all of them, or a sample of those that are streamed."""
        return self.split if self.sample is None else self.sample

    def map(self, f: Callable[[Any], Any]) -> "Task":
        """The same with ``f`` applied to the inputs x [n, ...] of all parts."""
        sample = None if self.sample is None else _mapped(self.sample, f)
        return dataclasses.replace(self, split=_mapped(self.split, f), sample=sample)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many examples there are for training, validation and test."""
        return len(labels_of(self.split.train)), len(labels_of(self.split.validation)), self.split.test.n

    @property
    def classes(self) -> int:
        """How many classes there are; 0 in regression."""
        return len(self.dataset.classes)

    @property
    def counts(self) -> np.ndarray | None:
        """How many training examples [classes] each class has."""
        return np.bincount(labels_of(self.split.train), minlength=self.classes) if self.classes else None

    @property
    def validated(self) -> int:
        """How many examples are validated on, in all folds."""
        train, validation, _ = self.sizes
        return validation + train * bool(self.folds)

    @property
    def class_weights(self) -> np.ndarray | None:
        """The sum of the weights of each class's training examples [classes], their number where none has a weight."""
        y, weights = labels_of(self.split.train), data.weights_of(self.split.train)
        return np.bincount(y, weights, minlength=self.classes) if self.classes else None

    def expected(self, setup: Setup) -> diagnosis.ExpectedLoss:
        """What the setup's loss is on the training set before anything is learned."""
        train = self.split.train
        shape = output_shape(setup, train.x)[1:]
        return diagnosis.expected_loss(setup.loss, labels_of(train), shape, data.weights_of(train))

    @functools.cached_property
    def telling(self) -> np.ndarray:
        """The columns of a table by how much each alone says of the target in the training part, the most first."""
        scores = single_feature_scores(self.training, bins=8)  # broad ones: of few examples a trend shows, not a copy
        return np.argsort(-scores, kind="stable")

    def as_read(self, x: np.ndarray) -> tuple[np.ndarray | None, tuple[dict[str, str], ...]]:
        """Inputs x [n, ...] as they were read: images [n, h w c], or the cells of a table, the most telling first."""
        cells = self.inputs.inverse(as_rows(x))
        if self.dataset.image_shape:
            return cells, ()
        columns = [(self.inputs.columns[j], j) for j in self.telling]
        return None, tuple({c.name: _cell(row[j], c) for c, j in columns} for row in cells)

    def usual(self) -> tuple[dict[str, str], ...]:
        """What is usual of the cells of every class in the training part: means, and the most frequent words.

        Nothing of a class without examples, and nothing at all of images and quantities.
        """
        if self.dataset.image_shape or not self.classes:
            return ()
        x, y = (np.asarray(a) for a in self.seen.train[:2])
        return tuple(
            self.as_read(x[y == c].mean(axis=0, dtype=np.float64)[None])[1][0] if (y == c).any() else {}
            for c in range(self.classes)
        )


def _cell(value: float, column: data.Number | data.Category) -> str:
    if isinstance(column, data.Number):
        return short(float(value), 3)
    return column.words[int(value)] if column.words else ""


def prepare(dataset: data.Dataset, batch_size: int | None, seed: int, folds: int = 1) -> Task:
    """Check, split and normalize; raises ValueError, in one line, where there is nothing to learn in such batches.

    ``folds`` of cross-validation, 0 for some where examples are few; ``batch_size`` None for all at once.
    """
    if not 0 <= seed <= SEEDS:
        raise ValueError(needed("seed", f"a whole number from 0 to {SEEDS}", seed, "--seed 0"))
    findings = data.require(dataset, batch_size or 1)
    parts = data.split(dataset, seed=seed)
    findings += data.check_parts(parts)
    if wrong := [finding.message for finding in findings if finding.severity == "error"]:
        raise ValueError(f"{dataset.name}: {'; '.join(wrong)}: nothing to learn; try another --seed, or more data")
    split, inputs = data.prepare(parts)
    n = len(labels_of(split.train))
    if n < (batch_size or 1):
        few = f"{dataset.name}: fewer training examples ({n}) than a batch ({batch_size})"
        raise ValueError(f"{few}; try --set batch_size={max(1, n // 4)}, or --batch-size of recipe")
    streamed = isinstance(dataset.x, data.Streamed)
    if not streamed and (overlap := split.test.overlap(split.train.x)):
        text = f"{overlap} test examples also stand in the training set"
        findings = [*findings, data.Finding("test in training", "warning", text)]
    target = None if dataset.classes else inputs.target
    training = dataclasses.replace(dataset, **_first(parts.train)._asdict(), published_test=0, published_validation=0)
    sample = dataclasses.replace(split, train=_first(split.train), validation=_first(split.validation))
    key, count = jax.random.key(seed), folds_for(folds, split)
    return Task(dataset, training, split, inputs, target, tuple(findings), key, count, sample if streamed else None)


def _first(part: Any) -> Any:
    """The first examples of a stream, in memory; others as they are."""
    return part.rows(np.arange(min(len(part), LOOKED_AT))) if isinstance(part, data.Streamed) else part


def _mapped(split: data.Split, f: Callable[[Any], Any]) -> data.Split:
    def of(part: Any) -> Any:
        return part.map(f) if isinstance(part, data.Streamed) else part._replace(x=f(np.asarray(part.x)))

    parts = {"train": of(split.train), "validation": of(split.validation), "test": split.test.map(of)}
    return dataclasses.replace(split, **parts)


def folds_for(asked: int, split: data.Split) -> int | None:
    """How many folds, None for the one split; 0 asks for them where a single validation part is small."""
    n = len(labels_of(split.train)) + len(labels_of(split.validation))
    if asked > n:
        raise ValueError(needed("folds", f"at most {n}, the examples to train and validate with", asked, "5"))
    wanted = asked or (min(FOLDS, n) if n < FEW else 1)
    return wanted if wanted > 1 else None

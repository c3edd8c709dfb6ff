"""Trainings with one planted fault each, and healthy ones: what ``experiments.verdicts`` and the tests judge.

A fault changes a healthy setup, its data, or both; ``kinds`` are the verdicts that it deserves, the first the best.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, data, losses
from dlcore.data import Dataset, Examples, Split
from dlcore.initializers import he_normal
from dlcore.layers import Dense, Layer, mlp, sequential
from dlcore.optimizers import Adam
from dlcore.regularizers import L2
from dlcore.schedules import Piecewise
from dlcore.tree import hyperparams


class Task(NamedTuple):
    """A data set with what suits it: outputs, whether they are classes, epochs, widths, batch size and a good rate."""

    name: str
    load: Callable[[], Dataset]
    outputs: int
    epochs: int
    widths: tuple[int, ...]
    batch_size: int
    rate: float

    @property
    def classes(self) -> bool:
        """Whether the target is a class."""
        return self.outputs > 1


def column_of(name: str, column: int) -> Dataset:
    """The regression of one column of a data set on all others."""
    known = data.load(name)
    y = np.asarray(known.x[:, column : column + 1], np.float32)
    return data.from_arrays(np.delete(known.x, column, 1), y, f"{name}_{column}")


TASKS = (
    Task("digits", functools.partial(data.load, "digits"), 10, 20, (32,), 32, 4e-3),
    Task("wine", functools.partial(data.load, "wine"), 3, 40, (24,), 16, 4e-3),
    Task("breast_cancer", functools.partial(data.load, "breast_cancer"), 2, 30, (32, 16), 32, 2e-3),
    Task("iris", functools.partial(data.load, "iris"), 3, 60, (16, 16), 16, 1e-2),
    Task("diabetes", functools.partial(data.load, "diabetes"), 1, 40, (16,), 32, 3e-3),
    Task("wine_alcohol", functools.partial(column_of, "wine", 0), 1, 40, (16,), 16, 3e-3),
    Task("cancer_radius", functools.partial(column_of, "breast_cancer", 0), 1, 40, (24, 12), 32, 2e-3),
)
TASK = {task.name: task for task in TASKS}


def parts(task: Task, seed: int) -> Split:
    """The task's data, split by ``seed``, not yet normalized; the target of a regression is standardized."""
    split = data.split(task.load(), seed=seed)
    if task.classes:
        return split
    by = data.fit_normalization(np.asarray(split.train.y))
    return _with(split, y=lambda part: np.asarray((np.asarray(part.y) - by.mean) / by.std, np.float32))


def normalized(split: Split) -> Split:
    """By the training part."""
    return data.normalize(split)[0]


def healthy(task: Task) -> Setup:
    """A setup that suits the task."""
    return Setup(
        mlp((*task.widths, task.outputs)),
        losses.softmax_cross_entropy if task.classes else losses.squared_error,
        Adam(task.rate),
        penalty=L2(1e-3 if task.classes else 3e-3),
        epochs=task.epochs,
        batch_size=task.batch_size,
    )


def _with(split: Split, x: Any = None, y: Any = None, parts: str = "both") -> Split:
    """``split`` with x or y of its parts, or of one of them, made anew from the part."""

    def change(part):
        return Examples(*(part[i] if f is None else f(part) for i, f in enumerate((x, y))))

    some = {name: change(getattr(split, name)) for name in ("train", "validation") if parts in ("both", name)}
    return dataclasses.replace(split, **some)


class Planted(NamedTuple):
    """A fault: its name, the verdicts that it deserves, what it does to a setup and to the data before they are
    normalized by ``by`` and after, and for which tasks it is."""

    name: str
    kinds: tuple[str, ...]
    setup: Callable[[Setup, Task], Setup] = lambda setup, task: setup
    before: Callable[[Split, np.random.Generator], Split] = lambda split, rng: split
    by: Callable[[Split], Split] = normalized
    after: Callable[[Split, np.random.Generator], Split] = lambda split, rng: split
    tasks: tuple[str, ...] = tuple(TASK)

    def data(self, task: Task, seed: int) -> Split:
        """The task's data with the fault."""
        rng = np.random.default_rng(seed)
        return self.after(self.by(self.before(parts(task, seed), rng)), rng)


CLASSES = tuple(task.name for task in TASKS if task.classes)
VALUES = tuple(task.name for task in TASKS if not task.classes)
SOME = ("digits", "wine", "iris", "diabetes")  # for what needs programs of its own
FEW = ("wine", "breast_cancer", "iris_width")


def swap(**changes: Any) -> Callable[[Setup, Task], Setup]:
    """Other fields of the setup; functions of (setup, task) are asked."""

    def change(setup, task):
        new = {name: f(setup, task) if callable(f) and name != "loss" else f for name, f in changes.items()}
        return dataclasses.replace(setup, **new)

    return change


def rated(rate: Callable[[float], Any], rule: Any = Adam) -> Callable[[Setup, Task], Setup]:
    """Another learning rate, from the task's good one."""
    return swap(optimizer=lambda _, task: rule(rate(task.rate)))


def model(make: Callable[[Task], Layer]) -> Callable[[Setup, Task], Setup]:
    """Another model for the task."""
    return swap(model=lambda _, task: make(task))


def hidden(*between: Any, **options: Any) -> Callable[[Task], Layer]:
    """A network with ``between`` instead of ReLU after every hidden layer."""
    return lambda task: sequential(
        *[part for m in task.widths for part in (Dense(m, **options), *between)], Dense(task.outputs)
    )


def deep(depth: int, width: int, activation: Any, init: Any) -> Callable[[Task], Layer]:
    """A deep network."""
    return lambda task: mlp((*[width] * depth, task.outputs), activation, kernel_init=init, output_init=he_normal)


def topped(activation: Any) -> Callable[[Task], Layer]:
    """The healthy network with an activation on its outputs."""
    return lambda task: sequential(mlp((*task.widths, task.outputs)), activation)


@hyperparams
class Always(Layer):
    """A layer that takes itself to be in training at all times."""

    layer: Layer

    def init(self, key, input_shape):
        return self.layer.init(key, input_shape)

    def apply(self, params, state, x, *, key, train):
        return self.layer.apply(params, state, x, key=jax.random.key(7) if key is None else key, train=True)


def first_silenced(outputs):
    """Outputs of which the first gets nothing."""
    return outputs * (jnp.arange(outputs.shape[-1]) > 0).astype(outputs.dtype)


def nll_of_probabilities(p, y):
    """Minus the logarithm of the label's output, as far as it has one."""
    return -jnp.log(jnp.clip(jnp.take_along_axis(p, y[:, None], -1)[:, 0], 1e-7))


def nll_of_logs(logs, y):
    """Minus the output of the label."""
    return -jnp.take_along_axis(logs, y[:, None], -1)[:, 0]


def broadcast_error(outputs, y):
    """Predictions (n, 1) beside targets (1, n): the mean over all pairs of a row."""
    return jnp.mean(jnp.square(outputs - y.reshape(1, -1)), -1)


def one_class(split: Split, rng: Any) -> Split:
    """Whether it is the last class, yes or no."""
    last = np.max(split.train.y)
    return _with(split, y=lambda part: (np.asarray(part.y) == last).astype(np.int32))


def shared(noise: float, share: float) -> Callable[[Split, np.random.Generator], Split]:
    """A share of the validation part replaced by training examples and their labels, shaken by ``noise``."""

    def plant(split, rng):
        n, m = len(split.train.x), len(split.validation.x)
        which, where = rng.integers(0, n, m), rng.random(m) < share
        x, y = (np.array(a) for a in split.validation)
        shaken = np.asarray(split.train.x)[which] + noise * rng.normal(size=(m, x.shape[1]))
        x[where], y[where] = shaken[where], np.asarray(split.train.y)[which][where]
        return dataclasses.replace(split, validation=Examples(x.astype(split.train.x.dtype), y))

    return plant


def by_itself(split: Split) -> Split:
    """Every part by its own mean and standard deviation."""
    return _with(split, x=lambda part: np.asarray(data.fit_normalization(part.x)(np.asarray(part.x, np.float32))))


def both_parts(split: Split) -> Split:
    """Training and validation part by the statistics of both."""
    by = data.fit_normalization(np.concatenate([split.train.x, split.validation.x]))
    return data.normalize(split, by)[0]


def by_validation(split: Split) -> Split:
    """All by the statistics of the validation part."""
    by = data.fit_normalization(split.validation.x)
    return data.normalize(split, by)[0]


def one_wide(split: Split, rng: Any) -> Split:
    """One column in other units."""
    wide = np.where(np.arange(split.train.x.shape[1]) == 1, 1e3, 1).astype(np.float32)
    return _with(split, x=lambda part: part.x * wide)


def repeated(split: Split, rng: Any) -> Split:
    """The first 12 examples again and again."""
    again = np.arange(len(split.train.x)) % 12
    return _with(split, *(lambda part, i=i: np.asarray(part[i])[again] for i in (0, 1)), parts="train")


def relabeled(change: Callable[[np.ndarray, int], np.ndarray], parts: str) -> Callable[[Split, Any], Split]:
    """Other labels, from the labels and the number of classes."""

    def plant(split, rng):
        c = int(np.max(split.train.y)) + 1
        return _with(split, y=lambda part: np.asarray(change(np.asarray(part.y), c), np.int32), parts=parts)

    return plant


def noisy_labels(share: float, parts: str) -> Callable[[Split, np.random.Generator], Split]:
    """A share of the labels drawn at random, or noise on the targets."""

    def plant(split, rng):
        def shaken(part):
            y = np.asarray(part.y)
            wrong = rng.random(y.shape) < share
            if not np.issubdtype(y.dtype, np.integer):
                return (y + 2 * share * rng.normal(size=y.shape)).astype(y.dtype)
            return np.where(wrong, rng.integers(0, y.max() + 1, y.shape), y).astype(np.int32)

        return _with(split, y=shaken, parts=parts)

    return plant


def few(split: Split, rng: Any) -> Split:
    """A tenth of the training examples, at least 24, and noise in their labels."""
    n = max(len(split.train.x) // 10, 24)
    small = _with(split, *(lambda part, i=i: np.asarray(part[i])[:n] for i in (0, 1)), parts="train")
    return noisy_labels(0.3, "train")(small, rng)


def early(setup: Setup, task: Task) -> Any:
    """A schedule that is at its end after a tenth of the epochs."""
    return Adam(Piecewise((task.rate / 3, 1e-9), (task.epochs / 10,), per="epoch"))


def binary(*top: Any) -> Callable[[Task], Layer]:
    """One output, with or without something on it."""
    return lambda task: sequential(mlp((*task.widths, 1)), *top)

"""Trainings with one planted fault each, and healthy ones: what ``experiments.verdicts`` and the tests judge.

A fault changes a healthy setup, its data, or both.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, data, losses
from dlcore.data import Dataset, Split
from dlcore.initializers import normal
from dlcore.layers import Dense, Layer, mlp, sequential
from dlcore.optimizers import Adam, Frozen
from dlcore.regularizers import L2
from dlcore.schedules import Cosine, Piecewise
from dlcore.tree import hyperparams
from experiments.spoiled import normalized, with_parts


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
    Task("wine", functools.partial(data.load, "wine"), 3, 60, (24,), 16, 4e-3),
    Task("breast_cancer", functools.partial(data.load, "breast_cancer"), 2, 40, (32, 16), 32, 2e-3),
    Task("iris", functools.partial(data.load, "iris"), 3, 60, (16, 16), 16, 1e-2),
    Task("diabetes", functools.partial(data.load, "diabetes"), 1, 60, (12,), 32, 3e-3),
    Task("iris_width", functools.partial(column_of, "iris", 3), 1, 60, (12,), 16, 5e-3),
    Task("cancer_radius", functools.partial(column_of, "breast_cancer", 0), 1, 60, (24, 12), 32, 2e-3),
)
TASK = {task.name: task for task in TASKS}


def parts(task: Task, seed: int) -> Split:
    """The task's data, split by ``seed``, not yet normalized; the target of a regression is standardized."""
    split = data.split(task.load(), seed=seed)
    if task.classes:
        return split
    by = data.fit_normalization(np.asarray(split.train.y))
    return with_parts(split, y=lambda part: np.asarray((np.asarray(part.y) - by.mean) / by.std, np.float32))


def network(task: Task, outputs: int | None = None) -> Layer:
    """A network that suits the task: a regression begins near the mean of its targets."""
    output_init = None if task.classes else normal(0.05)
    return mlp((*task.widths, outputs or task.outputs), output_init=output_init)


def healthy(task: Task) -> Setup:
    """A setup that suits the task."""
    return Setup(
        network(task),
        losses.softmax_cross_entropy if task.classes else losses.squared_error,
        Adam(task.rate),
        penalty=L2(1e-3 if task.classes else 3e-3),
        epochs=task.epochs,
        batch_size=task.batch_size,
    )


class Planted(NamedTuple):
    """A fault: its name, the verdict that it deserves, or several between "or", and for which tasks it is.

    What it does to a setup, to the data ``before`` they are normalized, how they are normalized, and ``after``.
    """

    name: str
    deserved: str
    setup: Callable[[Setup, Task], Setup] = lambda setup, task: setup
    before: Callable[[Split, np.random.Generator], Split] = lambda split, rng: split
    by: Callable[[Split], Split] = normalized
    after: Callable[[Split, np.random.Generator], Split] = lambda split, rng: split
    tasks: tuple[str, ...] = tuple(TASK)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The verdicts that it deserves; none for what is healthy."""
        return tuple(self.deserved.split(" or ")) if self.deserved else ()

    def data(self, task: Task, seed: int) -> Split:
        """The task's data with the fault."""
        rng = np.random.default_rng(seed)
        return self.after(self.by(self.before(parts(task, seed), rng)), rng)


def swap(**changes: Any) -> Callable[[Setup, Task], Setup]:
    """Other fields of the setup: a loss as it is, other functions are asked for the task."""

    def change(setup, task):
        new = {name: f(task) if callable(f) and name != "loss" else f for name, f in changes.items()}
        return dataclasses.replace(setup, **new)

    return change


def rated(rate: Callable[[float], Any], rule: Any = Adam) -> Callable[[Setup, Task], Setup]:
    """Another learning rate, from the task's good one."""
    return swap(optimizer=lambda task: rule(rate(task.rate)))


def model(make: Callable[[Task], Layer]) -> Callable[[Setup, Task], Setup]:
    """Another model for the task."""
    return swap(model=make)


def last(task: Task) -> Dense:
    """The last layer of ``network``."""
    return Dense(task.outputs) if task.classes else Dense(task.outputs, kernel_init=normal(0.05))


def hidden(*between: Any, **options: Any) -> Callable[[Task], Layer]:
    """A network with ``between`` instead of ReLU after every hidden layer."""
    return lambda task: sequential(*[p for m in task.widths for p in (Dense(m, **options), *between)], last(task))


def deep(depth: int, activation: Any, init: Any) -> Callable[[Task], Layer]:
    """A deep network of 24 units in every layer."""
    return lambda task: sequential(
        *[p for _ in range(depth) for p in (Dense(24, kernel_init=init), activation)], last(task)
    )


def one_more(task: Task) -> Layer:
    """The healthy network with an output that is not needed."""
    return network(task, task.outputs + 1)


def topped(activation: Any) -> Callable[[Task], Layer]:
    """The healthy network with an activation on its outputs."""
    return lambda task: sequential(network(task), activation)


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
    return outputs.at[..., 0].multiply(0)


def nll_of_probabilities(p, y):
    """Minus the logarithm of the label's output, as far as it has one."""
    return -jnp.log(jnp.clip(jnp.take_along_axis(p, y[:, None], -1)[:, 0], 1e-7))


def nll_of_logs(logs, y):
    """Minus the output of the label."""
    return -jnp.take_along_axis(logs, y[:, None], -1)[:, 0]


def broadcast_error(outputs, y):
    """Predictions (n, 1) beside targets (1, n): the mean over all pairs of a row."""
    return jnp.mean(jnp.square(outputs - y.reshape(1, -1)), -1)


def a_tenth(task: Task) -> int:
    """Of the epochs that are needed."""
    return max(task.epochs // 10, 4)


def by_heart(setup: Setup, task: Task) -> Setup:
    """Many epochs in small batches, without weight decay."""
    return dataclasses.replace(setup, penalty=None, epochs=3 * task.epochs, batch_size=12)


def frozen(task: Task) -> Any:
    """A rule that spares the first layer."""
    return Frozen(Adam(task.rate), ("[0]",))


def cosine(task: Task) -> Any:
    """A schedule that comes to 0 at the end."""
    return Adam(Cosine(2 * task.rate, float(task.epochs), per="epoch"))


def early(task: Task) -> Any:
    """A schedule that is at its end after a tenth of the epochs."""
    return Adam(Piecewise((task.rate / 3, 1e-9), (task.epochs / 10,), per="epoch"))


def binary(*top: Any) -> Callable[[Task], Layer]:
    """One output, with or without something on it."""
    return lambda task: sequential(network(task, 1), *top)

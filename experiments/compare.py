"""What is it worth? Initializations, activations, optimizers, batch norm: one change at a time, at its own best rate.

    python -m experiments.compare [--name NAME] [--seeds N] [--epochs N] [--quick] [--out FOLDER]

The base is a network with two hidden layers, ReLU, He initialization and Adam. Every change gets the same learning
rates, as wide as they need to be, and the same seeds; the best rate is chosen on validation, and only then the test set
is opened, once, for all of them. A difference to the base is that of runs of one seed, pair by pair, and is told apart
by Student's t test with an error of one in a hundred. Times are those of this machine: of one training alone, compiled
before, and of one look at the test set.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.stats import t

from dlcore import Setup, data, fit, grid, losses, sequential
from dlcore.activations import gelu, leaky_relu, relu, sigmoid, tanh
from dlcore.figures import change_gains
from dlcore.initializers import glorot_normal, he_normal, normal
from dlcore.layers import BatchNorm, Dense
from dlcore.optimizers import SGD, Adam, RMSProp, SGDMomentum
from dlcore.report import environment
from dlcore.report.sections import machine_of
from dlcore.tuning import Study, assign
from experiments.common import arguments, save, swept, table

RATE = "optimizer.learning_rate"
RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
BASE, SURE, WIDTH, REPEATS = "as it is", 0.99, 64, 3


def network(classes: int, activation: Any = relu, init: Any = None, norm: bool = False) -> Any:
    """Two hidden layers; the last layer is that of the base in every network."""
    hidden = Dense(WIDTH, use_bias=not norm, kernel_init=init or he_normal)
    layer = (hidden, BatchNorm(), activation) if norm else (hidden, activation)
    return sequential(*layer, *layer, Dense(classes))


CHANGES: dict[str, Callable[[int], tuple[Any, Any]]] = {
    BASE: lambda c: (network(c), Adam()),
    "Glorot initialization": lambda c: (network(c, init=glorot_normal), Adam()),
    "initial weights of 0.01": lambda c: (network(c, init=normal(0.01)), Adam()),
    "initial weights of 1": lambda c: (network(c, init=normal(1.0)), Adam()),
    "tanh, Glorot": lambda c: (network(c, tanh, glorot_normal), Adam()),
    "sigmoid, Glorot": lambda c: (network(c, sigmoid, glorot_normal), Adam()),
    "leaky ReLU": lambda c: (network(c, leaky_relu), Adam()),
    "GELU": lambda c: (network(c, gelu), Adam()),
    "batch norm": lambda c: (network(c, norm=True), Adam()),
    "SGD": lambda c: (network(c), SGD()),
    "SGD with momentum": lambda c: (network(c), SGDMomentum()),
    "RMSProp": lambda c: (network(c), RMSProp()),
}
QUICK = (BASE, "tanh, Glorot", "batch norm", "SGD")


class Compared(NamedTuple):
    """A change: its study, and at its best rate the seconds of one training alone."""

    name: str
    study: Study
    seconds: float


def compared(name: str, split: Any, classes: int, epochs: int, seeds: int) -> Compared:
    """Train a change at every rate, and time one training at the best."""
    model, rule = CHANGES[name](classes)
    setup = Setup(model, losses.softmax_cross_entropy, rule, epochs=epochs, batch_size=32)
    study = swept(name, setup, grid({RATE: RATES}), split, jax.random.key(0), seeds)
    best, taken = assign(setup, study.space[study.best]), []
    for seed in range(REPEATS + 1):  # the first compiles
        began = time.perf_counter()
        jax.block_until_ready(fit(best, split, jax.random.key(seed), progress=False).params)
        taken.append(time.perf_counter() - began)
    return Compared(name, study, min(taken[1:]))


def tested(one: Compared, x: Any, y: Any) -> tuple[np.ndarray, float]:
    """The test accuracy of every seed, and the seconds of one look."""
    run: Any = one.study.winner
    accuracy, taken = run.evaluate((x, y))["accuracy"], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run.evaluate((x, y))
        taken.append(time.perf_counter() - began)
    return np.asarray(accuracy), min(taken) / (run.members or 1)


def difference(these: np.ndarray, those: np.ndarray) -> tuple[float, float, bool]:
    """Mean and standard error of the differences, pair by pair, and whether they are told apart from 0."""
    apart, n = these - those, len(these)
    if n < 2:
        return float(apart.mean()), float("nan"), False
    error = float(apart.std(ddof=1) / np.sqrt(n))
    return float(apart.mean()), error, bool(abs(apart.mean()) > t.ppf((1 + SURE) / 2, n - 1) * error)


def row_of(one: Compared, base: Compared, right: np.ndarray, base_right: np.ndarray, seconds: float) -> dict[str, Any]:
    """One line of the table."""
    study, i = one.study, one.study.best
    mean, error, told = difference(right, base_right)
    apart = "" if one is base else f"{100 * mean:+.2f} ± {100 * error:.2f}{' *' * told}"
    return {
        "change": one.name,
        "best rate": f"{study.space[i][RATE]:g}",
        "validation loss": f"{study.mean[i]:.4f} ± {study.standard_error[i]:.4f}",
        "test accuracy": f"{100 * right.mean():.2f} %",
        "against the base": apart,
        "training": f"{one.seconds:.2f} s",
        "test": f"{1e3 * seconds:.2f} ms",
    }


def conclusion(names: list[str], told: list[tuple[float, float, bool]], seeds: int) -> str:
    """What may be concluded, and what not."""
    better, worse = ([n for n, d in zip(names, told, strict=True) if d[2] and d[0] * sign > 0] for sign in (1, -1))
    alike = [n for n, d in zip(names, told, strict=True) if not d[2]]
    said = [f"{kind}: {', '.join(some)}." for kind, some in (("Better", better), ("Worse", worse)) if some] or [
        "No change is told apart from the base."
    ]
    if alike:
        said.append(f"Not told apart with {seeds} seeds, which is not the same as equal: {', '.join(alike)}.")
    said.append("This holds for this data set, split, network and number of epochs, each change at its own best rate.")
    return " ".join(said)


def main():
    given = arguments(
        __doc__,
        out="runs/compare",
        quick="four changes, 2 seeds of 5 epochs",
        name={"default": "digits", "help": "a data set of classes that dlcore knows, or a file; default: digits"},
        seeds={"type": int, "default": 8},
        epochs={"type": int, "default": 30},
    )
    seeds, epochs, names = (2, 5, QUICK) if given.quick else (given.seeds, given.epochs, tuple(CHANGES))
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    dataset = data.load(given.name)
    split, _ = data.prepare(data.split(dataset))
    found = [compared(name, split, len(dataset.classes), epochs, seeds) for name in names]
    x, y = split.test.open("comparison of changes, each at the rate that validation chose")
    results = [tested(one, x, y) for one in found]
    base, right = found[0], results[0][0]
    told = [difference(accuracy, right) for accuracy, _ in results[1:]]
    rows = [row_of(one, base, accuracy, right, s) for one, (accuracy, s) in zip(found, results, strict=True)]
    print(f"{dataset.name}: {len(y)} test examples, {epochs} epochs, {seeds} seeds; {machine_of(environment())}\n")
    print(table(rows), f"\n*: told apart from the base\n\n{conclusion(list(names[1:]), told, seeds)}")
    gains, errors = np.array([d[0] for d in told]), np.array([d[1] for d in told])
    figure = change_gains(list(names[1:]), gains, errors, "test accuracy")
    save(given.out, "compare", figure, names=np.array(names), accuracy=np.array([a for a, _ in results]))


if __name__ == "__main__":
    main()

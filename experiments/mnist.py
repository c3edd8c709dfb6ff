"""MNIST: how good do four networks become, and how soon? Beside PyTorch and scikit-learn, in turn in one run.

    python -m experiments.mnist [--data-dir FOLDER] [--only 300] [--seeds 5] [--quick] [--out FOLDER]

Trained are the 60,000 published examples, pixels between 0 and 1, in mini-batches of 128, which are 469 an epoch. The
test accuracy is that of the 10,000 published test examples after the last epoch; nothing is chosen by it.

- linear: LeCun, Bottou, Bengio & Haffner 1998 have 12 % of errors, and 8.4 % on images that are straightened.
- 300 hidden units: 4.7 % there, by a squared error; here ReLU, cross entropy and Adam.
- Keras' demo: the lectures name a script "KerasDemo" and its 469 mini-batches. The demo with these that Keras came with
  has two layers of 512 units, each with a dropout of 0.2, and RMSProp; its authors report 98.4 % after 20 epochs.
- convolutional: three layers of 16, 32 and 64 windows of 3x3 pixels, each with pooling, batch norm and ReLU, and Adam,
  whose rate falls along a cosine.

PyTorch has the same networks, initial distributions, rules and rates. scikit-learn has Adam alone and no dropout: its
``MLPClassifier`` has the same widths, rate and batches, and the linear one is its ``LogisticRegression``, by L-BFGS.
"fit" is one training after another, "rows" are all seeds at once as rows of one program, whose seconds are those of the
whole by their number. All but ``LogisticRegression`` look at the test examples after every epoch, which counts in the
seconds. "start" is what the very first epoch takes longer than those after it, mostly compilation; seconds are without
it unless they say so. ``--processor`` counts the seconds of the processor instead of the clock's, for a machine that is
busy with other work; there best on one core, ``taskset -c 0 python -m experiments.mnist --processor``.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore import Setup, data, fit, losses, mlp, sequential
from dlcore.activations import relu
from dlcore.figures.style import SERIES
from dlcore.layers import BatchNorm, Conv, Dense, Flatten, MaxPool, Reshape
from dlcore.optimizers import Adam, RMSProp
from dlcore.report import environment
from dlcore.report.sections import machine_of
from dlcore.schedules import Cosine
from dlcore.training import Watch
from dlcore.tuning import sweep
from experiments.benchmarks.race import PAUSE, peer
from experiments.common import arguments, bare, mean_and_error, save, table
from experiments.mnist_peers import PyTorch, logistic_regression, scikit_learn
from experiments.planes import panels

BATCH_SIZE, RATE, ENOUGH = 128, 1e-3, 0.98
ROWS, FIT, *PEERS = "dlcore, rows", "dlcore, fit", "PyTorch", "scikit-learn"
SOON = ("epochs", "s", "ratio", "with start, s", "ratio, with start")
Clock = Callable[[], float]
IMAGE = (28, 28, 1)
QUICK = {"examples": 6400, "test": 1000, "epochs": 2}


def block(channels):
    """Windows of 3x3 pixels; what follows has only the largest of each four to work on."""
    return Conv(channels), MaxPool(), BatchNorm(), relu


CONVOLUTIONAL = sequential(Reshape(IMAGE), *block(16), *block(32), *block(64), Flatten(), Dense(10))


class Network(NamedTuple):
    """What is trained, for so many epochs; scikit-learn knows it by the ``widths`` of its hidden layers.

    What is not ``at_once`` is trained in ``fit`` alone: its rows would take as long again and say little.
    """

    name: str
    model: Any
    rule: Any
    epochs: int
    widths: tuple[int, ...] | None
    at_once: bool = True

    @property
    def setup(self) -> Setup:
        watch = Watch(training=None)
        return Setup(self.model, losses.softmax_cross_entropy, self.rule, None, watch=watch, epochs=self.epochs,
                     batch_size=BATCH_SIZE)  # fmt: skip


NETWORKS = (
    Network("linear", sequential(Dense(10)), Adam(RATE), 10, ()),
    Network("300 hidden units", mlp((300, 10)), Adam(RATE), 10, (300,)),
    Network("Keras' demo", mlp((512, 512, 10), dropout=0.2), RMSProp(RATE), 10, (512, 512)),
    Network("convolutional", CONVOLUTIONAL, Adam(Cosine(3e-3, 1, per="training")), 6, None, at_once=False),
)


class Course(NamedTuple):
    """Test accuracies after every epoch and seconds until then, [seeds, epochs] each, without the ``start``."""

    accuracy: np.ndarray
    seconds: np.ndarray
    start: float = 0.0


def start_of(seconds: np.ndarray) -> float:
    """How much longer the first epoch took than those after it; seconds [epochs] since the beginning."""
    return max(0.0, float(seconds[0] - (seconds[-1] - seconds[0]) / max(len(seconds) - 1, 1))) * (len(seconds) > 1)


def mnist(data_dir: Any, quick: bool) -> data.Split:
    """The published training and test examples, or some of them, their pixels between 0 and 1."""
    whole = data.load("mnist", data_dir=data_dir)
    n, m = (QUICK["examples"], QUICK["test"]) if quick else (len(whole) - whole.published_test, whole.published_test)
    test = slice(len(whole) - whole.published_test, len(whole) - whole.published_test + m)
    train, judged = (data.Examples(np.float32(whole.x[some]) / 255, whole.y[some]) for some in (slice(n), test))
    return data.Split(train, judged)


def timed(epochs: Iterator[float], clock: Clock) -> Course:
    """The course of one training that says its accuracy after every epoch."""
    began, accuracy, seconds = clock(), [], []
    for now in epochs:
        accuracy.append(now)
        seconds.append(clock() - began)
    return Course(np.array([accuracy]), np.array([seconds]))


def alone(network: Network, split: Any, seed: int, clock: Clock) -> Course:
    """One training in ``fit``, which tells of every epoch where they are ten at most."""
    told, began = [], clock()

    def note(progress):
        told.append((clock() - began, progress.history.validation_metrics["accuracy"][-1]))

    fit(network.setup, split, jax.random.fold_in(jax.random.key(0), seed), watch=note, progress=False)
    seconds, accuracy = np.array(told).T[:, None]
    return Course(accuracy, seconds)


def rows(network: Network, split: Any, seeds: int, clock: Clock) -> Course:
    """All seeds as rows of one program: the trainings of ``alone``, to rounding. Seconds are shared out evenly."""
    told, began = [], clock()

    def note(progress):
        told.append((progress.epoch, clock() - began))

    width = -(-seeds // jax.device_count())
    study = sweep(network.setup, [{}], split, jax.random.key(0), seeds=seeds, keep="none", width=width, watch=note)
    accuracy = np.asarray(study.rows.history.validation_metrics["accuracy"][0])
    marks, times = np.array(told).T
    seconds = np.interp(np.arange(1, network.epochs + 1), marks, times)
    start = start_of(seconds)
    return Course(accuracy, np.tile((seconds - start) / seeds, (seeds, 1)), start)


def libraries(network: Network, split: Any, clock: Clock) -> dict[str, Any]:
    """By the names of those that can: what trains one seed."""
    of_sizes = (BATCH_SIZE, network.epochs)
    found: dict[str, Any] = {FIT: lambda seed: alone(network, split, seed, clock)}
    if peer("torch"):
        found["PyTorch"] = lambda seed: timed(
            PyTorch(network.model, network.rule, split, seed).epochs(*of_sizes), clock
        )
    if widths := network.widths:
        found["scikit-learn"] = lambda seed: timed(scikit_learn(widths, RATE, *of_sizes, split, seed), clock)
    return found


def courses(network: Network, split: Any, seeds: int, clock: Clock) -> dict[str, Course]:
    """All libraries in turn, seed by seed; what has no seed once."""
    several = libraries(network, split, clock)
    runs: dict[str, list[Course]] = {name: [] for name in several}
    for seed in range(seeds):
        for name, train in several.items():
            time.sleep(PAUSE)
            runs[name].append(train(seed))
            said(network, f"{name}, seed {seed}", runs[name][-1])
    found = {name: together(of_seeds) for name, of_seeds in runs.items()}
    if network.at_once:
        found[ROWS] = rows(network, split, seeds, clock)
        said(network, ROWS, found[ROWS])
    if network.widths == ():
        found["scikit-learn"] = timed(logistic_regression(split), clock)
    return {name: found[name] for name in (ROWS, FIT, *PEERS) if name in found}


def said(network, what, course):
    accuracy, seconds = course.accuracy[:, -1].mean(), course.seconds[:, -1].sum()
    print(f"{network.name}: {what}: {accuracy:.2%} in {seconds:.0f} s", flush=True)


def together(parts: list[Course]) -> Course:
    """The courses of several seeds as one; the first of them compiled."""
    accuracy, seconds = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    start = start_of(seconds[0])
    return Course(accuracy, seconds - start * (np.arange(len(seconds)) == 0)[:, None], start)


def reached(course: Course) -> tuple[np.ndarray, np.ndarray]:
    """Of every seed the first epoch, from 1, that is good enough, and the seconds until then; inf where none is."""
    enough = course.accuracy >= ENOUGH
    first = enough.argmax(1)
    places = np.arange(len(first))
    good = enough[places, first]
    return np.where(good, first + 1.0, np.inf), np.where(good, course.seconds[places, first], np.inf)


def row_of(network: Network, name: str, course: Course, own: Course) -> dict[str, str]:
    """How good, and the seconds of a training, also as a multiple of ``own``."""
    seconds = course.seconds[:, -1]
    return {
        "network": network.name,
        "by": name,
        "epochs": str(course.accuracy.shape[1]) if course.accuracy.shape[1] > 1 else "-",
        "test accuracy, %": mean_and_error(100 * course.accuracy[:, -1], ".2f"),
        "s a training": mean_and_error(seconds, ".1f"),
        "ratio": f"{seconds.mean() / own.seconds[:, -1].mean():.2f}",
        "start, s": f"{course.start:.1f}",
    }


def enough_of(network: Network, name: str, course: Course, own: Course) -> dict[str, str]:
    """How soon it is good enough: means over the seeds that are, and how many these are."""
    (epochs, seconds), mine = reached(course), reached(own)[1]
    some, here = np.isfinite(seconds), np.isfinite(mine)
    told = {"network": network.name, "by": name, "seeds": f"{some.sum()} of {len(some)}"}
    if not (some.any() and here.any()):
        return told | dict.fromkeys(SOON, "-")
    mean, first = seconds[some].mean(), course.start / (len(some) if name == ROWS else 1)
    ratios = mean / mine[here].mean(), (mean + first) / (mine[here].mean() + own.start)
    found = (f"{epochs[some].mean():.1f}", f"{mean:.1f}", f"{ratios[0]:.2f}", f"{mean + first:.1f}", f"{ratios[1]:.2f}")
    return told | dict(zip(SOON, found, strict=True))


def picture(found: dict[str, dict[str, Course]], out: Any) -> None:
    """The errors of all by the seconds, means over the seeds."""
    figure, axes = panels(len(found), width=3.2)
    for ax, (title, by_name) in zip(axes, found.items(), strict=True):
        for color, (name, course) in zip(SERIES, by_name.items(), strict=False):
            ax.plot(course.seconds.mean(0), 100 * (1 - course.accuracy.mean(0)), "o-", ms=3, color=color, label=name)
        ax.set(xscale="log", yscale="log", xlabel="seconds", title=title)
        bare(ax)
    axes[0].set_ylabel("test error, %")
    axes[0].legend(frameon=False, fontsize=8)
    numbers = {f"{network}/{name}/{what}": getattr(course, what) for network, by_name in found.items()
               for name, course in by_name.items() for what in ("accuracy", "seconds")}  # fmt: skip
    save(out, "mnist", figure, **numbers)


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    given = arguments(
        __doc__,
        quick="6400 examples, 2 epochs",
        data=True,
        only={"default": "", "help": "the networks whose name contains this"},
        seeds={"type": int, "default": 5},
        processor={"action": "store_true", "help": "seconds of the processor, not of the clock"},
    )
    clock = time.process_time if given.processor else time.perf_counter
    jax.config.update("jax_num_cpu_devices", threads())
    split = mnist(given.data_dir, given.quick)
    chosen = [network for network in NETWORKS if given.only in network.name]
    if given.quick:
        chosen = [network._replace(epochs=QUICK["epochs"]) for network in chosen]
    machine = environment()
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items() if name in ("jax", "numpy"))
    print(f"{len(split.train.y)} examples, {len(split.validation.y)} to test by; {machine_of(machine)}; {versions}")
    what = "processor" if given.processor else "clock"
    print(f"{given.seeds} seeds, {jax.device_count()} devices, {threads()} threads, seconds of the {what}", flush=True)
    if not peer("torch"):
        print("PyTorch is not installed, so its rows are not there.")
    found = {network.name: courses(network, split, given.seeds, clock) for network in chosen}
    lines = [(network, name, course, found[network.name][FIT])
             for network in chosen for name, course in found[network.name].items()]  # fmt: skip
    print(f"\n{table([row_of(*line) for line in lines])}")
    print(f"\nto a test accuracy of {ENOUGH:.0%}\n{table([enough_of(*line) for line in lines])}")
    if given.out:
        picture(found, given.out)


if __name__ == "__main__":
    main()

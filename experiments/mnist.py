"""MNIST: how good do four networks become, and how soon? Beside PyTorch and scikit-learn, in turn in one run.

    python -m experiments.mnist [--data-dir FOLDER] [--only 300] [--seeds 5] [--quick] [--out FOLDER]

Trained are the 60,000 published examples, pixels between 0 and 1, in mini-batches of 128, which are 469 an epoch. The
test accuracy is that of the 10,000 published test examples after the last epoch; nothing is chosen by it.

- linear: LeCun, Bottou, Bengio & Haffner 1998 have 12 % of errors, and 8.4 % on images that are straightened.
- 300 hidden units: 4.7 % there, by a squared error; here ReLU, cross entropy and Adam.
- Keras' demo: the lectures name a script "KerasDemo" and its 469 mini-batches. The demo with these that Keras came with
  has two layers of 512 units, each with a dropout of 0.2, and RMSProp; its authors report 98.4 % after 20 epochs.
- convolutional: three layers of 3x3 windows with batch norm and pooling, Adam, the rate falling along a cosine.

PyTorch has the same networks, initial distributions, rules and rates. scikit-learn has Adam alone and no dropout: its
``MLPClassifier`` has the same widths, rate and batches, and the linear one is its ``LogisticRegression``, by L-BFGS.
"fit" is one training after another, "rows" are all seeds at once as rows of one program, whose seconds are those of the
whole by their number. All but ``LogisticRegression`` look at the test examples after every epoch, which counts in the
seconds. What XLA takes to compile is told beside them and in none of them but "first".
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore import Setup, data, fit, losses, mlp, sequential
from dlcore.activations import relu
from dlcore.diagnosis.compilations import count_compilations
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
KEY = jax.random.key(0)
IMAGE = (28, 28, 1)
QUICK = {"examples": 6400, "test": 1000, "epochs": 2}


def block(channels):
    """Windows of 3x3 pixels, normalized, and the largest of each four."""
    return Conv(channels), BatchNorm(), relu, MaxPool()


CONVOLUTIONAL = sequential(Reshape(IMAGE), *block(16), *block(32), *block(64), Flatten(), Dense(10))


class Network(NamedTuple):
    """What is trained, for so many epochs; ``peers`` train it for at most so many ``seeds``, and so does "fit"."""

    name: str
    model: Any
    rule: Any
    epochs: int
    seeds: int
    widths: tuple[int, ...] | None

    @property
    def setup(self) -> Setup:
        watch = Watch(training=None)
        return Setup(self.model, losses.softmax_cross_entropy, self.rule, None, watch=watch, epochs=self.epochs,
                     batch_size=BATCH_SIZE)  # fmt: skip


NETWORKS = (
    Network("linear", sequential(Dense(10)), Adam(RATE), 10, 5, ()),
    Network("300 hidden units", mlp((300, 10)), Adam(RATE), 10, 5, (300,)),
    Network("Keras' demo", mlp((512, 512, 10), dropout=0.2), RMSProp(RATE), 10, 5, (512, 512)),
    Network("convolutional", CONVOLUTIONAL, Adam(Cosine(3e-3, 1, per="training")), 6, 5, None),
)


class Course(NamedTuple):
    """Test accuracies and seconds until then, [seeds, epochs] each, and the seconds of the compiler."""

    accuracy: np.ndarray
    seconds: np.ndarray
    compiling: float = 0.0


def mnist(data_dir: Any, quick: bool) -> data.Split:
    """The published training and test examples, or some of them, their pixels between 0 and 1."""
    whole = data.load("mnist", data_dir=data_dir)
    n, m = (QUICK["examples"], QUICK["test"]) if quick else (len(whole) - whole.published_test, whole.published_test)
    test = slice(len(whole) - whole.published_test, len(whole) - whole.published_test + m)
    train, judged = (data.Examples(np.float32(whole.x[some]) / 255, whole.y[some]) for some in (slice(n), test))
    return data.Split(train, judged)


def timed(epochs: Iterator[float]) -> Course:
    """The course of one training that says its accuracy after every epoch."""
    began, accuracy, seconds = time.perf_counter(), [], []
    for reached in epochs:
        accuracy.append(reached)
        seconds.append(time.perf_counter() - began)
    return Course(np.array([accuracy]), np.array([seconds]))


def alone(network: Network, split: Any, seed: int) -> Course:
    """One training in ``fit``, which tells of every epoch where they are ten at most."""
    told: list[tuple[float, float]] = []
    began = time.perf_counter()

    def note(progress):
        seconds = time.perf_counter() - began - compiled.seconds
        told.append((seconds, progress.history.validation_metrics["accuracy"][-1]))

    with count_compilations() as compiled:
        fit(network.setup, split, jax.random.fold_in(KEY, seed), watch=note, progress=False)
    seconds, accuracy = np.array(told).T[:, None]
    return Course(accuracy, seconds, compiled.seconds)


def rows(network: Network, split: Any, seeds: int) -> Course:
    """All seeds as rows of one program: the trainings of ``alone``, to rounding. Seconds are shared out evenly."""
    began = time.perf_counter()
    with count_compilations() as compiled:
        study = sweep(network.setup, [{}], split, KEY, seeds=seeds, keep="none", width=-(-seeds // jax.device_count()))
    whole = time.perf_counter() - began - compiled.seconds
    accuracy = np.asarray(study.rows.history.validation_metrics["accuracy"][0])
    share = whole / seeds * np.arange(1, network.epochs + 1) / network.epochs
    return Course(accuracy, np.tile(share, (seeds, 1)), compiled.seconds)


def libraries(network: Network, split: Any) -> dict[str, Any]:
    """By the names of those that can: what trains one seed."""
    of_sizes = (BATCH_SIZE, network.epochs)
    found: dict[str, Any] = {"dlcore, fit": partial(alone, network, split)}
    if peer("torch"):
        found["PyTorch"] = lambda seed: timed(PyTorch(network.model, network.rule, split, seed).epochs(*of_sizes))
    if widths := network.widths:
        found["scikit-learn"] = lambda seed: timed(scikit_learn(widths, RATE, *of_sizes, split, seed))
    return found


def courses(network: Network, split: Any, seeds: int) -> dict[str, Course]:
    """All libraries in turn, seed by seed; what has no seed once."""
    found, several = {"dlcore, rows": rows(network, split, seeds)}, libraries(network, split)
    said(network, "dlcore, rows", found["dlcore, rows"])
    runs: dict[str, list[Course]] = {name: [] for name in several}
    for seed in range(min(seeds, network.seeds)):
        for name, train in several.items():
            time.sleep(PAUSE)
            runs[name].append(train(seed))
            said(network, f"{name}, seed {seed}", runs[name][-1])
    found |= {name: together(of_seeds) for name, of_seeds in runs.items()}
    return found if network.widths != () else found | {"scikit-learn": timed(logistic_regression(split))}


def said(network, what, course):
    accuracy, seconds = course.accuracy[:, -1].mean(), course.seconds[:, -1].sum()
    print(f"{network.name}: {what}: {accuracy:.2%} in {seconds:.0f} s", flush=True)


def together(parts: list[Course]) -> Course:
    """The courses of several seeds as one."""
    accuracy, seconds = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    return Course(accuracy, seconds, sum(part.compiling for part in parts))


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
        "seeds": str(len(seconds)),
        "epochs": str(course.accuracy.shape[1]) if course.accuracy.shape[1] > 1 else "-",
        "test accuracy, %": mean_and_error(100 * course.accuracy[:, -1], ".2f"),
        "s a training": mean_and_error(seconds, ".1f"),
        "ratio": f"{seconds.mean() / own.seconds[:, -1].mean():.2f}",
        "compiling, s": f"{course.compiling:.1f}" if name.startswith("dlcore") else "-",
    }


def enough_of(network: Network, name: str, course: Course, own: Course) -> dict[str, str]:
    """How soon it is good enough: means over the seeds, if all of them are."""
    epochs, seconds = reached(course)
    mean, mine = seconds.mean(), reached(own)[1].mean()
    known = np.isfinite(mean) and np.isfinite(mine)
    share = course.compiling / (len(seconds) if name == "dlcore, rows" else 1)
    return {
        "network": network.name,
        "by": name,
        "epochs": mean_and_error(epochs, ".1f") if np.isfinite(mean) else "-",
        "s": mean_and_error(seconds, ".1f") if np.isfinite(mean) else "-",
        "ratio": f"{mean / mine:.2f}" if known else "-",
        "first, s": f"{mean + share:.1f}" if np.isfinite(mean) else "-",
    }


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


def main() -> None:
    given = arguments(
        __doc__,
        quick="6400 examples, 2 epochs, the first of the networks that --only leaves",
        data=True,
        only={"default": "", "help": "the networks whose name contains this"},
        seeds={"type": int, "default": 5},
    )
    split = mnist(given.data_dir, given.quick)
    chosen = [network for network in NETWORKS if given.only in network.name]
    if given.quick:
        chosen = [network._replace(epochs=QUICK["epochs"]) for network in chosen]
    machine = environment()
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items() if name in ("jax", "numpy"))
    print(f"{len(split.train.y)} examples, {len(split.validation.y)} to test by; {machine_of(machine)}; {versions}")
    if not peer("torch"):
        print("PyTorch is not installed, so its rows are not there.")
    found = {network.name: courses(network, split, given.seeds) for network in chosen}
    lines = [(network, name, course, found[network.name]["dlcore, fit"])
             for network in chosen for name, course in found[network.name].items()]  # fmt: skip
    print(f"\n{table([row_of(*line) for line in lines])}")
    print(f"\nto a test accuracy of {ENOUGH:.0%}\n{table([enough_of(*line) for line in lines])}")
    if given.out:
        picture(found, given.out)


if __name__ == "__main__":
    main()

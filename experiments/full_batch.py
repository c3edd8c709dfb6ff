"""Is the full batch worth it? L-BFGS and Newton-CG beside SGD, momentum and Adam: by steps, evaluations and seconds.

    python -m experiments.full_batch [--out FOLDER] [--seeds 3] [--quick]

The objective, mean loss and penalty, of two problems on the digits: a softmax regression, which is convex, and a
network of two hidden layers. The first-order rules learn in batches of 32 at their own best learning rate, the solvers
on the full batch. An evaluation is one value with its gradient, or one product of the Hessian with a vector, over as
many examples as there are: an epoch of mini-batches is one. Seconds are those of the compiled epochs, with the
evaluation of training and validation data after each. float64.
"""

import time
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore import Setup, data, grid, losses, mlp, optimizers, solvers
from dlcore.regularizers import L2
from dlcore.training import advance, start
from dlcore.tree import replace
from experiments.common import arguments, bare, counted, save, swept, table

LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
BATCH_SIZE = 32
EPOCHS = {"mini": 60, "full": 200}
PENALTY = 1e-4
CONVEX = "softmax regression"  # has one minimum, so that its figure can show the distance to it
HIDDEN = {CONVEX: (), "network 64-64": (64, 64)}
BELOW = (1e-2, 1e-3)  # what is left of the way from ln 10, where nothing is known, to the lowest that any method found
LEAST = 1e-9  # the figure's lowest distance


class Course(NamedTuple):
    """The objective after so many steps, evaluations and seconds, each [epochs], and the last validation accuracy."""

    objective: np.ndarray
    steps: np.ndarray
    evaluations: np.ndarray
    seconds: np.ndarray
    accuracy: float


def methods():
    first_order = {"SGD": optimizers.SGD(), "Momentum": optimizers.Momentum(), "Adam": optimizers.Adam()}
    return {**first_order, "L-BFGS": solvers.LBFGS(), "Newton-CG": solvers.NewtonCG()}


def setup_of(hidden, optimizer, full):
    return Setup(
        model=mlp((*hidden, 10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizer,
        penalty=L2(PENALTY),
        epochs=EPOCHS["full" if full else "mini"],
        batch_size=None if full else BATCH_SIZE,
    )


def tuned(setup, digits, seeds):
    """``setup`` at the learning rate with the lowest objective at the end, and that rate."""
    space = grid({"optimizer.learning_rate": LEARNING_RATES})
    study = swept("learning rates", setup, space, digits, jax.random.key(0), seeds)
    history = study.rows.history
    last = np.asarray(history.train_loss + history.penalty)[:, :, -1].mean(1)
    rate = LEARNING_RATES[int(np.nanargmin(last))]
    return replace(setup, "optimizer.learning_rate", rate), rate


def course(setup, digits, key):
    """The training with a look at the clock after every epoch; two before, for compilation, are not timed."""
    epoch = jax.jit(partial(advance, epochs=1))
    state = jax.jit(start)(setup, digits, key)
    warm = jax.block_until_ready(epoch(setup, digits, state))
    jax.block_until_ready(epoch(setup, digits, warm[0]))
    rows = []
    for _ in range(setup.epochs):
        began = time.perf_counter()
        state, h = jax.block_until_ready(epoch(setup, digits, state))
        seconds = time.perf_counter() - began
        rows.append((float(h.train_loss[0] + h.penalty[0]), spent(state), seconds))
    objective, evaluations, seconds = map(np.asarray, zip(*rows, strict=True))
    batches = 1 if setup.batch_size is None else -(-len(digits.train.x) // setup.batch_size)
    steps = batches * np.arange(1, setup.epochs + 1)
    return Course(objective, steps, evaluations, np.cumsum(seconds), float(h.validation_metrics["accuracy"][0]))


def spent(state):
    """Evaluations so far: what a solver counted, one for an epoch of mini-batches."""
    inner = getattr(state.optimizer_state, "inner", None)
    return int(state.epoch) if inner is None else int(inner.evaluations.gradient) + int(inner.evaluations.product)


def first(values, reached):
    """``values`` where ``reached`` first holds, else infinity."""
    return values[np.argmax(reached)] if reached.any() else np.inf


def row_of(name, rate, courses, lowest):
    """One line of the table: medians over the seeds."""
    row = {"method": name, "rate": "-" if rate is None else f"{rate:g}"}
    row["objective"] = f"{np.median([c.objective[-1] for c in courses]):.6f}"
    row["accuracy"] = f"{np.mean([c.accuracy for c in courses]):.2%}"
    for share in BELOW:
        limits = [low + share * (np.log(10) - low) for low in lowest]
        for unit in ("steps", "evaluations", "seconds"):
            cost = np.median(
                [first(getattr(c, unit), c.objective <= limit) for c, limit in zip(courses, limits, strict=True)]
            )
            row[f"{unit} to {share:g}"] = "-" if np.isinf(cost) else f"{cost:.2f}" if unit == "seconds" else f"{cost:g}"
    return row


def figure_of(found):
    from matplotlib.figure import Figure

    from dlcore.figures.style import SERIES, End, label_ends, name_axes

    figure = Figure(figsize=(11, 3.4 * len(found)), dpi=150, layout="constrained", facecolor="white")
    panels = figure.subplots(len(found), 3, sharey="row", squeeze=False)
    for axes, (problem, courses) in zip(panels, found.items(), strict=True):
        floor = np.array(lowest_of(courses)) if problem == CONVEX else np.zeros(len(courses["Adam"]))
        label = "objective less its minimum" if problem == CONVEX else "objective"
        axes[0].set_title(problem, loc="left", fontsize=11)
        for ax, unit in zip(axes, ("steps", "evaluations", "seconds"), strict=True):
            ends = []
            for color, (name, seeds) in zip(SERIES, courses.items(), strict=False):
                heights = [np.maximum(c.objective - low, LEAST) for c, low in zip(seeds, floor, strict=True)]
                for c, height in zip(seeds, heights, strict=True):
                    ax.plot(getattr(c, unit), height, color=color, lw=1, alpha=0.7)
                ends.append(End(float(np.median([height[-1] for height in heights])), name, color))
            ax.set(xscale="log", yscale="log")
            bare(ax)
            name_axes(ax, unit, label if unit == "steps" else "")
            if unit == "seconds":
                label_ends(ax, ends)
    return figure


def lowest_of(courses):
    """The lowest objective that any method found from each seed's start."""
    return [min(c.objective.min() for c in of_seed) for of_seed in zip(*courses.values(), strict=True)]


def courses_of(name, method, hidden, digits, seeds, quick):
    """The learning rate of a method, if it has one, and its courses from the start of every seed."""
    setup, rate = setup_of(hidden, method, full=not hasattr(method, "learning_rate")), None
    if quick:
        setup = replace(setup, "epochs", 10)
    if hasattr(method, "learning_rate"):
        setup, rate = tuned(setup, digits, seeds)
    keys = jax.random.split(jax.random.key(0), seeds)
    return rate, [course(setup, digits, key) for key in counted(name, keys, "training")]


def main():
    seeds = {"type": int, "default": 3}
    given = arguments(__doc__, out="runs/full_batch", quick="10 epochs, the softmax regression alone", seeds=seeds)
    jax.config.update("jax_enable_x64", True)
    digits, _ = data.normalize(data.split(data.load("digits")))
    digits = jax.tree.map(lambda a: a.astype(np.float64) if a.dtype == np.float32 else a, digits)
    found = {}
    for problem, hidden in list(HIDDEN.items())[: 1 if given.quick else None]:
        made = {
            name: courses_of(f"{problem}, {name}", method, hidden, digits, given.seeds, given.quick)
            for name, method in methods().items()
        }
        found[problem] = {name: courses for name, (_, courses) in made.items()}
        lowest = lowest_of(found[problem])
        print(f"\n{problem}")
        print(table([row_of(name, rate, courses, lowest) for name, (rate, courses) in made.items()]), flush=True)
    numbers: dict[str, Any] = {
        f"{problem}/{name}/{unit}": np.stack([getattr(c, unit) for c in courses])
        for problem, by_name in found.items()
        for name, courses in by_name.items()
        for unit in Course._fields
    }
    save(given.out, "full_batch", figure_of(found), **numbers)


if __name__ == "__main__":
    main()

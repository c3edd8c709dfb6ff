"""Is the full batch worth it? L-BFGS and Newton-CG beside SGD, momentum and Adam: by steps, evaluations and seconds.

    python -m experiments.full_batch [--out FOLDER] [--seeds 3]

The objective, mean loss and penalty, of two problems on the digits: a softmax regression, which is convex, and a
network of two hidden layers. The first-order rules learn in batches of 32 at their own best learning rate, the solvers
on the full batch. An evaluation is one value with its gradient, or one product of the Hessian with a vector, over as
many examples as there are: an epoch of mini-batches is one. Seconds are those of the compiled epochs, with the
evaluation of training and validation data after each. float64.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

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
    from dlcore import optimizers, solvers

    first_order = {"SGD": optimizers.SGD(), "Momentum": optimizers.Momentum(), "Adam": optimizers.Adam()}
    return {**first_order, "L-BFGS": solvers.LBFGS(), "Newton-CG": solvers.NewtonCG()}


def setup_of(hidden, optimizer, full):
    from dlcore import Setup, losses, sequential
    from dlcore.activations import relu
    from dlcore.models import Dense
    from dlcore.regularizers import L2

    layers = [part for units in hidden for part in (Dense(units), relu)]
    return Setup(
        model=sequential(*layers, Dense(10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizer,
        penalty=L2(PENALTY),
        epochs=EPOCHS["full" if full else "mini"],
        batch_size=None if full else BATCH_SIZE,
    )


def tuned(setup, digits, seeds):
    """``setup`` at the learning rate with the lowest objective at the end, and that rate."""
    from dlcore import grid, sweep
    from dlcore.pytrees import replace

    study = sweep(setup, grid({"optimizer.learning_rate": LEARNING_RATES}), digits, jax.random.key(0), seeds=seeds)
    history = study.rows.history
    last = np.asarray(history.train_loss + history.penalty)[:, :, -1].mean(1)
    rate = LEARNING_RATES[int(np.nanargmin(last))]
    return replace(setup, "optimizer.learning_rate", rate), rate


def course(setup, digits, key):
    """The training with a look at the clock after every epoch; two before, for compilation, are not timed."""
    from dlcore.training import advance, start

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


def print_table(title, rows):
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    print(f"\n{title}")
    for line in ({name: name for name in widths}, *rows):
        print("  ".join(line[name].rjust(width) for name, width in widths.items()), flush=True)


def figure_of(found):
    from matplotlib.figure import Figure

    from dlcore.report.canvas import SERIES, End, label_ends, name_axes

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
            ax.spines[["top", "right"]].set_visible(False)
            name_axes(ax, unit, label if unit == "steps" else "")
            if unit == "seconds":
                label_ends(ax, ends)
    return figure


def lowest_of(courses):
    """The lowest objective that any method found from each seed's start."""
    return [min(c.objective.min() for c in of_seed) for of_seed in zip(*courses.values(), strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/full_batch"), help="folder of the figure and its numbers"
    )
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)

    from dlcore import data

    digits, _ = data.normalize(data.split(data.load("digits")))
    digits = jax.tree.map(lambda a: a.astype(np.float64) if a.dtype == np.float32 else a, digits)
    found = {}
    for problem, hidden in HIDDEN.items():
        found[problem], rates = {}, {}
        for name, method in methods().items():
            setup, rates[name] = setup_of(hidden, method, full=not hasattr(method, "learning_rate")), None
            if hasattr(method, "learning_rate"):
                setup, rates[name] = tuned(setup, digits, args.seeds)
            keys = jax.random.split(jax.random.key(0), args.seeds)
            found[problem][name] = [course(setup, digits, key) for key in keys]
        lowest = lowest_of(found[problem])
        print_table(problem, [row_of(name, rates[name], c, lowest) for name, c in found[problem].items()])
    args.out.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {
        f"{problem}/{name}/{unit}": np.stack([getattr(c, unit) for c in courses])
        for problem, by_name in found.items()
        for name, courses in by_name.items()
        for unit in Course._fields
    }
    np.savez(args.out / "full_batch.npz", **numbers)
    figure_of(found).savefig(args.out / "full_batch.png")
    print(f"figure: {args.out / 'full_batch.png'}")


if __name__ == "__main__":
    main()

"""Which first-order method learns the digits fastest? SGD, momentum and Adam, each at its own best learning rate.

    python -m experiments.optimizers [--out FOLDER] [--quick]

Every method gets the same network, the same learning rates and the same seeds; the curves are means over the seeds.
"""

import os

import jax
import numpy as np

from dlcore import Setup, data, grid, losses, mlp, optimizers
from experiments.common import arguments, bare, mean_and_error, save, swept, table

METHODS = ("SGD", "Momentum", "Adam")
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
HIDDEN = (64, 64)
EPOCHS = 30
BATCH_SIZE = 32
SEEDS = 8
TARGET = 0.95  # validation accuracy that "epochs to" counts to


def setup(rule, epochs=EPOCHS):
    model = mlp((*HIDDEN, 10))
    return Setup(model=model, loss=losses.softmax_cross_entropy, optimizer=rule, epochs=epochs, batch_size=BATCH_SIZE)


def row_of(method, study):
    """One line of the table: the method at its best learning rate."""
    i = study.best
    accuracy = np.asarray(study.rows.history.validation_metrics["accuracy"])[i]
    reached = np.where((accuracy >= TARGET).any(1), (accuracy >= TARGET).argmax(1) + 1, np.inf)
    return {
        "method": method,
        "learning rate": study.space[i]["optimizer.learning_rate"],
        "validation loss": f"{study.mean[i]:.4f} ± {study.standard_error[i]:.4f}",
        "accuracy": mean_and_error(study.metric("accuracy")[i], ".2%"),
        f"epochs to {TARGET:.0%}": f"{np.median(reached):g}",
    }


def figure_of(studies):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), dpi=150, layout="constrained")
    curves, rates = figure.subplots(1, 2)
    epochs = np.ones(1)
    for color, (method, study) in zip(("#0072B2", "#D55E00", "#009E73"), studies.items(), strict=True):
        course = np.asarray(study.rows.history.validation_loss)[study.best]
        epochs = np.arange(1, course.shape[1] + 1)
        mean, error = course.mean(0), course.std(0, ddof=1) / np.sqrt(len(course))
        curves.plot(epochs, mean, color=color)
        curves.fill_between(epochs, mean - error, mean + error, color=color, alpha=0.25, lw=0)
        curves.annotate(method, (epochs[-1], mean[-1]), (4, 0), textcoords="offset points", color=color, va="center")
        finite = np.isfinite(study.mean)
        used = np.array(LEARNING_RATES)[finite]
        rates.errorbar(
            used, study.mean[finite], study.standard_error[finite], color=color, marker="o", ms=4, label=method
        )
    curves.set(xlabel="epoch", ylabel="validation loss", yscale="log", title="Each at its best learning rate")
    curves.set_xlim(1, epochs[-1] * 1.18)
    rates.set(xlabel="learning rate", ylabel="validation loss", xscale="log", yscale="log")
    rates.set_title("How much the learning rate matters")
    rates.legend(frameon=False)
    bare(curves, rates)
    return figure


def main():
    quick = "2 seeds of 5 epochs"
    given = arguments(__doc__, out="runs/optimizers", quick=quick)
    seeds, epochs = (2, 5) if given.quick else (SEEDS, EPOCHS)
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    digits, _ = data.normalize(data.split(data.load("digits")))
    space = grid({"optimizer.learning_rate": LEARNING_RATES})
    studies = {
        method: swept(method, setup(getattr(optimizers, method)(), epochs), space, digits, jax.random.key(0), seeds)
        for method in METHODS
    }
    print(table([row_of(method, study) for method, study in studies.items()]))
    for study in studies.values():
        print(*study.warnings, sep="\n", end="\n" * bool(study.warnings))
    curves = {f"{m}_validation_loss": s.rows.history.validation_loss for m, s in studies.items()}
    save(given.out, "optimizers", figure_of(studies), **curves)


if __name__ == "__main__":
    main()

"""Which first-order method learns the digits fastest? SGD, momentum and Adam, each at its own best learning rate.

    python -m experiments.optimizers [--out FOLDER]

Every method gets the same network, the same learning rates and the same seeds; the curves are means over the seeds.
"""

import argparse
import os
from pathlib import Path

import jax
import numpy as np

METHODS = ("SGD", "Momentum", "Adam")
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
HIDDEN = (64, 64)
EPOCHS = 30
BATCH_SIZE = 32
SEEDS = 8
TARGET = 0.95  # validation accuracy that "epochs to" counts to


def setup(rule):
    from dlcore import Setup, losses, sequential
    from dlcore.activations import relu
    from dlcore.models import Dense

    hidden = [part for units in HIDDEN for part in (Dense(units), relu)]
    model = sequential(*hidden, Dense(10))
    return Setup(model=model, loss=losses.softmax_cross_entropy, optimizer=rule, epochs=EPOCHS, batch_size=BATCH_SIZE)


def study_of(method, digits, watch):
    from dlcore import grid, optimizers, sweep

    space = grid({"optimizer.learning_rate": LEARNING_RATES})
    rule = getattr(optimizers, method)()
    return sweep(setup(rule), space, digits, jax.random.key(0), seeds=SEEDS, watch=watch)


def row_of(method, study):
    """One line of the table: the method at its best learning rate."""
    i = study.best
    history = study.rows.history
    accuracy = np.asarray(history.validation_metrics["accuracy"])[i]
    reached = np.where((accuracy >= TARGET).any(1), (accuracy >= TARGET).argmax(1) + 1, np.inf)
    error = np.std(study.metric("accuracy")[i], ddof=1) / np.sqrt(SEEDS)
    return {
        "method": method,
        "learning rate": study.space[i]["optimizer.learning_rate"],
        "validation loss": f"{study.mean[i]:.4f} ± {study.standard_error[i]:.4f}",
        "accuracy": f"{study.metric('accuracy')[i].mean():.2%} ± {error:.2%}",
        f"epochs to {TARGET:.0%}": f"{np.median(reached):g}",
    }


def figure_of(studies):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    curves, rates = figure.subplots(1, 2)
    for color, (method, study) in zip(("#0072B2", "#D55E00", "#009E73"), studies.items(), strict=True):
        losses = np.asarray(study.rows.history.validation_loss)[study.best]
        epochs = np.arange(1, losses.shape[1] + 1)
        mean, error = losses.mean(0), losses.std(0, ddof=1) / np.sqrt(len(losses))
        curves.plot(epochs, mean, color=color)
        curves.fill_between(epochs, mean - error, mean + error, color=color, alpha=0.25, lw=0)
        curves.annotate(method, (epochs[-1], mean[-1]), (4, 0), textcoords="offset points", color=color, va="center")
        finite = np.isfinite(study.mean)
        used = np.array(LEARNING_RATES)[finite]
        rates.errorbar(
            used, study.mean[finite], study.standard_error[finite], color=color, marker="o", ms=4, label=method
        )
    curves.set(xlabel="epoch", ylabel="validation loss", yscale="log", title="Each at its best learning rate")
    curves.set_xlim(1, EPOCHS * 1.18)
    rates.set(xlabel="learning rate", ylabel="lowest validation loss", xscale="log", yscale="log")
    rates.set_title("How much the learning rate matters")
    rates.legend(frameon=False)
    for axes in (curves, rates):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/optimizers"), help="folder of the figure and its numbers"
    )
    out = parser.parse_args().out
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)

    from dlcore import data, report

    digits, _ = data.normalize(data.split(data.load("digits")))
    studies = {}
    for method in METHODS:
        with report.bar(method, len(LEARNING_RATES) * SEEDS, "training") as bar:
            studies[method] = study_of(method, digits, lambda p, bar=bar: bar.update(p.done))
    rows = [row_of(method, study) for method, study in studies.items()]
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    print("  ".join(name.rjust(width) for name, width in widths.items()))
    for row in rows:
        print("  ".join(str(row[name]).rjust(width) for name, width in widths.items()))
    for study in studies.values():
        print(*study.warnings, sep="\n", end="\n" * bool(study.warnings))
    out.mkdir(parents=True, exist_ok=True)
    np.savez(
        out / "optimizers.npz", **{f"{m}_validation_loss": s.rows.history.validation_loss for m, s in studies.items()}
    )
    figure_of(studies).savefig(out / "optimizers.png", dpi=150)
    print(f"figure: {out / 'optimizers.png'}")


if __name__ == "__main__":
    main()

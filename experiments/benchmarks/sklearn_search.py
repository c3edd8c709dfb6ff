"""A grid search over 12 configurations on 5 folds: as one program, and as scikit-learn does it.

    python -m experiments.benchmarks.sklearn_search [--hidden 64] [--rounds 2] [--jobs 2]

A network with one layer of 64 on the digits, batches of 32, 30 epochs of Adam for every one of the 60 trainings, then
once more on all examples. ``SweepSearchCV`` and ``GridSearchCV`` are given the same folds, axes and parameters; the
second runs once with one process and once with as many as there are cores. The ratio is that to the first.
"""

import os
import warnings
from typing import Any

import jax

from experiments.benchmarks.race import race
from experiments.common import options

EPOCHS = 30
BATCH_SIZE = 32
FOLDS = 5
AXES = {"learning_rate_init": [3e-4, 1e-3, 3e-3, 1e-2], "alpha": [1e-4, 1e-2, 1.0]}
SAME: dict[str, Any] = {"max_iter": EPOCHS, "batch_size": BATCH_SIZE, "random_state": 0}


def peers(hidden, jobs):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier as Theirs

    from dlcore.interop.sklearn import MLPClassifier, SweepSearchCV

    x, y = load_digits(return_X_y=True)
    ours = MLPClassifier((hidden,), **SAME, tol=None)
    theirs = Theirs((hidden,), **SAME, tol=0.0, n_iter_no_change=EPOCHS)  # neither stops before the last epoch

    def grid(jobs):
        return lambda: GridSearchCV(theirs, AXES, cv=FOLDS, n_jobs=jobs).fit(x / 16, y)

    return {
        "dlcore SweepSearchCV": lambda: SweepSearchCV(ours, AXES, cv=FOLDS).fit(x / 16, y),
        "scikit-learn GridSearchCV, 1 process": grid(1),
        f"scikit-learn GridSearchCV, {jobs} processes": grid(jobs),
    }


def found(search):
    return f"best {search.best_score_:.4f} {search.best_params_}"


def main():
    given = options(
        __doc__,
        hidden={"type": int, "default": 64, "help": "units of the hidden layer"},
        rounds={"type": int, "default": 2, "help": "searches of each, beyond the first"},
        jobs={"type": int, "default": os.cpu_count(), "help": "processes of GridSearchCV"},
    )
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")  # all epochs are trained on purpose
    os.environ["PYTHONWARNINGS"] = "ignore"  # in the processes too
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    title = f"60 trainings of 64-{given.hidden}-10, {os.cpu_count()} cores, load {load}"
    race(
        title,
        peers(given.hidden, given.jobs),
        lambda search: f"best {search.best_score_:.4f} {search.best_params_}",
        given.rounds,
    )


if __name__ == "__main__":
    main()

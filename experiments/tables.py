"""Does the recipe choose well? Its test scores beside scikit-learn's untuned models, on tables of many kinds.

    python -m experiments.tables [--data-dir FOLDER] [--splits 10] [--only wine]

Every split is drawn anew, 60 % to train, 20 % to validate and 20 % to test with. The recipe's defaults are tuned on the
first two; scikit-learn's models are fitted to both together, on the same inputs. Scores are accuracy, or R² of a
regression, mean ± standard error over the splits. "behind" is the difference to the better of the linear model and the
multilayer perceptron, of the same splits: above one standard error the recipe is worse.
"""

import dataclasses
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from dlcore import data
from dlcore.deployment import TrainedModel
from dlcore.recipe import Recipe, setup_of
from dlcore.recipe.steps import test, train, tune
from dlcore.recipe.task import Task, prepare
from experiments.common import mean_and_error, options, table

SETS = ("iris", "wine", "breast_cancer", "diabetes", "digits")
FILES: dict[str, dict[str, Any]] = {
    "auto-mpg_seaborn.csv": {"target": ("mpg",), "drop": ("name",)},
    "banknote_authentication.csv": {},
    "california_housing.csv": {"target": ("median_house_value",)},
    "pima-indians-diabetes.csv": {},
}
LARGE = {"california_housing.csv"}  # left out by --quick


def peers(classes: int, seed: int) -> dict[str, Any]:
    """scikit-learn's models with their defaults; a linear one that needs more steps than that gets them."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if classes:
        trees = HistGradientBoostingClassifier(random_state=seed)
        return {"linear": LogisticRegression(max_iter=5000), "MLP": MLPClassifier(random_state=seed), "trees": trees}
    trees = HistGradientBoostingRegressor(random_state=seed)
    return {"linear": Ridge(), "MLP": MLPRegressor(random_state=seed), "trees": trees}


def fitted(model: Any, task: Task, x: Any, y: Any) -> float:
    """The test score of ``model``, fitted to training and validation part."""
    import warnings

    parts = (task.split.train, task.split.validation)
    inputs, targets = (np.concatenate([np.asarray(part[i]) for part in parts]) for i in (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its 200 epochs lack, its authors' defaults lack
        return model.fit(inputs, np.ravel(targets)).score(x, np.ravel(y))


def cooked(recipe: Recipe, task: Task) -> float:
    """The test score of what the recipe tunes and trains."""
    setup = setup_of(recipe, task.dataset)
    choice = tune.choose(list(tune.stages(recipe, setup, task)))
    chosen, _ = train.go_on(choice.study, choice.configuration)
    return test.evaluate(TrainedModel.of(chosen.run(0), task.split), task).metrics["accuracy" if task.classes else "R2"]


def scores(name: str, load: Callable[[str], Any], splits: int) -> dict[str, list[float]]:
    """The scores of all on every split, and the seconds that the recipe took."""
    found: dict[str, list[float]] = {}
    for seed in range(splits):
        recipe = dataclasses.replace(Recipe(), seed=seed)
        task, again = (prepare(load(name), recipe.batch_size, seed, recipe.folds) for _ in range(2))
        x, y = again.split.test.open("the score of other libraries")
        began = time.perf_counter()
        found.setdefault("dlcore", []).append(cooked(recipe, task))
        found.setdefault("seconds", []).append(time.perf_counter() - began)
        for peer, model in peers(task.classes, seed).items():
            found.setdefault(peer, []).append(fitted(model, task, x, y))
    jax.clear_caches()  # the programs of all data sets together would fill the memory
    return found


def row(name: str, found: dict[str, list[float]]) -> dict[str, str]:
    """What is printed of a data set."""
    rival = max(("linear", "MLP"), key=lambda peer: np.mean(found[peer]))
    behind = np.subtract(found[rival], found["dlcore"])
    shown = {peer: mean_and_error(found[peer], ".4f") for peer in ("dlcore", "linear", "MLP", "trees")}
    return {"data": name, **shown, "behind": mean_and_error(behind, ".4f"), "s": f"{np.mean(found['seconds']):.0f}"}


def places(data_dir: Any) -> dict[str, tuple[str, Callable[..., data.Dataset]]]:
    """Where each data set is, and what loads it: the small ones, and the tables below ``data_dir`` if there is one."""
    found = {name: (name, data.load) for name in SETS}
    for name, said in FILES.items() if data_dir else ():
        found[name.split(".")[0]] = (f"{data_dir}/tables/{name}", partial(data.load, **said))
    return found


def main():
    given = options(
        __doc__,
        quick={"action": "store_true", "help": "three splits unless said otherwise, without the large tables"},
        splits={"type": int, "help": "default: 10, or 3 with --quick"},
        only={"default": "", "help": "the data sets whose name contains this"},
        data_dir={"default": os.environ.get("DLCORE_DATA"), "help": "folder with a folder of tables, else DLCORE_DATA"},
    )
    rows = []
    for name, (place, load) in places(given.data_dir).items():
        if given.only in name and not (given.quick and f"{name}.csv" in LARGE):
            rows.append(row(name, scores(place, load, given.splits or (3 if given.quick else 10))))
            print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()

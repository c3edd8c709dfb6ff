"""Several runs beside each other: in what their setups differ, and what came of it."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcore import figures
from dlcore.console.numbers import MISSING, metric, short
from dlcore.console.progress import duration
from dlcore.data.files import Path, write_named
from dlcore.numerics.errors import needed
from dlcore.runs import Records, read
from dlcore.tree import configured


def compare(folders: Sequence[Path]) -> str:
    """A table with a column for every run: the values in which their setups differ, losses, metrics and times.

    Runs on other data, or on another split of them, are told apart by a line that says so. Raises ValueError for fewer
    than two folders, and for one that is no run.
    """
    runs = _trained(folders)
    rows = [("", [_name(run) for run in runs]), *_differences(runs), *_results(runs)]
    left = max(len(name) for name, _ in rows) + 2
    widths = [max(len(values[i]) for _, values in rows) for i in range(len(runs))]
    cells = [(name, "  ".join(v.rjust(w) for v, w in zip(values, widths, strict=True))) for name, values in rows]
    lines = [f"{name.ljust(left)}{text}" for name, text in cells]
    return "\n".join([*lines, *_cautions(runs)])


def draw_comparison(folders: Sequence[Path], path: Path) -> pathlib.Path:
    """The learning curves of the runs in one figure, written to ``path``: .png, .svg or .pdf."""
    runs, kind = _trained(folders), pathlib.Path(path).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(needed(str(path), "a name that ends in .png, .svg or .pdf", pathlib.Path(path).name))
    figure = figures.compared_curves({_name(run): _training(run).history for run in runs})
    return write_named(path, lambda file: figure.savefig(file, format=kind))


def _trained(folders: Sequence[Path]) -> list[Records]:
    if len(folders) < 2:
        raise ValueError(needed("compare", "two runs at least", len(folders)))
    runs = [read(folder) for folder in folders]
    for run in runs:
        if run.training is None or not run.training.epochs or run.setup is None:
            raise ValueError(needed(str(run.folder), "a run that was trained", "one that did not come to it"))
    return runs


def _name(run: Records) -> str:
    return run.folder.name or str(run.folder)


def _training(run: Records) -> Any:
    return run.training


def _differences(runs: Sequence[Records]) -> list[tuple[str, list[str]]]:
    """The places of the setups that do not hold the same in all runs."""
    values = [dict(configured(run.setup.setup)) for run in runs if run.setup]
    places = list(dict.fromkeys(place for one in values for place in one if not place.startswith("$")))
    told = [(place, [_said(one[place]) if place in one else MISSING for one in values]) for place in places]
    return [(place, said) for place, said in told if len(set(said)) > 1]


def _said(value: Any) -> str:
    return short(value) if isinstance(value, (bool, int, float)) else str(value)


def _results(runs: Sequence[Records]) -> list[tuple[str, list[str]]]:
    """What came of each, at its best epoch."""
    rows = [
        ("trained", [f"{t.epochs} epochs, best {t.best_epoch}" for t in map(_training, runs)]),
        ("training loss", [_at_best(t, t.history.train_loss) for t in map(_training, runs)]),
        ("validation loss", [_at_best(t, t.history.validation_loss) for t in map(_training, runs)]),
    ]
    names = dict.fromkeys(name for run in runs for name in _training(run).history.validation_metrics)
    rows += [(f"validation {name}", [_metric(_training(run), name) for run in runs]) for name in names]
    tested = dict.fromkeys(name for run in runs if run.test for name in run.test.metrics)
    rows += [(f"test {name}", [_tested(run, name) for run in runs]) for name in tested]
    rows.append(("members", [str(_training(run).members) for run in runs]))
    rows.append(("parameters", [short(_training(run).parameters) for run in runs]))
    return [*rows, ("time", [duration(_training(run).seconds) for run in runs])]


def _at_best(training: Any, curve: Any) -> str:
    return short(float(np.asarray(curve)[training.best_epoch - 1])) if training.best_epoch else MISSING


def _metric(training: Any, name: str) -> str:
    curve = training.history.validation_metrics.get(name)
    if curve is None or not training.best_epoch:
        return MISSING
    return metric(name, float(np.asarray(curve)[training.best_epoch - 1]))


def _tested(run: Records, name: str) -> str:
    if run.test is None or name not in run.test.metrics:
        return MISSING
    return metric(name, run.test.metrics[name], run.test.standard_error.get(name))


def _cautions(runs: Sequence[Records]) -> list[str]:
    """Why numbers may not be compared."""
    data = {(d.name, d.train, d.validation, d.target, d.features) for d in (run.data for run in runs) if d}
    seeds = {str(run.recipe.options.get("seed")) for run in runs if run.recipe}
    folds = {run.chosen.folds if run.chosen else 1 for run in runs}
    machines = {(e.processor, e.device, e.devices) for e in (run.environment for run in runs) if e}
    return (
        ["the data differ: losses and metrics cannot be compared"] * (len(data) > 1)
        + ["the splits differ by their seeds: losses and metrics are of other examples"] * (len(seeds) > 1)
        + ["not all were validated on as many folds: their validation is on other examples"] * (len(folds) > 1)
        + ["the machines differ: times cannot be compared"] * (len(machines) > 1)
    )

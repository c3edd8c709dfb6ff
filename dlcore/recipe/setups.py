"""Setups as people give them on a command line: by file, by name, and by the paths of what is to be another value."""

import ast
import dataclasses
import importlib
import inspect
import json
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from dlcore import losses
from dlcore.data import Dataset
from dlcore.data.files import explained
from dlcore.initializers import normal
from dlcore.layers import mlp
from dlcore.numerics.errors import needed
from dlcore.optimizers import Adam
from dlcore.recipe.options import Recipe
from dlcore.regularizers import L2
from dlcore.runs import one_line
from dlcore.training import (
    AUC,
    F1,
    R2,
    RMSE,
    BalancedAccuracy,
    EarlyStopping,
    Jaccard,
    MatthewsCorrelation,
    Precision,
    Recall,
    Setup,
    TopK,
    accuracy,
)
from dlcore.training.metrics import name_of
from dlcore.tree.fields import is_code, short
from dlcore.tree.names import nearest_first, replace
from dlcore.tree.saved import PACKAGES, from_config, public_name
from dlcore.tuning import assign, grid, sample
from dlcore.tuning.spaces import Space

METRICS = (
    *(accuracy, F1(), AUC(), BalancedAccuracy(), Precision(), Recall(), MatthewsCorrelation(), Jaccard(), TopK()),
    *(R2(), RMSE()),
)


def outputs_of(dataset: Dataset) -> int:
    """How many numbers a network says of an example: one for each class, or each quantity."""
    return len(dataset.classes) or dataset.y.shape[-1]


def setup_of(recipe: Recipe, dataset: Dataset) -> Setup:
    """The setup that ``recipe`` starts from: an MLP with ReLU, Adam and an L2 penalty.

    The last layer starts near zero, so that all classes are equally probable: the first loss is ln c. Layers of dropout
    that could only drop nothing are not there: they would draw random numbers in every step.
    """
    dropout = recipe.dropouts[0] if any(recipe.dropouts) else None
    return Setup(
        model=mlp((*recipe.hidden, outputs_of(dataset)), dropout=dropout, output_init=normal(0.01)),
        loss=losses.softmax_cross_entropy if dataset.classes else losses.squared_error,
        optimizer=Adam(),
        penalty=L2(0.0),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        stopping=EarlyStopping(recipe.patience),
    )


def setup_from(source: str | None, dataset: Dataset) -> Setup:
    """The setup of a JSON file, of a run folder, or ``module:name`` in Python; None is the one the recipe starts from,
    with dropout at a rate of 0.

    A name in Python is a ``Setup``, or a function that makes one of the data set. Raises ValueError, in one line, for
    anything else.
    """
    if source is None:
        return setup_of(Recipe(dropouts=(0.0, 0.5)), dataset)  # with a layer of dropout, whose rate has a path
    path = pathlib.Path(source).expanduser()
    if path.exists() or ":" not in source:
        return _read(path / "setup.json" if path.is_dir() else path)
    module, _, name = source.partition(":")
    found = _imported(module, name)
    made = _made(source, found, dataset) if callable(found) and not isinstance(found, Setup) else found
    if not isinstance(made, Setup):
        raise ValueError(needed("--setup", "a Setup, or a function that makes one", f"{source}, {type(made).__name__}"))
    return made


def _made(source: str, function: Any, dataset: Dataset) -> Any:
    try:
        return function(dataset)
    except Exception as error:  # whatever the function of somebody raises
        got = f"{source}, which raised {one_line(error)}"
        raise ValueError(needed("--setup", "a function that makes a Setup of a data set", got)) from error


def _read(path: pathlib.Path) -> Setup:
    with explained(path):
        config = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(config, dict) and isinstance(config.get("setup"), dict):
            config = config["setup"]  # the record of a run
        setup = from_config(config)
    if not isinstance(setup, Setup):
        raise ValueError(needed(str(path), "a setup", type(setup).__name__, "dlcore new DATA setup.json"))
    return setup


def _imported(module: str, name: str) -> Any:
    sys.path.insert(0, "")  # the folder that people stand in, as python -m has it
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever the file of somebody raises
        raise ValueError(needed("--setup", "module:name in Python", f"{module}:{name} ({one_line(error)})")) from error
    finally:
        sys.path.remove("")


def with_values(setup: Setup, settings: Iterable[str]) -> Setup:
    """``setup`` with every PATH=VALUE; raises ValueError, with the nearest there are, for a path that is none."""
    return assign(setup, {path: value_of(text) for path, text in _once(settings)})


def judged_by(setup: Setup, name: str | None) -> Setup:
    """``setup`` judged by a metric of its own or of dlcore, upper or lower case; None leaves it as it is."""
    if name is None:
        return setup
    there = {name_of(metric).casefold(): metric for metric in (*METRICS, *(setup.metrics or ()))}
    if name.casefold() not in there:
        raise ValueError(f"no metric {name!r}; {nearest_first(name, there)}")
    return replace(setup, "watch.by", there[name.casefold()])


def weighted(setup: Setup, how: str | None, counts: np.ndarray | None) -> Setup:
    """``setup`` with class weights n / (c n_k) in its loss: of n training examples, ``counts`` [c] of every class.

    Where examples have weights, ``counts`` are the sums of those.

    Those are scikit-learn's "balanced" ones, of mean 1; a class without examples has weight 0. Raises ValueError where
    there are no classes, and for a loss without such weights.
    """
    if how is None:
        return setup
    function: Any = getattr(setup.loss, "func", setup.loss)
    if how != "balanced" or counts is None or "class_weights" not in inspect.signature(function).parameters:
        got = f"{how} for {name_of(setup.loss)}" if counts is not None else f"{how} for quantities"
        raise ValueError(needed("--class-weights", "balanced, and a loss of classes that takes weights", got))
    weights = np.where(counts > 0, counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0)
    said = getattr(setup.loss, "keywords", {}) | {"class_weights": weights.astype(np.float32)}
    return dataclasses.replace(setup, loss=jax.tree_util.Partial(function, **said))


def space_of(setup: Setup, grids: Iterable[str], samples: Iterable[str], n: int, seed: int) -> Space:
    """The grid of PATH=VALUE,VALUE axes, each of its points with every one of ``n`` samples of PATH=LOW:HIGH axes."""
    axes = {path: [value_of(one) for one in _listed(text)] for path, text in _once(grids)}
    ranges = {path: _range(path, text) for path, text in _once(samples)}
    if both := sorted(axes.keys() & ranges.keys()):
        raise ValueError(needed("a path", "in --grid or in --sample", f"{both[0]} in both", "one of them"))
    drawn = sample(ranges, n, seed=seed, setup=setup) if ranges else Space([{}])
    return Space({**one, **other} for one in grid(axes) for other in drawn)


def value_of(text: str) -> Any:
    """What ``text`` says: a number, True, None, a list in brackets, or a public name such as optimizers.SGD."""
    room, _, name = text.rpartition(".")
    if room in PACKAGES:
        return _public(room, name)
    try:
        return ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(text.lower(), text))
    except (ValueError, SyntaxError):
        named = text.startswith("[") and text.endswith("]")
        return tuple(map(value_of, _listed(text[1:-1]))) if named else text


def text_of(value: Any) -> str:
    """What ``value_of`` reads as ``value``, where it can: a number, a word, None or a public name."""
    if isinstance(value, str) or not is_code(value):
        return value if isinstance(value, str) else short(value)
    try:
        return public_name(value)
    except TypeError:  # of a function of somebody's
        return short(value)


def _public(room: str, name: str) -> Any:
    """What is public in a room: a function, or what a class makes without arguments."""
    there = importlib.import_module(f"dlcore.{room}").__all__
    if name not in there:
        raise ValueError(f"no {room}.{name}; {nearest_first(name, there)}")
    return from_config({"$type" if name[:1].isupper() else "$function": f"{room}.{name}"})


def _parts(setting: str) -> tuple[str, str]:
    path, equals, text = setting.partition("=")
    if not path or not equals or not text:
        raise ValueError(needed("a setting", "PATH=VALUE", repr(setting), "optimizer.learning_rate=1e-3"))
    return path.strip(), text.strip()


def _once(settings: Iterable[str]) -> list[tuple[str, str]]:
    """(path, text) of settings; raises ValueError for a path that is set twice."""
    found = list(map(_parts, settings))
    paths = [path for path, _ in found]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise ValueError(needed("settings", "every path once", f"{twice} twice", f"{twice}=… alone"))
    return found


def _listed(text: str) -> list[str]:
    """The parts of ``text`` between commas outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _range(path: str, text: str) -> tuple[Any, Any]:
    low, colon, high = text.partition(":")
    if not colon:
        raise ValueError(needed("--sample", "PATH=LOW:HIGH", f"{path}={text}", f"{path}=1e-4:1e-1"))
    ends = value_of(low) if low else None, value_of(high) if high else None
    if any(not isinstance(end, (int, float)) or not np.isfinite(end) for end in ends if end is not None):
        raise ValueError(needed("--sample", "finite numbers LOW:HIGH", f"{path}={text}", f"{path}=1e-4:1e-1"))
    return ends

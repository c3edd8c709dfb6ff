"""The lectures' recipe as a program: check, sanity, tune coarse then fine, train, diagnose, test once, report."""

import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import activations, data, diagnosis, losses, report
from dlcore.compilations import count_compilations
from dlcore.config import to_config
from dlcore.initializers import normal
from dlcore.models import Dense, Dropout, count_parameters, sequential
from dlcore.optimizers import Adam
from dlcore.regularizers import L2
from dlcore.training import EarlyStopping, Run, Setup, checkpoints, ending, evaluate, fit, predict, start
from dlcore.tuning import Study, assign, axes_of, grid, refine, sweep

RATE, DECAY = "optimizer.learning_rate", "penalty.strength"
WRONG_SHOWN = 32


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is tried on a data set; every field is an option of the command line."""

    hidden: tuple[int, ...] = (128,)
    """Units of the hidden layers."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit."""
    learning_rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)
    """Learning rates of the coarse sweep."""
    weight_decays: tuple[float, ...] = (0.0, 1e-5, 1e-4)
    """Strengths of the L2 penalty of the coarse sweep."""
    seeds: int = 4
    """Trainings of every configuration in a sweep."""
    epochs: int = 30
    """Epochs of a training in a sweep; the final training may take three times as many."""
    batch_size: int = 32
    """Examples of a mini-batch."""
    patience: int = 20
    """Epochs without a lower validation loss after which the final training stops."""
    seed: int = 0
    """Of the split and of all trainings."""


@dataclasses.dataclass(frozen=True)
class _Task:
    """The data of a run of the recipe, ready for training."""

    dataset: data.Dataset
    split: data.Split
    inputs: data.Normalization
    key: Any
    scale: float  # of the target in regression: losses are in its units squared

    @property
    def classes(self) -> int:
        return len(self.dataset.classes)

    @property
    def baseline(self) -> float:
        """The loss of the best constant prediction."""
        y = self.split.train.y
        return diagnosis.label_entropy(y) if self.classes else diagnosis.target_variance(y)


def run(recipe: Recipe, name: str, out: Path, load: Callable[[str], data.Dataset] = data.load) -> Path:
    """Cook ``recipe`` on the data set ``name`` into the new folder ``out``; the path of its report.

    Raises ValueError in one line where data, options or folder do not allow it; then nothing is left behind. Ctrl-C
    leaves a folder with a report on what was done until then, and is raised again.
    """
    _check(recipe)
    with report.RunFolder(out) as folder:
        task, findings = _prepare(recipe, name, load)
        try:
            _describe(recipe, task, findings, folder)
            _cook(recipe, task, folder)
        except KeyboardInterrupt:
            with _undisturbed():
                _report(folder)
            raise
        _report(folder)
    return Path(out) / "report.html"


def _check(recipe):
    """Raise ValueError for the first option out of its range."""
    least = {"hidden": 1, "seeds": 1, "epochs": 1, "batch_size": 1, "patience": 1, "weight_decays": 0, "dropout": 0}
    for name, low in least.items():
        if wrong := [value for value in np.ravel(getattr(recipe, name)) if not value >= low]:
            raise ValueError(f"{name}: needed at least {low}, got {wrong[0]}")
    if not recipe.dropout < 1:
        raise ValueError(f"dropout: needed a probability below 1, got {recipe.dropout}; try 0.5")
    if not recipe.learning_rates or not all(0 < rate < math.inf for rate in recipe.learning_rates):
        raise ValueError(f"learning_rates: needed positive numbers, got {recipe.learning_rates}; try 1e-4 1e-3 1e-2")
    if not recipe.weight_decays:
        raise ValueError("weight_decays: needed at least one, got none; try 0")


@contextlib.contextmanager
def _undisturbed():
    """Ctrl-C a second time does not spoil what the first one asked for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _report(folder):
    report.build(folder.path)
    report.write_events(folder.path)


def _prepare(recipe, name, load):
    dataset = load(name)
    findings = data.require(dataset, recipe.batch_size)
    split, inputs = data.normalize(data.split(dataset, seed=recipe.seed))
    if len(split.train.x) < recipe.batch_size:
        raise ValueError(
            f"{dataset.name}: fewer training examples ({len(split.train.x)}) than a batch "
            f"({recipe.batch_size}); try --batch-size {max(1, len(split.train.x) // 4)}"
        )
    scale = 1.0
    if not dataset.classes:
        split, scale = _standardise_target(split)
    if overlap := split.test.overlap(split.train.x):
        text = f"{overlap} test examples also stand in the training set"
        findings = [*findings, data.Finding("test in training", "warning", text)]
    return _Task(dataset, split, inputs, jax.random.key(recipe.seed), scale), findings


def _standardise_target(split):
    """Targets in units of their standard deviation in the training set: the loss of a constant is then 1."""
    by = data.fit_normalization(split.train.y, shared=True)

    def apply(part):
        return data.Examples(part.x, np.asarray(by(part.y)))

    parts = {"train": apply(split.train), "validation": apply(split.validation), "test": split.test.map(apply)}
    return dataclasses.replace(split, **parts), float(by.std)


def setup_of(recipe: Recipe, task: str, outputs: int) -> Setup:
    """The setup that ``recipe`` starts from: an MLP with ReLU, Adam and an L2 penalty.

    The last layer starts near zero, so that all classes are equally probable: the first loss is ln c.
    """
    hidden = [part for units in recipe.hidden for part in (Dense(units), activations.relu, Dropout(recipe.dropout))]
    return Setup(
        model=sequential(*hidden, Dense(outputs, kernel_init=normal(0.01))),
        loss=losses.softmax_cross_entropy if task == "classification" else losses.squared_error,
        optimizer=Adam(),
        penalty=L2(0.0),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
    )


def _describe(recipe, task, findings, folder):
    dataset, split = task.dataset, task.split
    folder.json("environment", report.environment())
    folder.json("config", {"recipe": {"data": dataset.name, **dataclasses.asdict(recipe)}})
    described = {
        name: getattr(dataset, name) for name in ("name", "task", "classes", "source", "licence", "image_shape")
    }
    sizes = {"train": len(split.train.x), "validation": len(split.validation.x), "test": split.test.n}
    folder.json(
        "data",
        {
            **described,
            **sizes,
            "examples": len(dataset),
            "features": int(dataset.x[0].size),
            "findings": [finding._asdict() for finding in findings],
        },
    )


def _cook(recipe, task, folder):
    setup = setup_of(recipe, task.dataset.task, task.classes or task.dataset.y.shape[-1])
    _sanity(setup, task, folder)
    axes = {RATE: list(recipe.learning_rates), DECAY: list(recipe.weight_decays)}
    coarse = _tune("coarse", setup, axes, recipe, task, folder)
    fine = _tune("refined", setup, refine(axes, coarse.space[coarse.best]), recipe, task, folder)
    better = min((coarse, fine), key=lambda study: study.mean[study.best])
    chosen = dataclasses.replace(better.best_setup, epochs=3 * recipe.epochs, stopping=EarlyStopping(recipe.patience))
    folder.json(
        "config",
        {
            "recipe": {"data": task.dataset.name, **dataclasses.asdict(recipe)},
            "setup": to_config(chosen),
            "setup_text": repr(chosen),
        },
    )
    trained = _train(chosen, task, folder)
    _test(chosen, trained, task, folder)


def _sanity(setup, task, folder):
    first = jax.jit(start)(setup, task.split, task.key)
    loss = float(evaluate(setup, first.params, first.model_state, task.split.train)[0])
    c = task.classes
    verdict = diagnosis.initial_loss(loss, c) if c else None
    ladder, curves = [], {}
    with report.bar("Overfit one sample, then four", 2, "sample") as bar:
        for done, n in enumerate((1, 4), 1):
            learnt, few = _overfit(setup, task, n)
            curves[f"loss_{n}"] = learnt.history.train_loss
            accuracy = learnt.history.train_metrics.get("accuracy")
            if accuracy is not None:
                curves[f"accuracy_{n}"] = accuracy
            ladder.append(
                {
                    "examples": n,
                    "epochs": len(learnt.history.train_loss),
                    "final_loss": learnt.history.train_loss[-1],
                    "final_accuracy": None if accuracy is None else accuracy[-1],
                    "verdict": diagnosis.overfit(learnt.history.train_loss, few.y, c, accuracy)._asdict()
                    if c
                    else None,
                }
            )
            bar.update(done)
    folder.json(
        "sanity",
        {
            "initial_loss": loss,
            "expected": math.log(c) if c else task.baseline,
            "expected_name": "ln c" if c else "variance of the target",
            "verdict": verdict and verdict._asdict(),
            "overfit": ladder,
        },
    )
    folder.arrays("sanity", curves)


def _overfit(setup, task, n):
    """The setup without what keeps a network from learning by heart, on ``n`` examples of different classes."""
    y = task.split.train.y
    distinct = np.unique(y, axis=0, return_index=True)[1]
    some = np.resize(np.sort(distinct), n) if len(distinct) < n else np.sort(distinct)[:n]
    few = data.Examples(task.split.train.x[some], y[some])
    dropouts = [i for i, layer in enumerate(setup.model.layers) if isinstance(layer, Dropout)]
    free = {f"model.layers[{i}].rate": 0.0 for i in dropouts}
    plain = assign(setup, free | {"penalty": None, "batch_size": None, "epochs": 200, RATE: 1e-2})
    return fit(plain, data.Split(few, few), task.key), few


def _tune(name, setup, axes, recipe, task, folder) -> Study:
    space, began, key = grid(axes), time.perf_counter(), jax.random.fold_in(task.key, 1)
    total = len(space) * recipe.seeds
    title = f"Sweep, {name}: {len(space)} setups x {recipe.seeds} seeds"
    with report.bar(title, total, "training") as bar, count_compilations() as compiled:
        study = sweep(
            setup,
            space,
            task.split,
            key,
            seeds=recipe.seeds,
            watch=lambda p: bar.update(p.done),
        )
    has_accuracy = "accuracy" in study.rows.history.validation_metrics
    folder.json(
        f"sweep_{name}",
        {
            "axes": axes_of(space),
            "space": space,
            "mean": study.mean,
            "standard_error": study.standard_error,
            "diverged": study.diverged.sum(1),
            "seeds": recipe.seeds,
            "best": study.best,
            "one_standard_error": study.one_standard_error,
            "warnings": study.warnings,
            "plan": "; ".join(map(str, study.plans)),
            "seconds": time.perf_counter() - began,
            "trainings": total,
            "compilations": compiled.count,
        },
    )
    accuracy = {"accuracy": study.metric("accuracy")} if has_accuracy else {}
    folder.arrays(
        f"sweep_{name}",
        {
            "loss": study.loss,
            "validation_loss": np.asarray(study.rows.history.validation_loss),
            **accuracy,
        },
    )
    return study


def _train(setup, task, folder) -> Run:
    began = time.perf_counter()
    with report.bar("Train the choice", setup.epochs, "epoch") as bar:
        trained = fit(
            setup,
            task.split,
            jax.random.fold_in(task.key, 2),
            watch=lambda p: bar.update(p.epoch, f"validation loss {p.history.validation_loss[-1]:.4g}"),
        )
    how, h = ending(trained, setup), trained.history
    checkpoints.save(folder.path / "checkpoints" / "last", trained.state, h)
    folder.arrays("history", flat(h))
    folder.json(
        "training",
        {
            "ending": how,
            "best_epoch": int(trained.state.best.epoch) + 1,
            "epochs": len(h.train_loss),
            "seconds": time.perf_counter() - began,
            "parameters": count_parameters(trained.params),
        },
    )
    curves = diagnosis.Curves(
        h.running_loss,
        h.train_loss,
        h.validation_loss,
        h.train_metrics.get("accuracy"),
        h.validation_metrics.get("accuracy"),
        int(trained.state.first_nonfinite),
    )
    verdict = diagnosis.diagnose(
        curves, task.baseline, classes=task.classes or None, n_validation=len(task.split.validation.x)
    )
    folder.json("verdict", verdict._asdict())
    if how == "interrupted":
        raise KeyboardInterrupt
    return trained


def flat(history: Any) -> dict[str, np.ndarray]:
    """A history as named arrays, metrics as ``train_metrics.accuracy``."""
    found = {}
    for name, value in history._asdict().items():
        found |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return {name: np.asarray(value) for name, value in found.items()}


def _test(setup, trained, task, folder):
    """Open the test set, once."""
    reason = f"final evaluation of {setup.model!r} chosen on validation"
    x, y = task.split.test.open(reason)
    outputs = jax.jit(predict)(setup, trained.params, trained.model_state, jnp.asarray(x))
    loss = np.asarray(setup.loss(outputs, jnp.asarray(y)))
    opened = task.split.test.opened
    found = {"opened": opened.time, "reason": opened.reason, "n": len(y), "loss": loss.mean()}
    if not task.classes:
        r2 = 1 - loss.sum() / np.square(y - y.mean(0)).sum()
        folder.json(
            "test",
            {
                **found,
                "metrics": {"R2": r2, "root mean squared error": task.scale * loss.mean() ** 0.5},
                "standard_error": {},
            },
        )
        return
    probability = np.asarray(activations.softmax(outputs))
    predicted = probability.argmax(-1)
    hit = predicted == y
    error = diagnosis.accuracy_error(hit.mean(), len(y))
    folder.json("test", {**found, "metrics": {"accuracy": hit.mean()}, "standard_error": {"accuracy": error}})
    confusion = np.zeros((task.classes, task.classes), np.int64)
    np.add.at(confusion, (y, predicted), 1)
    wrong = np.flatnonzero(~hit)
    wrong = wrong[np.argsort(-probability[wrong, predicted[wrong]])][:WRONG_SHOWN]
    folder.arrays(
        "test",
        {
            "confusion": confusion,
            "wrong_x": np.asarray(task.inputs.inverse(x[wrong])),
            "wrong_y": y[wrong],
            "wrong_prediction": predicted[wrong],
            "wrong_probability": probability[wrong, predicted[wrong]],
        },
    )

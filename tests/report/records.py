"""What the tests of report have in common."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from dlcore.data import Finding
from dlcore.diagnosis import ErrorBudget, Histograms, Layers, Timing, Verdict
from dlcore.probability import Estimate
from dlcore.report import RunFolder
from dlcore.runs import (
    BudgetRecord,
    ChangesRecord,
    DataRecord,
    LayersRecord,
    Mistakes,
    RecipeRecord,
    Rung,
    SanityRecord,
    SetupRecord,
    SweepRecord,
    TestRecord,
    TimingRecord,
    TrainingRecord,
    VerdictRecord,
    environment,
)
from dlcore.training import History
from dlcore.tuning import Rows, grid

RATE, DECAY = "optimizer.learning_rate", "penalty.strength"
STAGES = (
    "described", "sanity", "timing", "coarse", "refined", "training", "verdict", "layers", "changes", "test", "budget",
)  # fmt: skip
VERDICT = Verdict(
    "overfitting", ("gap <0.3>", "rose"), "learned by heart & more", ("more weight decay", "dropout"), "warning"
)
DATA = DataRecord(
    name="digits",
    task="classification",
    target="digit",
    classes=("zero", "one", "two"),
    features=(),
    width=4,
    image_shape=(2, 2, 1),
    examples=100,
    train=60,
    validation=20,
    test=20,
    source="somewhere",
    license="CC0",
    findings=(Finding("constant column", "warning", "column 3"),),
    counts=np.array([20, 30, 10]),
)


def described(run, **other):
    run.keep(RecipeRecord("digits", {"seed": 3}))
    run.keep(environment())
    run.keep(dataclasses.replace(DATA, **other))


def sanity(run, accuracy=True):
    falling = np.geomspace(1.1, 1e-3, 40)
    verdict = Verdict("memorized", (), "fits", (), "good")
    right = {n: np.minimum(1, np.arange(40) / 9 / n) if accuracy else None for n in (1, 4)}
    rungs = tuple(Rung(n, n * falling, right[n], verdict) for n in (1, 4))
    expected = Verdict("as expected", ("1.12",), "fine", (), "good")
    run.keep(SanityRecord(jnp.float32(1.12), math.log(3), "ln c", expected, rungs))


def sweep(run, name, accuracy=True, rates=(1e-3, 1e-2, 1e-1, 1.0), lost=1, **more):
    space, rng = tuple(grid({RATE: rates, DECAY: [0.0, 1e-4], **more})), np.random.default_rng(0)
    n = len(space)
    loss = np.abs(np.log10([p[RATE] for p in space]) + 2)[:, None] + 0.1 + 0.02 * rng.random((n, 3))
    curves = loss[..., None] + np.geomspace(1, 1e-3, 6)
    broken = np.full((n, 3), -1)
    broken[n - lost :, 1], curves[n - lost :, 1, 3:] = 17, np.nan
    metrics = {"accuracy": np.full((n, 3, 6), 0.9)} if accuracy else {}
    history = History(*[curves] * 3, metrics, metrics, *[curves] * 4)
    rows = Rows(history, loss, np.full((n, 3), 5), broken)
    run.keep(SweepRecord(name, 1 if name == "coarse" else 2, space, rows, "8 x 3", 2.5, 1))


def refined(run):
    sweep(run, "refined")
    setup = {"$type": "Setup", "optimizer": {"$type": "Adam", "learning_rate": 1e-3}, "epochs": 5}
    run.keep(SetupRecord(2, 2, setup, "Setup(loss=<function>)"))


def training(run, accuracy=True):
    falling = np.geomspace(1, 0.01, 12)
    metrics = {"accuracy": 1 - falling / 2} if accuracy else {}
    history = History(falling, 2 * falling, 3 * falling, metrics, metrics, *(k * falling for k in (4, 5, 6, 7)))
    run.keep(TrainingRecord("finished", 9, 12345, 1.5, history))


MISTAKES = Mistakes(np.arange(8.0).reshape(2, 4), (), np.array([0, 1]), np.array([2, 0]), np.array([0.9, 0.6]))
OPENED = TestRecord(
    opened="2026-01-02T03:04:05+00:00",
    reason="final <b>evaluation</b>",
    n=20,
    loss=0.21,
    metrics={"accuracy": 0.95},
    standard_error={"accuracy": 0.0487},
    baseline={"accuracy": 0.35, "loss": 1.1},
    confusion=np.array([[6, 0, 1], [1, 6, 0], [0, 0, 6]]),
    mistakes=MISTAKES,
)


IDEAL = Verdict("ideal", (), "came to rest", (), "good")


def timing(run):
    run.keep(TimingRecord(Timing(1e-5, 2e-5, 4e-5, 1e-5, 1e-3, 1.5, 40, 30), (IDEAL._replace(kind="in time"),)))


def layers(run):
    """Two weighted layers and a ReLU between them, of which three of four units died."""
    rng, nothing = np.random.default_rng(0), np.full((2, 3), np.nan)
    dead = np.array([[np.nan, 0.0, np.nan], [np.nan, 0.75, np.nan]])
    gradient, params = np.array([[0.2, 0.0, 0.5], [0.03, 0.0, 0.1]]), np.array([[2.0, 0.0, 1.0], [2.5, 0.0, 1.5]])
    stand = Layers(np.ones((2, 3)), nothing, gradient, params, dead, np.zeros((2, 3)), *[nothing] * 4)
    counts = rng.integers(1, 99, (2, 3, 40))
    spread = Histograms(counts, np.array([[-1.0, 1.0], [0.0, 2.5], [-3.0, 3.0]]), counts * np.array([1, 0, 1])[:, None])
    names = tuple(f"model.layers[{i}]" for i in range(3))
    moved = np.array([1.0, 0.0, 0.5])
    run.keep(LayersRecord(names, ("Dense", "relu", "Dense"), (True, False, True), moved, stand, spread))


def changes(run):
    names, gain = ("as it is", "learning rate / 3", "half of the examples"), np.array([0.0, 0.02, np.nan])
    mean, error = np.array([0.2, 0.18, np.inf]), np.array([0.01, 0.01, np.nan])
    told = (IDEAL._replace(kind="no neighbor is better"),)
    run.keep(ChangesRecord(names, mean, error, gain, np.array([0.0, 0.005, np.nan]), 4, 2.5, told))


def budget(run, suspects=MISTAKES):
    errors = ErrorBudget(
        Estimate(0.02, 0.01), Estimate(0.05, 0.01), Estimate(0.04, 0.02), Estimate(0.01, 0.004), constant=0.65
    )
    told = (VERDICT._replace(kind="variance"),)
    run.keep(BudgetRecord(errors, "error rate", "labels that look wrong", told, suspects))


STEPS = {
    "described": described,
    "sanity": sanity,
    "coarse": lambda run: sweep(run, "coarse"),
    "refined": refined,
    "training": training,
    "timing": timing,
    "verdict": lambda run: run.keep(VerdictRecord(VERDICT, (IDEAL,))),
    "layers": layers,
    "changes": changes,
    "test": lambda run: run.keep(OPENED),
    "budget": budget,
}


def cook(path, until="budget", error=KeyboardInterrupt):
    try:
        with RunFolder(path) as run:
            for stage in STAGES[: STAGES.index(until) + 1]:
                run.begin(stage)
                STEPS[stage](run)
            if STAGES.index(until) < STAGES.index("test"):
                raise error
    except error:
        pass
    return path

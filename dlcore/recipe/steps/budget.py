"""Last of all: what the error on new examples is made of, and what to work on."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dlcore import losses
from dlcore.console.numbers import with_error
from dlcore.data.examples import weights_of
from dlcore.deployment.answers import averaged, probabilities
from dlcore.diagnosis import ErrorBudget, LabelNoise, error_rate, judge_budget, label_noise, mean_error, value_noise
from dlcore.diagnosis.repeated import NEIGHBORS
from dlcore.probability import Estimate
from dlcore.recipe.task import Task
from dlcore.runs import BudgetRecord, ChangesRecord, Mistakes, RunFolder, SanityRecord, TestRecord, TrainingRecord
from dlcore.training import Run, Setup
from dlcore.tuning import HeldOut
from dlcore.tuning.changes import HALF

SHOWN = 12  # labels that look wrong
_NOT_KNOWN = "not known"
_ESTIMATED = "labels that look wrong to models that did not learn from them (confident learning)"
_REPEATED = "the noise by which examples with nearly the same inputs differ (Gamma test)"
_GIVEN = "given"


def held_out_by(run: Run, split: Any) -> HeldOut:
    """What a single training says of the validation part."""
    x, y = (np.asarray(a) for a in split.validation[:2])
    return HeldOut(np.asarray(run.predict(x))[None], x, y)


def draw_up(folder: RunFolder, task: Task, setup: Setup, held: HeldOut, given: float | None = None) -> None:
    """Keep the budget of what the folder's records say, where errors of training and validation are known.

    ``given`` is the ground truth's error rate where somebody knows it.
    """
    training, test = TrainingRecord.find(folder.path), TestRecord.find(folder.path)
    sanity = SanityRecord.find(folder.path)
    known = sanity.constant if sanity else None
    errors = _errors(training, test, task, setup, known) if training and training.best_epoch else None
    if errors is None or not np.isfinite([errors.train.value, errors.validation.value]).all():
        return
    found = _probabilities(task, setup, held)
    noise = None if found is None else label_noise(found, held.y)
    truth, source = _ground_truth(given, noise, errors) if task.classes else _noise(given, task, setup, errors)
    budget = ErrorBudget(errors.train, errors.validation, errors.test, truth, errors.constant)
    suspects = None if noise is None else _suspects(task, held, np.asarray(found), noise)
    folder.keep(BudgetRecord(budget, errors.of, source, tuple(judge_budget(budget, _more_data(folder))), suspects))


class _Errors(NamedTuple):
    of: str
    train: Estimate
    validation: Estimate
    test: Estimate | None
    constant: float


def _errors(
    training: TrainingRecord, test: TestRecord | None, task: Task, setup: Setup, known: float | None
) -> _Errors:
    """Rates of wrong answers at the best epoch, or losses; ``known``: that of a constant prediction, if it is."""
    h, best = training.history, training.best_epoch - 1
    n, m = task.sizes[0], task.validated
    if "accuracy" in h.train_metrics and task.class_weights is not None:
        right, seen = (float(part["accuracy"][best]) for part in (h.train_metrics, h.validation_metrics))
        opened = None if test is None else error_rate(test.metrics["accuracy"], test.n)
        constant = 1 - float(task.class_weights.max() / task.class_weights.sum())
        return _Errors("error rate", error_rate(right, n), error_rate(seen, m), opened, constant)
    losses = float(h.train_loss[best]), float(h.validation_loss[best])
    opened = None if test is None else mean_error(test.loss, test.n)
    constant = task.expected(setup).constant if known is None else known
    return _Errors("loss", mean_error(losses[0], n), mean_error(losses[1], m), opened, constant)


def _probabilities(task: Task, setup: Setup, held: HeldOut) -> Any:
    """Those of class numbers, where the loss knows any: the mean over the seeds."""
    if not task.classes or held.y.ndim > 1 or not np.isfinite(held.outputs).all():
        return None
    found = probabilities(setup.loss, averaged(setup.loss, jnp.asarray(held.outputs)), task.classes)
    return None if found is None else np.asarray(found)


def _ground_truth(given: float | None, noise: LabelNoise | None, errors: _Errors) -> tuple[Estimate | None, str]:
    if given is not None:
        return Estimate(given, 0.0), _GIVEN
    if noise is None or errors.of != "error rate":
        return None, _NOT_KNOWN
    return Estimate(noise.share, noise.standard_error), _ESTIMATED


def _noise(given: float | None, task: Task, setup: Setup, errors: _Errors) -> tuple[Estimate | None, str]:
    """The ground truth of quantities: no known one where neighbors are so far apart that it may be all of the error."""
    train, validation = task.seen.train, task.seen.validation
    x, y = (np.concatenate([np.asarray(part[i]) for part in (train, validation)]) for i in (0, 1))
    if given is not None:
        return Estimate(given, 0.0), _GIVEN
    if setup.loss is not losses.squared_error or weights_of(train) is not None or len(x) < NEIGHBORS + 2:
        return None, _NOT_KNOWN
    found = value_noise(x, y)
    least, most = (found.variance + sign * 2 * found.standard_error for sign in (-1, 1))
    seen = float(errors.validation.value)
    if least > seen or (least <= 0 and most >= seen):
        told = with_error(found.variance, found.standard_error)
        return None, f"{_NOT_KNOWN}: inputs are too far apart for the noise between neighbors, {told}, to tell it"
    return Estimate(max(found.variance, 0.0), found.standard_error), _REPEATED


def _more_data(folder: RunFolder) -> Estimate | None:
    """What twice the examples gained, where it was tried."""
    found = ChangesRecord.find(folder.path)
    if found is None or HALF not in found.names:
        return None
    i = found.names.index(HALF)
    gain = Estimate(-float(found.gain[i]), float(found.gain_error[i]))
    return gain if np.isfinite(gain).all() else None


def _suspects(task: Task, held: HeldOut, found: np.ndarray, noise: LabelNoise) -> Mistakes | None:
    """The examples whose labels look wrong, with the class that they look like and its probability."""
    some, like = noise.suspects[:SHOWN], noise.look_like[:SHOWN]
    return Mistakes(*task.as_read(held.x[some]), held.y[some], like, found[some, like]) if len(some) else None

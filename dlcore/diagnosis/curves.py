"""Verdicts on learning curves: what the two lines say, and the run that would decide where they cannot."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dlcore.diagnosis.signs import FEWEST_EPOCHS, Curves, Signs, as_arrays, measure, scale_of
from dlcore.diagnosis.verdicts import Verdict, accuracy_error, fano_bound, softmax_floor, softmax_twice_bound

# Shares are of the loss of a constant prediction, unless said otherwise.
_MATTERS = 0.02  # less is no difference worth a verdict
_ROUGH = 0.03  # the training loss in evaluation mode is a function of the parameters: noise on it is too large steps
_HIGH = 0.5  # a final training loss above it: less than half is explained
_PEAK = 1.5  # no fresh network is that much worse than a constant
_BLOWN = 10.0  # grown beyond this: diverged, finite or not
_LINEAR = 0.5  # an exponential decay over less than 1.8 time constants: "almost linear"
_STEADY = 0.8  # Kendall's tau of a curve that falls nearly always
_EPOCHS_FOR_TREND = 8  # by chance 1 in 10⁴ curves of noise is that steady, of 4 epochs 1 in 24
_SPREAD = 2.0  # standard deviation of the losses of single examples, in units of their mean

_SMALLER = "the same run with a learning rate 3 to 10 times smaller: it decides"


class _Case(NamedTuple):
    curves: Curves
    signs: Signs
    classes: int | None
    n_validation: int | None


def diagnose(
    curves: Curves, baseline: float | None = None, *, classes: int | None = None, n_validation: int | None = None
) -> Verdict:
    """The verdict on one training, with the numbers it rests on.

    Kinds, in the order in which they are looked for: "diverged", "too short", "softmax applied twice", "constant
    prediction", "learning rate too high", "learning rate too low", "validation easier than training", "overfitting",
    "underfitting", "ideal".

    baseline: the loss of a constant prediction (``label_entropy`` or ``target_variance`` of the training set), by which
    all losses are judged; the first running loss stands in for it. classes and n_validation, the number of validation
    examples, sharpen the verdict. Raises ValueError for curves of different lengths.
    """
    curves = as_arrays(curves)
    verdict = _diverged(curves, baseline) or _too_short(curves)
    if verdict:
        return verdict
    case = _Case(curves, measure(curves, baseline), classes, n_validation)
    kind, evidence, reason, try_next = next(found for rule in _RULES if (found := rule(case)))
    return Verdict(kind, (*evidence, *_levels(case.signs)), reason, try_next)


def _levels(s: Signs) -> tuple[str, ...]:
    total = s.gap.data - s.gap.lag - s.gap.regularisation
    return (
        f"at the end: training loss {s.train:.4g}, validation loss {s.validation:.4g} "
        f"(lowest {s.validation_best:.4g} after epoch {s.best_epoch} of {s.epochs}), constant prediction {s.scale:.4g}",
        f"validation minus running loss {total:.3g} = data {s.gap.data:.3g} - averaging lag {s.gap.lag:.3g} "
        f"- regularisation {s.gap.regularisation:.3g}",
    )


def _diverged(curves: Curves, baseline: float | None) -> Verdict | None:
    losses = np.stack(curves[:3])
    finite = np.isfinite(losses).all(axis=0)
    try_next = ("a learning rate 3 to 10 times smaller", "clip the gradient's norm", "normalise the inputs")
    known = curves.first_nonfinite is not None and curves.first_nonfinite >= 0
    if known or not finite.all():
        step = [f"first value that is not finite at step {curves.first_nonfinite}"] * known
        epoch = [f"losses not finite from epoch {int(finite.argmin()) + 1}"] * (not finite.all())
        return Verdict(
            "diverged", (*step, *epoch), "the steps grew without bound, or the data are not finite", try_next
        )
    if not losses.size:
        return None
    scale, last = scale_of(curves, baseline), float(curves.train_loss[-1])
    if last <= _BLOWN * scale:
        return None
    evidence = (f"training loss {last:.4g} at the end, {last / scale:.3g} times that of a constant prediction",)
    return Verdict("diverged", evidence, "every step leads further away: the steps are too large", try_next)


def _too_short(curves: Curves) -> Verdict | None:
    epochs = len(curves.train_loss)
    if epochs >= FEWEST_EPOCHS:
        return None
    evidence = (f"{epochs} epoch{'s' * (epochs != 1)}",)
    why = f"a level and a trend cannot be told apart before {FEWEST_EPOCHS} epochs"
    return Verdict("too short", evidence, why, ("at least 10 epochs",))


def _softmax_twice(case: _Case) -> Verdict | None:
    """All losses above the bound, and the final ones where saturated probabilities put them, beyond Fano's bound."""
    c, s, curves = case.classes, case.signs, case.curves
    accuracies = (curves.train_accuracy, curves.validation_accuracy)
    if c is None or s.train_accuracy is None or s.validation_accuracy is None:
        return None
    floor = softmax_floor(c)
    losses = (curves.train_loss, curves.validation_loss)
    if any((loss < softmax_twice_bound(a, c) - 1e-3).any() for loss, a in zip(losses, accuracies, strict=True)):
        return None
    ends = ((s.train, s.train_accuracy), (s.validation, s.validation_accuracy))
    saturated = all(-0.05 < loss - (floor + 1 - a) < 0.1 for loss, a in ends)  # right: floor, surely wrong: floor + 1
    learnt = s.train_accuracy > (1 + 1 / c) / 2  # near chance, a fresh network loses as much
    if not (saturated and learnt and s.train > fano_bound(s.train_accuracy, c) + 0.03 and s.linearity < _LINEAR):
        return None
    lowest = min(losses[0].min(), losses[1].min())
    evidence = (
        f"no loss below ln(1 + (c-1)/e) = {floor:.4g} (lowest {lowest:.4g}), training accuracy {s.train_accuracy:.1%}",
        f"probabilities given as logits would lead to floor + error rate = {floor + 1 - s.train_accuracy:.4g}",
    )
    why = "the loss takes logits and gets probabilities: its own softmax comes on top"
    return Verdict(
        "softmax applied twice", evidence, why, ("remove the softmax from the model", "a loss on probabilities")
    )


def _blown(case: _Case) -> Verdict | None:
    s = case.signs
    recovered = s.train < 0.3 * s.scale and s.validation < 2 * s.scale
    if s.peak < _PEAK * s.scale or recovered or s.linearity > _LINEAR:
        return None
    evidence = (f"a loss of {s.peak:.4g} on the way, {s.peak / s.scale:.3g} times that of a constant prediction",)
    why = "the first steps threw the parameters far away: units are dead or the outputs huge"
    return Verdict("learning rate too high", evidence, why, (_SMALLER, "warm-up", "clip the gradient's norm"))


def _rate_too_high(case: _Case) -> Verdict | None:
    s = case.signs
    rough = s.roughness > _ROUGH * s.scale and s.roughness > 0.1 * s.train
    rising = s.train > s.train_best + 0.2 * s.scale
    if not (rough or rising):
        return None
    evidence = (
        *[f"training loss {s.train:.4g} jumps by about {s.roughness:.3g} from epoch to epoch"] * rough,
        *[f"training loss rises from {s.train_best:.4g} to {s.train:.4g}"] * rising,
    )
    why = "the steps overshoot: the loss falls at first, then bounces or stays (or the data contradict themselves)"
    try_next = (_SMALLER, "a decaying schedule or a larger batch", "if the plateau stays: look for wrong labels")
    return Verdict("learning rate too high", evidence, why, try_next)


def _constant(case: _Case) -> Verdict | None:
    s = case.signs
    away = max(abs(s.scale - s.train), abs(s.train_fall)) > _MATTERS * s.scale
    if away or (s.trend > _STEADY and s.epochs >= _EPOCHS_FOR_TREND):
        return None
    evidence = (f"training loss rests at {s.train / s.scale:.1%} of the loss of a constant prediction",)
    why = "the outputs do not depend on the inputs: dead units, a penalty or rate of the wrong size, or no signal"
    try_next = (
        "overfit one sample, then four: it decides between the set-up and the data",
        "look at the gradient norms and dead units of every layer",
        "learning rates 10 times larger and smaller, no weight decay",
    )
    return Verdict("constant prediction", evidence, why, try_next)


def _rate_too_low(case: _Case) -> Verdict | None:
    s = case.signs
    undone = s.train > _HIGH * s.scale or s.train_fall > _MATTERS * s.scale
    if s.linearity < _LINEAR or s.trend < _STEADY or not undone:
        return None
    evidence = (
        f"training loss fell by {s.train_fall:.3g} in the last third, {s.linearity:.0%} of what a straight line would",
    )
    why = "the loss falls almost linearly and is far from done"
    try_next = ("a learning rate 3 to 10 times larger", "more epochs at this rate: the curve should bend in the end")
    return Verdict("learning rate too low", evidence, why, try_next)


def _validation_easier(case: _Case) -> Verdict | None:
    s, n = case.signs, case.n_validation
    chance = 2 * _SPREAD * s.validation / math.sqrt(n) if n else 0.0
    if -s.gap.data < max(_MATTERS * s.scale, 0.15 * s.train, chance):
        return None
    evidence = (f"validation loss {-s.gap.data:.3g} below the training loss, both in evaluation mode",)
    if s.train_accuracy is not None and s.validation_accuracy is not None:
        ahead = s.validation_accuracy - s.train_accuracy
        if n and ahead < 3 * accuracy_error(s.validation_accuracy, n):
            return None
        evidence += (f"validation accuracy {ahead:+.1%} against training",)
    why = "the validation set is easier, shares examples with the training set, or one of the two is computed wrongly"
    try_next = (
        "evaluate the training set by the validation code: it decides between data and bug",
        "split again with another seed, stratified",
        "look for duplicates between the parts",
    )
    return Verdict("validation easier than training", evidence, why, try_next)


def _overfitting(case: _Case) -> Verdict | None:
    s = case.signs
    rise = s.validation - s.validation_best
    lost, ahead = _accuracy_lost(case), _accuracy_gap(case)
    if lost is None:
        rises, apart = rise > max(0.03 * s.scale, 0.2 * s.validation_best), s.gap.data > max(0.2 * s.scale, s.train)
    else:  # on separable classes the loss rises with the certainty of few mistakes while the accuracy stays
        rises = rise > (
            max(_MATTERS * s.scale, 0.1 * s.validation_best) if lost else max(0.05 * s.scale, 0.5 * s.validation_best)
        )
        apart = ahead and s.gap.data > 0.1 * s.scale
    if not (rises or apart):
        return None
    evidence = (
        *[f"validation loss up by {rise:.3g} since epoch {s.best_epoch}, while the training loss is {s.train:.4g}"]
        * bool(rises),
        *[f"validation loss {s.gap.data:.3g} above the training loss"] * bool(apart),
        *_accuracies(s),
    )
    why = "the model memorises the training examples instead of generalising"
    try_next = ("early stopping", "more data, or augmentation", "more weight decay or dropout", "a smaller model")
    return Verdict("overfitting", evidence, why, try_next)


def _accuracy_lost(case: _Case) -> bool | None:
    """Whether the validation accuracy fell by more than chance (a hundredth, or one standard error); None without."""
    s, n = case.signs, case.n_validation
    if s.validation_accuracy is None or s.validation_accuracy_best is None:
        return None
    chance = accuracy_error(s.validation_accuracy, n) if n else 0.0
    return s.validation_accuracy_best - s.validation_accuracy > max(0.01, chance)


def _accuracy_gap(case: _Case) -> bool:
    """Whether the training accuracy leads by more than 5 points and three standard errors."""
    s, n = case.signs, case.n_validation
    if s.train_accuracy is None or s.validation_accuracy is None:
        return False
    chance = 3 * accuracy_error(s.validation_accuracy, n) if n else 0.0
    return s.train_accuracy - s.validation_accuracy > max(0.05, chance)


def _accuracies(s: Signs) -> tuple[str, ...]:
    if s.train_accuracy is None or s.validation_accuracy is None:
        return ()
    return (f"accuracy: training {s.train_accuracy:.1%}, validation {s.validation_accuracy:.1%}",)


def _underfitting(case: _Case) -> Verdict | None:
    s = case.signs
    falling = min(s.train_fall, s.validation_fall) > _MATTERS * s.scale and s.validation_fall > 0.05 * s.validation
    if falling:
        evidence = (f"in the last third training fell by {s.train_fall:.3g}, validation by {s.validation_fall:.3g}",)
        why = "both losses still fall at the end: the model is still learning"
        return Verdict("underfitting", evidence, why, ("more epochs", "a learning rate 2 to 3 times larger"))
    if s.train < _HIGH * s.scale:
        return None
    evidence = (f"training loss stays at {s.train / s.scale:.0%} of the loss of a constant prediction",)
    why = "the model does not fit the training set: too small, too regularised, or the targets are mostly noise"
    try_next = (
        "overfit ten examples with a larger model: it decides between the model and the noise",
        "a learning rate 3 times smaller and larger",
        "less weight decay and dropout",
        "more or wider layers, better features",
    )
    return Verdict("underfitting", evidence, why, try_next)


def _ideal(case: _Case) -> Verdict:
    s = case.signs
    why = "both losses fell together and came to rest, the gap between them is small"
    slow = s.validation_fall > 0.1 * s.validation
    return Verdict("ideal", _accuracies(s), why, ("a few more epochs: the validation loss still falls slowly",) * slow)


_RULES: tuple[Callable[[_Case], Verdict | None], ...] = (
    _softmax_twice,
    _blown,
    _constant,
    _rate_too_high,
    _rate_too_low,
    _validation_easier,
    _overfitting,
    _underfitting,
    _ideal,
)

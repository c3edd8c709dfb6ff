"""The signs by which a verdict on learning curves is known: each gives its evidence, or None where it is not seen."""

import dataclasses
import functools

import numpy as np

from dlcore.diagnosis.signs import FEWEST_EPOCHS, Curves, Signs, measure, scale_of
from dlcore.diagnosis.verdicts import (
    Evidence,
    accuracy_error,
    fano_bound,
    loss_error,
    softmax_floor,
    softmax_twice_bound,
)

# Shares are of the loss of a constant prediction, unless said otherwise.
_MATTERS = 0.02  # less is no difference worth a verdict
_ROUGH = 0.03  # the training loss in evaluation mode is a function of the parameters: noise on it is too large steps
_HIGH = 0.5  # a final training loss above it: less than half is explained
_PEAK = 1.5  # no fresh network is that much worse than a constant
_BLOWN = 10.0  # grown beyond this: diverged, finite or not
_LINEAR = 0.5  # an exponential decay over less than 1.8 time constants: "almost linear"
_STEADY = 0.8  # Kendall's tau of a curve that falls nearly always
_EPOCHS_FOR_TREND = 8  # by chance 1 in 10⁴ curves of noise is that steady, of 4 epochs 1 in 24
_CLOSE = 0.5  # of the training loss: a validation loss above it by less is close to it
_HARD = 0.5  # of the mistakes of always saying the largest class: fewer that are mended are no success
_NEARLY = 0.05  # more right answers than that are not nearly as many


@dataclasses.dataclass(frozen=True)
class Case:
    """The curves of a training and what else is known of it; ``signs`` once they are finite and long enough."""

    curves: Curves
    baseline: float | None
    classes: int | None
    n_validation: int | None
    majority: float | None
    initial: float | None = None
    validation_error: float | None = None

    @property
    def fresh(self) -> float:
        """The loss before the first step; 0 where it is not known, or not finite."""
        return self.initial if self.initial is not None and np.isfinite(self.initial) else 0.0

    @property
    def known_error(self) -> float:
        """The standard error of the validation loss; 0 where it is not known, or not finite."""
        known = self.validation_error is not None and np.isfinite(self.validation_error)
        return self.validation_error if known and self.validation_error else 0.0

    @functools.cached_property
    def signs(self) -> Signs:
        """The curves in numbers."""
        return measure(self.curves, self.baseline)


def _levels(s: Signs) -> Evidence:
    total = s.gap.data - s.gap.lag - s.gap.regularization
    return (
        f"at the end (medians of {s.window} epochs): training loss {s.train:.4g}, validation loss {s.validation:.4g}; "
        f"lowest validation loss {s.validation_lowest:.4g}, at epoch {s.best_epoch} of {s.last_epoch}; constant "
        f"prediction {s.scale:.4g}",
        f"validation minus running loss {total:.3g} = data {s.gap.data:.3g} - averaging lag {s.gap.lag:.3g} "
        f"- regularization {s.gap.regularization:.3g}",
    )


def not_finite(case: Case) -> Evidence | None:
    """A loss that is not finite, or a step that was known to be."""
    curves = case.curves
    finite = np.isfinite(np.stack(curves[:3])).all(axis=0)
    known = curves.first_nonfinite is not None and curves.first_nonfinite >= 0
    if not known and finite.all():
        return None
    step = [f"first value that is not finite at step {curves.first_nonfinite}"] * known
    return (*step, *[f"losses not finite from epoch {curves.epochs[finite.argmin()]:.0f}"] * (not finite.all()))


def grown(case: Case) -> Evidence | None:
    """A training loss far beyond that of a constant prediction at the end."""
    if not len(case.curves.train_loss):
        return None
    scale, last = scale_of(case.curves, case.baseline), float(case.curves.train_loss[-1])
    if last <= _BLOWN * max(scale, case.fresh):
        return None
    return (f"training loss {last:.4g} at the end, {last / scale:.3g} times that of a constant prediction",)


def too_short(case: Case) -> Evidence | None:
    """Fewer epochs than a trend needs."""
    epochs = len(case.curves.train_loss)
    return None if epochs >= FEWEST_EPOCHS else (f"{epochs} epoch{'s' * (epochs != 1)}",)


def softmax_twice(case: Case) -> Evidence | None:
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
    learned = s.train_accuracy > (1 + 1 / c) / 2  # near chance, a fresh network loses as much
    if not (saturated and learned and s.train > fano_bound(s.train_accuracy, c) + 0.03 and s.linearity < _LINEAR):
        return None
    lowest = min(losses[0].min(), losses[1].min())
    return (
        f"no loss below ln(1 + (c-1)/e) = {floor:.4g} (lowest {lowest:.4g}), training accuracy {s.train_accuracy:.1%}",
        f"probabilities given as logits would lead to floor + error rate = {floor + 1 - s.train_accuracy:.4g}",
        *_levels(s),
    )


def blown(case: Case) -> Evidence | None:
    """A loss on the way that no fresh network has, from which the run did not recover."""
    s = case.signs
    recovered = s.train < 0.3 * s.scale and s.validation < 2 * s.scale
    if s.peak < _PEAK * max(s.scale, case.fresh) or recovered or s.linearity > _LINEAR:
        return None
    what = f"a loss of {s.peak:.4g} on the way, {s.peak / s.scale:.3g} times that of a constant prediction"
    return (what, *_levels(s))


def overshoot(case: Case) -> Evidence | None:
    """A training loss that jumps, or rises."""
    s = case.signs
    rough = s.roughness > _ROUGH * s.scale and s.roughness > 0.1 * s.train
    rising = s.train > s.train_best + 0.2 * s.scale and s.objective_rise > 0.1 * s.scale
    if not (rough or rising):
        return None
    jumps = [f"training loss {s.train:.4g} jumps by about {s.roughness:.3g} from epoch to epoch"] * rough
    return (*jumps, *[f"training loss rises from {s.train_best:.4g} to {s.train:.4g}"] * rising, *_levels(s))


def outweighed(case: Case) -> Evidence | None:
    """A training loss that rises while it falls together with the penalty."""
    s = case.signs
    if case.curves.penalty is None or s.train < s.train_best + 0.1 * s.scale or s.objective_rise > 0.05 * s.scale:
        return None
    what = f"training loss rises from {s.train_best:.4g} to {s.train:.4g}, with the penalty it falls"
    return (what, *_levels(s))


def constant(case: Case) -> Evidence | None:
    """The loss of a constant prediction, at rest."""
    s = case.signs
    away = max(abs(s.scale - s.train), abs(s.train_fall)) > _MATTERS * s.scale
    if away or (s.trend > _STEADY and s.epochs >= _EPOCHS_FOR_TREND):
        return None
    return (f"training loss rests at {s.train / s.scale:.1%} of the loss of a constant prediction", *_levels(s))


def slow(case: Case) -> Evidence | None:
    """Steady and almost linear, far from done; where the validation loss rises, larger steps are no cure."""
    s = case.signs
    undone = s.train > _HIGH * s.scale or s.train_fall > _MATTERS * s.scale
    if s.linearity < _LINEAR or s.trend < _STEADY or not undone or s.validation_fall <= 0:
        return None
    share = f"{s.linearity:.0%} of what a straight line would"
    return (f"training loss fell by {s.train_fall:.3g} in the last third, {share}", *_levels(s))


def validation_easier(case: Case) -> Evidence | None:
    """A validation loss, and accuracy, better than the training set's by more than chance."""
    s, n = case.signs, case.n_validation
    if -s.gap.data < max(_MATTERS * s.scale, 0.15 * s.train, 2 * _error(case)):
        return None
    evidence = (f"validation loss {-s.gap.data:.3g} below the training loss, both in evaluation mode",)
    if s.train_accuracy is not None and s.validation_accuracy is not None:
        ahead = s.validation_accuracy - s.train_accuracy
        if n and ahead < 3 * accuracy_error(s.validation_accuracy, n):
            return None
        evidence += (f"validation accuracy {ahead:+.1%} against training",)
    return (*evidence, *_levels(s))


def _error(case: Case) -> float:
    """The standard error of the validation loss; where it is not known, of losses that are spread as usual."""
    usual = loss_error(case.signs.validation, case.n_validation) if case.n_validation else 0.0
    return case.known_error or usual


def overfitting(case: Case) -> Evidence | None:
    """A validation loss that rises, or stands far above the training loss."""
    s = case.signs
    rise = s.validation - s.validation_best - (s.train - s.train_best)
    lost, ahead = _accuracy_lost(case), _accuracy_gap(case)
    if lost is None:
        rises, apart = rise > max(0.03 * s.scale, 0.2 * s.validation_best), s.gap.data > max(0.2 * s.scale, s.train)
    else:  # on separable classes the loss rises with the certainty of few mistakes while the accuracy stays
        least, share = (_MATTERS, 0.1) if lost else (0.05, 0.5)
        rises = rise > max(least * s.scale, share * s.validation_best)
        apart = ahead and s.gap.data > 0.1 * s.scale
    rises = rises and rise > 2 * case.known_error
    if not (rises or apart):
        return None
    above = [f"validation loss {s.gap.data:.3g} above the training loss"] * bool(apart)
    return (*[_rise(s)] * bool(rises), *above, *_accuracies(s), *_levels(s))


def _rise(s: Signs) -> str:
    return f"validation loss up from {s.validation_lowest:.4g} at epoch {s.best_epoch} to {s.validation:.4g} at the end"


def _accuracy_lost(case: Case) -> bool | None:
    """Whether the validation accuracy fell by more than chance (a hundredth, or one standard error); None without."""
    s, n = case.signs, case.n_validation
    if s.validation_accuracy is None or s.validation_accuracy_best is None:
        return None
    chance = accuracy_error(s.validation_accuracy, n) if n else 0.0
    return s.validation_accuracy_best - s.validation_accuracy > max(0.01, chance)


def _accuracy_gap(case: Case) -> bool:
    """Whether the training accuracy leads by more than 5 points and three standard errors."""
    s, n = case.signs, case.n_validation
    if s.train_accuracy is None or s.validation_accuracy is None:
        return False
    chance = 3 * accuracy_error(s.validation_accuracy, n) if n else 0.0
    return s.train_accuracy - s.validation_accuracy > max(0.05, chance)


def _accuracies(s: Signs) -> Evidence:
    if s.train_accuracy is None or s.validation_accuracy is None:
        return ()
    return (f"accuracy: training {s.train_accuracy:.1%}, validation {s.validation_accuracy:.1%}",)


def still_falling(case: Case) -> Evidence | None:
    """Both losses fall in the last third."""
    s = case.signs
    if min(s.train_fall, s.validation_fall) <= _MATTERS * s.scale or s.validation_fall <= 0.05 * s.validation:
        return None
    falls = f"in the last third training fell by {s.train_fall:.3g}, validation by {s.validation_fall:.3g}"
    return (falls, *_levels(s))


def resting_high(case: Case) -> Evidence | None:
    """Less than half of the loss is explained."""
    s = case.signs
    if s.train < _HIGH * s.scale:
        return None
    return (f"training loss stays at {s.train / s.scale:.0%} of the loss of a constant prediction", *_levels(s))


def like_the_largest(case: Case) -> Evidence | None:
    """Most of the mistakes of always saying the largest class remain, or chance alone could have taken them."""
    s, n, share = case.signs, case.n_validation, case.majority
    if share is None or s.validation_accuracy is None:
        return None
    ahead, chance = s.validation_accuracy - share, 3 * accuracy_error(s.validation_accuracy, n) if n else 0.0
    if ahead > max(chance, min(_NEARLY, _HARD * (1 - share))):
        return None
    return (f"validation accuracy {s.validation_accuracy:.1%}, the largest class alone {share:.1%}", *_levels(s))


def certain(case: Case) -> Evidence | None:
    """A validation loss that rises, though not by enough for a verdict, beside an accuracy."""
    s = case.signs
    rises = s.validation > 1.2 * s.validation_best and s.validation_fall < 0
    return (_rise(s), *_accuracies(s), *_levels(s)) if rises and s.validation_accuracy is not None else None


def apart(case: Case) -> Evidence | None:
    """A validation loss that is not close to the training loss."""
    s = case.signs
    if s.gap.data <= _CLOSE * s.train:
        return None
    share = f"{s.gap.data / s.scale:.1%} of the loss of a constant prediction"
    return (f"validation loss {s.gap.data:.3g} above the training loss: {share}", *_accuracies(s), *_levels(s))


def slowly(case: Case) -> Evidence | None:
    """A validation loss that still falls."""
    s = case.signs
    return (*_accuracies(s), *_levels(s)) if s.validation_fall > 0.1 * s.validation else None


def close(case: Case) -> Evidence | None:
    """What is left: the levels."""
    return (*_accuracies(case.signs), *_levels(case.signs))

r"""The error budget: what an error on new examples is made of.

error = ground truth + bias + variance + overuse: what is wrong in the data, what the model did not learn of its
training examples, what it learned of them alone, and what was won on the validation part by choosing.
"""

import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from dlcore.diagnosis.verdicts import (
    GOOD,
    WARNING,
    Evidence,
    Verdict,
    VerdictRule,
    accuracy_error,
    following,
    loss_error,
)
from dlcore.probability import Estimate

_SURE = 2.0  # standard errors that a part has to measure
_MATTERS = 0.02  # of the error of a constant prediction: less is no part to work on


def _less(one: Estimate, other: Estimate) -> Estimate:
    """The difference of two independent estimates."""
    errors = float(one.standard_error), float(other.standard_error)
    return Estimate(one.value - other.value, math.hypot(*errors))


def _seen(part: Estimate) -> bool:
    """Whether it is above 0 by two standard errors."""
    return bool(part.value > _SURE * part.standard_error)


def error_rate(accuracy: float, n: int) -> Estimate:
    """The error rate that goes with an ``accuracy`` over n examples."""
    return Estimate(1 - accuracy, accuracy_error(accuracy, n))


def mean_error(loss: float, n: int) -> Estimate:
    """A mean loss over n examples whose own losses are not known."""
    return Estimate(loss, loss_error(loss, n))


class ErrorBudget(NamedTuple):
    """Errors, rates of wrong answers or losses, on the training, the validation and, once opened, the test part.

    ``ground_truth`` is the error that the best of all models would make: labels that are wrong, noise, or what people
    get wrong; None where nobody knows. ``constant`` that of the best constant prediction, the measure of what matters.
    """

    train: Estimate
    validation: Estimate
    test: Estimate | None = None
    ground_truth: Estimate | None = None
    constant: float = 1.0

    @property
    def known(self) -> dict[str, Estimate]:
        """The errors that are known, by their names, in the order in which each is added to the one before."""
        names = ("ground truth", "training", "validation", "test")
        errors = (self.ground_truth, self.train, self.validation, self.test)
        return {name: error for name, error in zip(names, errors, strict=True) if error is not None}

    @property
    def bias(self) -> Estimate:
        """Training error above the ground truth, or above 0 where that is not known."""
        return _less(self.train, self.ground_truth or Estimate(0.0, 0.0))

    @property
    def variance(self) -> Estimate:
        """Validation error above the training error."""
        return _less(self.validation, self.train)

    @property
    def overuse(self) -> Estimate | None:
        """Test error above the validation error; None while the test set is sealed."""
        return None if self.test is None else _less(self.test, self.validation)


class Spending(NamedTuple):
    """A budget, and by how much twice the examples would lower what is compared, where it was measured."""

    budget: ErrorBudget
    more_data: Estimate | None = None


def judge_budget(
    budget: ErrorBudget, more_data: Estimate | None = None, *, done: Collection[str] = ()
) -> list[Verdict]:
    """What to work on: "variance" and "bias", the larger first, "validation set used up", or "nothing left to mend".

    Without a known ground truth it is "bias or noise", with one above what new examples show "ground truth too high",
    and "not known" where an error is no number.

    A part counts from two standard errors and a fiftieth of the error of a constant prediction on. ``more_data``: the
    measured gain from twice the examples, without which more data are advised on trust.
    """
    if missing := _missing(budget):
        return [Verdict("not known", (missing, _parts(budget)), *_NO_NUMBER, WARNING)]
    found = list(following(BUDGET_RULES, Spending(budget, more_data), done=done))
    if not budget.bias.value > budget.variance.value:
        found.sort(key=lambda verdict: verdict.kind.startswith("bias"))  # stable: the order of the table otherwise
    return found


def _counts(part: Estimate | None, s: Spending) -> bool:
    return part is not None and _seen(part) and float(part.value) > _MATTERS * s.budget.constant


def _told(name: str, part: Estimate) -> str:
    return f"{name} {part.value:.3g} ± {part.standard_error:.2g}"


def _missing(b: ErrorBudget) -> str:
    """Which errors are no numbers, or have no error of their own."""
    bad = [name for name, error in b.known.items() if not np.isfinite([error.value, error.standard_error]).all()]
    return f"not finite: {', '.join(bad)}" if bad else ""


def _above_validation(s: Spending) -> Evidence | None:
    b = s.budget
    if b.ground_truth is None or not _counts(_less(b.ground_truth, b.validation), s):
        return None
    return (_told("ground truth above the validation error:", _less(b.ground_truth, b.validation)), _parts(b))


def _bias(s: Spending) -> Evidence | None:
    b = s.budget
    if b.ground_truth is None or not _counts(b.bias, s):
        return None
    return (_told("training error above the ground truth:", b.bias), _parts(b))


def _bias_or_noise(s: Spending) -> Evidence | None:
    b = s.budget
    return (_parts(b),) if b.ground_truth is None and _counts(b.bias, s) else None


def _variance_without(s: Spending) -> Evidence | None:
    """Variance where twice the examples were tried and brought nothing."""
    return _variance(s) if s.more_data is not None and not _seen(s.more_data) else None


def _variance_with(s: Spending) -> Evidence | None:
    """Variance where more data help, or were not tried."""
    return _variance(s) if s.more_data is None or _seen(s.more_data) else None


def _variance(s: Spending) -> Evidence | None:
    b = s.budget
    if not _counts(b.variance, s):
        return None
    measured = () if s.more_data is None else (_told("twice the examples lowered what is compared by", s.more_data),)
    return (_told("validation error above the training error:", b.variance), *measured, _parts(b))


def _overuse(s: Spending) -> Evidence | None:
    part = s.budget.overuse
    if part is None or not _counts(part, s):
        return None
    return (_told("test error above the validation error:", part), _parts(s.budget))


def _nothing(s: Spending) -> Evidence | None:
    b = s.budget
    parts = any(_counts(part, s) for part in (b.bias, b.variance, b.overuse))
    return None if parts or _above_validation(s) else (_parts(b),)


def _parts(b: ErrorBudget) -> str:
    return "errors: " + ", ".join(_told(name, part) for name, part in b.known.items())


_REGULARIZE = ("regularization: weight decay, dropout, augmentation", "another architecture")

_NO_NUMBER = ("an error that is no number cannot be divided", ("look where the loss or the metric comes from",))

BUDGET_RULES = (
    VerdictRule(
        "ground truth too high",
        WARNING,
        _above_validation,
        "new examples are answered better than the best of all models would",
        ("measure the ground truth anew: by people, or repeated labels", "look for validation examples in training"),
    ),
    VerdictRule(
        "bias or noise",
        WARNING,
        _bias_or_noise,
        "most of what could be better is missing on the training examples already: underfitting, or noise",
        ("a bigger network: a training error that stays is noise", "say what is known: --ground-truth"),
    ),
    VerdictRule(
        "bias",
        WARNING,
        _bias,
        "most of what could be better is missing on the training examples already: underfitting",
        ("a bigger network", "train longer", "another optimizer, or learning rate", "another architecture"),
    ),
    VerdictRule(
        "variance",
        WARNING,
        _variance_with,
        "the model knows its training examples better than new ones: overfitting",
        ("more data", *_REGULARIZE),
    ),
    VerdictRule(
        "variance",
        WARNING,
        _variance_without,
        "the model knows its training examples better than new ones, and half of them would have done: overfitting",
        _REGULARIZE,
    ),
    VerdictRule(
        "validation set used up",
        WARNING,
        _overuse,
        "the validation part was chosen by, or the test examples are of another kind",
        ("a larger validation part, or folds", "look whether the test examples come from elsewhere"),
    ),
    VerdictRule(
        "nothing left to mend",
        GOOD,
        _nothing,
        "no part of the error stands out from what chance does with so many examples",
        ("more examples to validate and test with, if smaller differences matter",),
    ),
)

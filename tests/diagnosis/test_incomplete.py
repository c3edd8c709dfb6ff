"""What curves and errors lack is said; nothing is told of what they do not show."""

import re

import numpy as np
import pytest

from dlcore.diagnosis import Curves, ErrorBudget, diagnose, judge_budget, overfit
from dlcore.probability import Estimate

E = np.arange(1, 31)
FALL, FLAT = np.exp(-E / 5), np.ones(30)
NAN = np.full(30, np.nan)


def curves(running, train=None, validation=None, *accuracies, **more):
    train = running if train is None else train
    return Curves(running, train, train if validation is None else validation, *accuracies, **more)


@pytest.mark.parametrize(
    ("made", "baseline", "kind", "words"),
    [
        (curves(5 * FALL - 3), None, "no scale", "losses from 1.09.* to -2.9"),
        (curves(-0.1 * E), None, "no scale", "to -3"),
        (curves(FALL - 3, None, FALL - 3.02), 1.4, "no scale", "to -3.0"),
        (curves(5 * FALL - 3, None, 5 * FALL - 3 + 0.12 * np.maximum(E - 8, 0)), None, "no scale", "from"),
        (curves(np.where(E > 20, -1e-9, FALL)), 1.0, "ideal", ""),  # a loss of 0, to rounding
        (curves(np.where(E > 20, np.nan, -FALL)), None, "diverged", "from epoch 21"),
        (curves(0 * FLAT), None, "nothing moves", "training loss 0 after each of 30"),
        (curves(0 * FLAT), 1.0, "nothing moves", "0 after each"),
        (curves(5 * FLAT), 1.0, "nothing moves", "5 after each"),
        (curves(0.3 * FLAT), 1.0, "nothing moves", "0.3 after each"),
        (curves(0.3 * FLAT), None, "nothing moves", "0.3 after each"),
        (curves(FLAT), 1.0, "constant prediction", "rests at 100"),
        (curves(FLAT[:3]), 1.0, "too short", "3 epochs"),
        (curves(FLAT + 0.1 * FALL), 1.0, "underfitting", "stays at 100%"),
        (curves(FALL, None, NAN), 1.0, "no validation loss", "in 30 of 30 epochs"),
        (curves(FALL, None, np.where(E > 1, np.nan, FALL)), 1.0, "no validation loss", "in 29 of 30"),
        (curves(FALL, None, np.where(E == 5, np.inf, FALL)), 1.0, "no validation loss", "in 1 of 30"),
        (curves(FALL, np.where(E == 5, np.inf, FALL), FALL), 1.0, "diverged", "from epoch 5"),
        (curves(FALL, first_nonfinite=7), 1.0, "diverged", "step 7"),
        (curves(FALL, FALL, NAN, first_nonfinite=7), 1.0, "diverged", "step 7"),
        (curves(FALL, FALL, NAN, first_nonfinite=-1), 1.0, "no validation loss", "30 of 30"),
        (curves(FALL[:1]), 1.0, "too short", "1 epoch"),
        (curves(FALL[:0]), 1.0, "too short", "0 epochs"),
        (curves(1e30 * FALL), None, "ideal", ""),
        (curves(1e-30 * FALL), None, "ideal", ""),
        (curves(FALL.astype(np.float16)), None, "ideal", ""),
    ],
)
def test_what_curves_say_or_lack(made, baseline, kind, words):
    found = diagnose(made, baseline)
    assert found.kind == kind
    assert not any("nan" in line for line in found.evidence)
    if words:
        assert re.search(words, found.evidence[0])


@pytest.mark.parametrize("accuracy", [NAN, np.where(E % 5, np.nan, 1 - FALL)])
def test_an_accuracy_with_nan_is_unknown(accuracy):
    known = diagnose(curves(FALL, FALL, FALL, 1 - FALL, accuracy), 1.0)
    assert known == diagnose(curves(FALL), 1.0)


@pytest.mark.parametrize("baseline", [np.inf, np.nan, 0.0, -1.0])
def test_a_constant_prediction_has_a_finite_loss(baseline):
    with pytest.raises(ValueError, match="needed a positive, finite loss of a constant prediction"):
        diagnose(curves(FALL), baseline)


@pytest.mark.parametrize(("loss", "y"), [([], [0]), ([0.1], [])])
def test_nothing_to_learn_by_heart(loss, y):
    with pytest.raises(ValueError, match="overfit: needed the loss after at least one step, and a label"):
        overfit(loss, y, 2)


@pytest.mark.parametrize(
    ("errors", "kind", "words"),
    [
        ((Estimate(np.nan, 0.01), Estimate(0.3, 0.01)), "not known", "not finite: training"),
        ((Estimate(0.1, np.nan), Estimate(0.3, np.nan)), "not known", "training, validation"),
        ((Estimate(0.1, 0.01), Estimate(0.3, 0.01), Estimate(np.inf, 0.1)), "not known", "not finite: test"),
        ((Estimate(0.5, 0.01), Estimate(0.2, 0.01), None, Estimate(0.6, 0.01)), "ground truth too high", "0.4 ±"),
        ((Estimate(0.5, 0.2), Estimate(0.5, 0.2), None, Estimate(0.6, 0.2)), "nothing left to mend", "errors"),
        ((Estimate(0.0, 0.0), Estimate(0.0, 0.0)), "nothing left to mend", "errors"),
    ],
)
def test_what_errors_say_or_lack(errors, kind, words):
    first, *others = judge_budget(ErrorBudget(*errors))
    assert first.kind == kind
    assert words in first.evidence[0]
    assert not others

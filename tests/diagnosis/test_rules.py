"""One set of numbers, the table of verdicts, the gap."""

import math

import numpy as np
import pytest

from dlcore.diagnosis import (
    RULES,
    Curves,
    ExpectedLoss,
    diagnose,
    initial_loss,
    overfit,
    split_gap,
)
from dlcore.diagnosis.signs import measure
from tests.diagnosis.problems import (
    LN10,
    PLANTED,
    curves,
    decay,
    planted,
    stopped_while_falling,
)


class TestOneSetOfNumbers:
    """What a verdict says agrees with the curves as they are drawn and with what was done."""

    def test_the_lowest_loss_and_its_epoch_are_those_of_the_curve(self):
        rng = np.random.default_rng(1)
        for _ in range(50):
            made = planted("ideal", rng)
            text = " ".join(diagnose(made, LN10, classes=10).evidence)
            lowest, epoch = made.validation_loss.min(), made.validation_loss.argmin() + 1
            assert f"lowest validation loss {lowest:.4g}, at epoch {epoch} of {len(made.validation_loss)}" in text

    def test_no_larger_steps_where_the_validation_loss_rises(self):
        t = np.arange(30) + 1.0
        loss = decay(t, 60, start=2.3, end=0.0)
        slight, much = (Curves(loss, loss, np.where(t < 4, loss, loss[3] + k * (t - 4))) for k in (0.005, 0.03))
        assert diagnose(Curves(loss, loss, loss + 0.01), LN10).kind == "learning rate too low"
        assert diagnose(slight, LN10).kind != "learning rate too low"
        assert diagnose(much, LN10).kind == "overfitting"
        assert "at epoch 4 to" in diagnose(much, LN10).evidence[0]

    def test_a_model_that_memorizes_while_both_losses_fall_needs_no_more_epochs(self):
        t = np.arange(40) + 1.0
        train = decay(t, 16, end=0.0)
        found = diagnose(Curves(train, train, train + 0.8 * np.minimum(t / 20, 1)), LN10)
        assert diagnose(Curves(train, train, train + 0.1), LN10).kind == "underfitting"
        assert found.kind == "overfitting"
        assert "more epochs" not in found.try_next

    def test_a_gap_that_is_not_small_is_not_called_small(self):
        t = np.arange(40) + 1.0
        near, far = (Curves(c := decay(t, 2.0, end=0.018), c, c + gap) for gap in (0.002, 0.101))
        assert (diagnose(near, LN10).kind, diagnose(far, LN10).kind) == ("ideal", "ideal")
        assert "close to each other" in diagnose(near, LN10).reason
        assert "close to each other" not in diagnose(far, LN10).reason
        assert "0.101 above the training loss: 4.4% of the loss" in diagnose(far, LN10).evidence[0]

    def test_a_loss_that_rises_did_not_come_to_rest(self):
        t = np.arange(40) + 1.0
        made = curves(lambda t: decay(t, 2.0, end=0.001), 0.06 + 0.001 * t, epochs=40)
        flat = np.full(40, 0.98)
        found = diagnose(made._replace(train_accuracy=flat + 0.01, validation_accuracy=flat), LN10, n_validation=360)
        assert found.kind == "ideal"
        assert "came to rest" not in found.reason
        assert "validation loss up from" in found.evidence[0]

    def test_what_was_done_is_not_advised(self):
        made = planted("overfitting", np.random.default_rng(0))
        assert "early stopping" in diagnose(made, LN10).try_next
        found = diagnose(made, LN10, done=("early stopping", "more epochs"))
        assert found.kind == "overfitting"
        assert "early stopping" not in found.try_next
        assert found.try_next
        falling = stopped_while_falling(np.arange(30) + 1.0, np.random.default_rng(0))
        assert "more epochs" not in diagnose(falling, LN10, done=("early stopping", "more epochs")).try_next

    @pytest.mark.parametrize(
        ("accuracy", "majority", "n", "kind"),
        [
            (0.985, 0.977, 400, "like the largest class"),  # chance alone
            (0.985, 0.977, 10**6, "like the largest class"),  # most of the mistakes are left
            (0.998, 0.977, 10**4, "ideal"),
            (0.985, 0.3, 400, "ideal"),
            (0.985, None, 400, "ideal"),
        ],
    )
    def test_an_accuracy_is_judged_beside_the_largest_class(self, accuracy, majority, n, kind):
        loss = decay(np.arange(40) + 1.0, 2.0, start=0.11, end=0.01)
        flat = np.full(40, accuracy)
        made = Curves(loss, loss, loss, flat, flat)
        found = diagnose(made, 0.11, classes=2, n_validation=n, majority=majority)
        assert found.kind == kind
        assert (found.severity == "good") == (kind == "ideal")
        assert kind == "ideal" or "the largest class alone 97.7%" in found.evidence[0]


class TestWhatElseIsKnown:
    """The loss before the first step, the error of the validation loss, the penalty."""

    def test_a_penalty_that_outweighs_the_loss(self):
        t = np.arange(30) + 1.0
        loss = decay(t, 2.0, end=0.3) + 0.04 * t
        losing, winning = (Curves(*[loss] * 3, penalty=3 - slope * t) for slope in (0.01, 0.05))
        assert diagnose(losing, LN10).kind == "learning rate too high"
        found = diagnose(winning, LN10)
        assert (found.kind, found.try_next) == ("underfitting", ("a penalty 10 times smaller",))
        assert diagnose(winning._replace(penalty=None), LN10).kind == "learning rate too high"

    def test_a_first_loss_far_above_that_of_a_constant_is_no_sign_of_large_steps(self):
        made = curves(lambda t: decay(t, 2.0, start=9.0, end=1.0), 0.01, epochs=30)
        assert diagnose(made, 2.0).kind == "learning rate too high"
        assert diagnose(made, 2.0, initial=9.0).kind != "learning rate too high"
        assert diagnose(made, 2.0, initial=math.nan).kind == "learning rate too high"

    def test_a_smooth_fall_of_few_epochs_is_not_rough(self):
        made = Curves(*[np.array([2.0, 1.2, 0.8, 0.6])] * 3)
        assert diagnose(made, LN10).kind == "learning rate too low"
        shaken = Curves(*[np.array([2.0, 0.6, 1.2, 0.5])] * 3)
        assert diagnose(shaken, LN10).kind == "learning rate too high"

    def test_a_rise_within_the_error_of_the_validation_loss_is_chance(self):
        t = np.arange(30) + 1.0
        train = decay(t, 2.0)
        made = Curves(train, train, train + 0.01 * t)
        assert diagnose(made, LN10).kind == "overfitting"
        assert diagnose(made, LN10, validation_error=0.01).kind == "overfitting"
        assert diagnose(made, LN10, validation_error=1.0).kind == "ideal"


class TestRules:
    def test_every_kind_has_one_severity(self):
        severities = {}
        for rule in RULES:
            severities.setdefault(rule.kind, set()).add(rule.severity)
        assert all(len(found) == 1 for found in severities.values())
        assert {kind for kind, found in severities.items() if found == {"good"}} == {"ideal"}
        assert {"diverged", "softmax applied twice", "constant prediction"} == {
            kind for kind, found in severities.items() if found == {"bad"}
        }

    @pytest.mark.parametrize("kind", sorted(PLANTED))
    def test_a_verdict_carries_it(self, kind):
        found = diagnose(planted(kind, np.random.default_rng(3)), LN10, classes=10)
        assert found.severity in {rule.severity for rule in RULES if rule.kind == found.kind}

    def test_sanity_has_one_too(self):
        expected = ExpectedLoss(LN10, LN10, 6.5, 10)
        assert [initial_loss(loss, expected).severity for loss in (2.3, 9.0, math.nan)] == ["good", "warning", "bad"]
        memorized, stuck = (overfit(np.geomspace(2, end, 50), [0, 1], 10, a) for end, a in ((1e-3, 1.0), (1.0, 0.5)))
        assert (memorized.severity, stuck.severity) == ("good", "warning")

    def test_trend_is_kendalls_tau(self):
        rng = np.random.default_rng(0)
        curve = np.cumsum(rng.normal(size=12)) - np.arange(12)
        pairs = [np.sign(curve[i] - curve[j]) for i in range(12) for j in range(i + 1, 12)]
        assert measure(Curves(curve, curve, curve), 1.0).trend == pytest.approx(np.mean(pairs))
        assert measure(Curves(*[np.ones(6)] * 3), 1.0).trend == 0


class TestGap:
    def test_the_parts_add_up(self):
        made = curves(lambda t: decay(t, 5.0), 0.3, 0.05, regularization=0.2, epochs=24)
        gap = split_gap(made)
        total = (made.validation_loss - made.running_loss)[-8:].mean()
        assert math.isclose(gap.data - gap.lag - gap.regularization, total, rel_tol=1e-9)

    @pytest.mark.parametrize("regularization", [0.0, 0.4])
    def test_planted_parts_are_found(self, regularization):
        epochs, tau = 24, 12.0
        gap = split_gap(curves(lambda t: decay(t, tau), 0.3, regularization=regularization, epochs=epochs))
        t = np.arange(epochs - 8, epochs) + 1.0
        mean_of_epoch = (LN10 - 0.05) * tau * (np.exp(-(t - 1) / tau) - np.exp(-t / tau))
        lag = (mean_of_epoch - (LN10 - 0.05) * np.exp(-t / tau)).mean()
        np.testing.assert_allclose(gap, (0.3, lag, regularization), atol=0.02 * lag)

    def test_one_epoch(self):
        gap = split_gap(Curves([2.0], [1.5], [1.75]))
        np.testing.assert_allclose(gap, (0.25, 0.5, 0.0))


class TestWhatWasNotLookedAt:
    """Epochs without an evaluation are no divergence."""

    falling = np.exp(-np.arange(30) / 4) + 0.05

    def test_every_few_epochs(self):
        looked = np.arange(30) % 3 == 2
        some = np.where(looked, self.falling, np.nan)
        rising = np.where(looked, self.falling + 0.02 * np.arange(30), np.nan)
        for first in (-1, None):
            assert diagnose(Curves(self.falling, some, some, first_nonfinite=first), 1.0).kind == "ideal"
            verdict = diagnose(Curves(self.falling, some, rising, first_nonfinite=first), 1.0)
            assert verdict.kind == "overfitting"
            assert any("at epoch 12 of 30" in line for line in verdict.evidence)  # the numbers of the training

    def test_without_training_examples_the_running_loss_stands_in(self):
        nothing = np.full(30, np.nan)
        curves = Curves(self.falling, nothing, self.falling, nothing, 1 - self.falling / 2, first_nonfinite=-1)
        assert diagnose(curves, 1.0).kind == "ideal"

    def test_numbers_that_end_are_one(self):
        ends = np.where(np.arange(30) < 12, self.falling, np.nan)
        verdict = diagnose(Curves(self.falling, ends, ends), 1.0)
        assert (verdict.kind, verdict.evidence[0]) == ("diverged", "losses not finite from epoch 13")

    def test_accuracies_are_shares(self):
        percent = 100 * (1 - self.falling / 2)
        with pytest.raises(ValueError, match="needed validation_accuracy as shares from 0 to 1"):
            diagnose(Curves(self.falling, self.falling, self.falling, None, percent))

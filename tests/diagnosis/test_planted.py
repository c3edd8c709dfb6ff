"""Planted faults get their verdict."""

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from dlcore.diagnosis import (
    Curves,
    diagnose,
)
from tests.diagnosis.problems import (
    LN10,
    curves,
    decay,
    planted,
)

REQUIRED = {
    "ideal": 0.97,
    "underfitting": 0.95,
    "overfitting": 0.97,
    "learning rate too low": 0.97,
    "learning rate too high": 0.95,
    "diverged": 1.0,
    "constant prediction": 0.95,
    "validation easier than training": 0.95,
    "softmax applied twice": 0.97,
}


class TestPlantedFaults:
    @pytest.mark.parametrize("kind", REQUIRED)
    def test_rate_of_hits(self, kind):
        rng = np.random.default_rng(7)
        found = [diagnose(planted(kind, rng), LN10, classes=10, n_validation=360).kind for _ in range(200)]
        rate = found.count(kind) / len(found)
        assert rate >= REQUIRED[kind], {other: found.count(other) for other in set(found)}

    @pytest.mark.parametrize("kind", sorted(set(REQUIRED) - {"softmax applied twice", "constant prediction"}))
    def test_without_baseline_and_classes_most_are_still_right(self, kind):
        rng = np.random.default_rng(8)
        found = [diagnose(planted(kind, rng)).kind for _ in range(100)]
        assert found.count(kind) >= 75, {other: found.count(other) for other in set(found)}

    @pytest.mark.parametrize("kind", REQUIRED)
    def test_every_verdict_has_numbers_a_reason_and_a_next_step(self, kind):
        verdict = diagnose(planted(kind, np.random.default_rng(3)), LN10, classes=10)
        assert any(character.isdigit() for character in verdict.evidence[0])
        assert verdict.reason
        assert verdict.try_next or kind == "ideal"
        assert all("nan" not in text for text in verdict.evidence)


class TestRobustness:
    @pytest.mark.parametrize("epochs", [0, 1, 2, 3])
    def test_too_short(self, epochs):
        verdict = diagnose(curves(lambda t: decay(t, 1.0), epochs=epochs), LN10)
        assert verdict.kind == "too short"
        assert verdict.evidence == (f"{epochs} epoch{'s' * (epochs != 1)}",)

    def test_diverged_comes_before_too_short(self):
        nan = np.array([np.nan])
        verdict = diagnose(Curves(nan, nan, nan, first_nonfinite=5))
        assert verdict.kind == "diverged"
        assert "step 5" in verdict.evidence[0]

    def test_rows_that_did_not_run_do_not_count(self):
        whole = curves(lambda t: decay(t, 2.0), 0.02, epochs=20, first_nonfinite=-1)
        losses = (np.concatenate([c, np.full(10, np.nan)]) for c in whole[:3])
        assert diagnose(Curves(*losses, first_nonfinite=-1), LN10) == diagnose(whole, LN10)
        assert diagnose(Curves(*(np.append(c, np.nan) for c in whole[:3])), LN10).kind == "diverged"

    def test_never_ran(self):
        nan = np.full(5, np.nan)
        assert diagnose(Curves(nan, nan, nan, first_nonfinite=-1)).kind == "too short"

    def test_certainty_on_separable_classes_is_no_overfitting(self):
        t = np.arange(40) + 1.0
        flat = np.minimum(0.9 + t / 100, 0.98)
        made = curves(lambda t: decay(t, 2.0, end=0.001), 0.06 + 0.0006 * t, epochs=40)
        made = made._replace(train_accuracy=np.minimum(flat + 0.02, 1), validation_accuracy=flat)
        assert diagnose(made, LN10, n_validation=360).kind == "ideal"
        falling = made._replace(validation_accuracy=flat - np.maximum(t - 15, 0) / 250)
        worse = falling._replace(validation_loss=made.validation_loss + np.maximum(t - 15, 0) / 100)
        assert diagnose(worse, LN10, n_validation=360).kind == "overfitting"

    def test_a_small_validation_set_proves_little(self):
        made = curves(lambda t: decay(t, 2.0, end=0.1), 0.3, epochs=30)
        accurate = np.full(30, 0.97), np.full(30, 0.90)
        made = made._replace(train_accuracy=accurate[0], validation_accuracy=accurate[1])
        assert diagnose(made, LN10, n_validation=5000).kind == "overfitting"
        assert diagnose(made, LN10, n_validation=30).kind == "ideal"
        easier = curves(lambda t: decay(t, 2.0, end=0.5), -0.2, epochs=30)
        assert diagnose(easier, LN10, n_validation=2000).kind == "validation easier than training"
        assert diagnose(easier, LN10, n_validation=20).kind == "ideal"

    def test_lag_and_dropout_are_no_easier_validation_set(self):
        made = curves(lambda t: decay(t, 4.0), 0.01, regularization=0.4, epochs=30)
        assert (made.validation_loss < made.running_loss).all()
        assert diagnose(made, LN10).kind == "ideal"

    def test_jax_arrays_and_regression(self):
        made = curves(lambda t: decay(t, 3.0, start=2900.0, end=1200.0), 200.0, epochs=30)
        verdict = diagnose(Curves(*(jnp.asarray(c, jnp.float32) for c in made[:3])), baseline=2900.0)
        assert verdict.kind == "ideal"

    def test_shapes(self):
        with pytest.raises(ValueError, match="equal length"):
            diagnose(Curves(np.ones(5), np.ones(5), np.ones(4)))
        with pytest.raises(ValueError, match="one run at a time"):
            diagnose(Curves(*[np.ones((2, 5))] * 3))
        with pytest.raises(ValueError, match="positive"):
            diagnose(Curves(*[np.ones(5)] * 3), baseline=0.0)

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3), min_size=0, max_size=12),
        st.sampled_from([None, 0.5, 2.3]),
    )
    def test_any_finite_curves_get_a_verdict(self, rows, baseline):
        losses = np.array(rows, np.float32).reshape(-1, 3).T
        verdict = diagnose(Curves(*losses, *(1 / (1 + np.abs(losses[1:])))), baseline, classes=3, n_validation=10)
        assert verdict.kind in {*REQUIRED, "too short", "no scale", "nothing moves"}
        assert verdict.severity in ("good", "warning", "bad")
        assert all(isinstance(text, str) for text in (*verdict.evidence, *verdict.try_next))

"""Verdicts: exact values against brute force, planted faults with a required rate of hits, real small trainings."""

import math

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from dlcore import data
from dlcore.diagnosis import (
    Curves,
    accuracy_error,
    diagnose,
    fano_bound,
    initial_loss,
    label_entropy,
    overfit,
    softmax_floor,
    softmax_twice_bound,
    split_gap,
    target_variance,
)

LN10 = math.log(10)


class TestExactValues:
    @pytest.mark.parametrize("c", [2, 3, 10, 1000])
    def test_softmax_floor_is_the_loss_of_one_hot_logits(self, c):
        assert math.isclose(softmax_floor(c), -jax.nn.log_softmax(jnp.eye(c)[0])[0], rel_tol=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(c=st.integers(2, 12), seed=st.integers(0, 1000), spread=st.floats(0.1, 30))
    def test_no_probabilities_as_logits_fall_below_the_bounds(self, c, seed, spread):
        rng = np.random.default_rng(seed)
        q = np.asarray(jax.nn.softmax(spread * rng.normal(size=(300, c)), axis=-1))
        y = rng.integers(0, c, 300)
        loss = np.log(np.exp(q).sum(-1)) - q[np.arange(300), y]
        assert loss.min() >= softmax_floor(c) - 1e-12
        assert loss.mean() >= softmax_twice_bound((q.argmax(-1) == y).mean(), c) - 1e-12

    @pytest.mark.parametrize("c", [2, 3, 10])
    def test_the_bound_for_wrong_examples_is_reached(self, c):
        q = np.array([0.5, 0.5, *[0.0] * (c - 2)])  # the other class may be called the larger one
        assert math.isclose(softmax_twice_bound(0.0, c), math.log(np.exp(q).sum()) - 0.5, rel_tol=1e-12)
        assert math.isclose(softmax_twice_bound(1.0, c), softmax_floor(c), rel_tol=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(c=st.integers(2, 12), seed=st.integers(0, 1000), spread=st.floats(0.1, 30))
    def test_calibrated_predictions_lose_at_most_fanos_bound(self, c, seed, spread):
        p = np.asarray(jax.nn.softmax(spread * np.random.default_rng(seed).normal(size=(50, c)), axis=-1), np.float64)
        entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(-1).mean()
        assert entropy <= fano_bound(p.max(-1).mean(), c) + 1e-9

    def test_fanos_bound_is_reached_by_symmetric_noise(self):
        a, c = 0.7, 5
        p = np.array([a, *[(1 - a) / (c - 1)] * (c - 1)])
        assert math.isclose(fano_bound(a, c), -(p * np.log(p)).sum(), rel_tol=1e-12)
        assert fano_bound(1.0, c) == 0
        assert math.isclose(fano_bound(0.0, c), math.log(c), rel_tol=1e-12)

    def test_label_entropy_is_the_least_loss_of_a_constant(self):
        y = np.array([0, 0, 0, 1, 1, 5])
        logits = jnp.log(jnp.array([3, 2, 1]) / 6)
        assert math.isclose(label_entropy(y), -logits[jnp.array([0, 0, 0, 1, 1, 2])].mean(), rel_tol=1e-12)
        assert label_entropy(np.zeros(4, int)) == 0
        assert math.isclose(label_entropy(np.arange(7)), math.log(7))

    def test_target_variance(self):
        y = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
        assert math.isclose(target_variance(y), ((y - [[3, 2]]) ** 2).sum(1).mean())

    def test_accuracy_error(self):
        assert math.isclose(accuracy_error(0.5, 400), 0.025, rel_tol=1e-3)
        assert 0 < accuracy_error(1.0, 50) < accuracy_error(0.9, 50)

    def test_one_class_is_an_error(self):
        for f in (softmax_floor, lambda c: fano_bound(0.5, c), lambda c: initial_loss(1.0, c)):
            with pytest.raises(ValueError, match="at least 2 classes"):
                f(1)


def decay(t, tau, start=LN10, end=0.05):
    return end + (start - end) * np.exp(-t / tau)


def curves(loss, gap=0.0, noise=0.0, rng=None, regularisation=0.0, **accuracies):
    """Curves from loss(t): t in epochs, running loss by the integral over the epoch, validation loss ``gap`` above."""
    rng = rng or np.random.default_rng(0)
    t = np.arange(accuracies.pop("epochs", 30)) + 1.0
    inside = np.linspace(0, 1, 65)[:-1] + 1 / 128
    running = loss(t[:, None] - 1 + inside).mean(axis=1) + regularisation
    train = loss(t)
    shaken = [c * np.exp(noise * rng.normal(size=t.size)) for c in (running, train, train + gap)]
    return Curves(*shaken, **accuracies)


def falling(t, rng, constants, end=None):
    """Decay over ``constants`` time constants to a level that generalises."""
    return decay(t, len(t) / rng.uniform(*constants), end=rng.uniform(0.02, 0.3) if end is None else end)


def lines(loss, gap, noise, rng):
    """The loss as running and training loss, the validation loss ``gap`` above, all with multiplicative noise."""
    return Curves(*(c * np.exp(noise * rng.normal(size=len(loss))) for c in (loss, loss, loss + gap)))


def ideal(t, rng):
    return lines(falling(t, rng, (6, 40)), rng.uniform(0, 0.1), rng.uniform(0, 0.03), rng)


def stopped_while_falling(t, rng):
    return lines(falling(t, rng, (2.2, 3.5)), rng.uniform(0, 0.1), rng.uniform(0, 0.01), rng)


def resting_high(t, rng):
    return lines(falling(t, rng, (8, 30), end=rng.uniform(1.3, 2.0)), rng.uniform(0, 0.1), rng.uniform(0, 0.01), rng)


def underfitting(t, rng):
    return stopped_while_falling(t, rng) if rng.random() < 0.5 else resting_high(t, rng)


def overfitting(t, rng):
    rise = rng.uniform(0.4, 2.0) * np.maximum(t / len(t) - rng.uniform(0.2, 0.5), 0)
    return lines(falling(t, rng, (6, 30)), rng.uniform(0, 0.1) + rise, rng.uniform(0, 0.03), rng)


def rate_too_low(t, rng):
    return lines(falling(t, rng, (0.05, 1.2)), rng.uniform(0, 0.1), rng.uniform(0, 0.003), rng)


def rate_too_high(t, rng):
    """A fast fall, then jumps about a plateau that the validation loss shares."""
    jumps = rng.uniform(0.5, 1.8) * np.exp(rng.uniform(0.2, 0.5) * rng.normal(size=len(t)))
    return lines(decay(t, rng.uniform(0.2, 1.0), end=0.0) + jumps, rng.uniform(0, 0.1), 0.02, rng)


def diverged(t, rng):
    if rng.random() < 0.5:
        return Curves(*[LN10 * np.exp(t / len(t) * rng.uniform(4, 700))] * 3, first_nonfinite=-1)
    cut = int(rng.integers(2, len(t)))
    lost = np.where(t <= cut, falling(t, rng, (6, 30)), np.nan)
    return Curves(lost, lost, lost, first_nonfinite=17 * cut)


def constant_prediction(t, rng):
    return lines(np.full(len(t), LN10), 0.0, rng.uniform(0, 0.004), rng)


def validation_easier(t, rng):
    hard = rng.uniform(0.3, 0.6)
    return lines(falling(t, rng, (6, 40)) + hard, -hard * rng.uniform(0.4, 0.9), rng.uniform(0, 0.01), rng)


def softmax_twice(t, rng):
    """Certain probabilities: the floor where they are right, one more where they are wrong."""
    train = 1 - 0.9 * np.exp(-t / len(t) * rng.uniform(5, 20))
    validation = train * rng.uniform(0.96, 1)
    losses = [softmax_floor(10) + 1 - a + rng.uniform(0, 0.05) * np.exp(-t / len(t)) for a in (train, validation)]
    return Curves(losses[0] + 0.01, *losses, train, validation)


PLANTED = {
    "ideal": ideal,
    "underfitting": underfitting,
    "overfitting": overfitting,
    "learning rate too low": rate_too_low,
    "learning rate too high": rate_too_high,
    "diverged": diverged,
    "constant prediction": constant_prediction,
    "validation easier than training": validation_easier,
    "softmax applied twice": softmax_twice,
}


def planted(kind, rng):
    """A random learning curve of ten classes with the given fault, as the lectures draw them."""
    return PLANTED[kind](np.arange(rng.integers(12, 80)) + 1.0, rng)


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
        made = curves(lambda t: decay(t, 4.0), 0.01, regularisation=0.4, epochs=30)
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
        assert verdict.kind in {*REQUIRED, "too short"}
        assert all(isinstance(text, str) for text in (*verdict.evidence, *verdict.try_next))


class TestGap:
    def test_the_parts_add_up(self):
        made = curves(lambda t: decay(t, 5.0), 0.3, 0.05, regularisation=0.2, epochs=24)
        gap = split_gap(made)
        total = (made.validation_loss - made.running_loss)[-8:].mean()
        assert math.isclose(gap.data - gap.lag - gap.regularisation, total, rel_tol=1e-9)

    @pytest.mark.parametrize("regularisation", [0.0, 0.4])
    def test_planted_parts_are_found(self, regularisation):
        epochs, tau = 24, 12.0
        gap = split_gap(curves(lambda t: decay(t, tau), 0.3, regularisation=regularisation, epochs=epochs))
        t = np.arange(epochs - 8, epochs) + 1.0
        mean_of_epoch = (LN10 - 0.05) * tau * (np.exp(-(t - 1) / tau) - np.exp(-t / tau))
        lag = (mean_of_epoch - (LN10 - 0.05) * np.exp(-t / tau)).mean()
        np.testing.assert_allclose(gap, (0.3, lag, regularisation), atol=0.02 * lag)

    def test_one_epoch(self):
        gap = split_gap(Curves([2.0], [1.5], [1.75]))
        np.testing.assert_allclose(gap, (0.25, 0.5, 0.0))


def softmax_regression(x, y, validation, c, twice=False, rate=1.0, epochs=40, steps=60):
    """A real training by plain full-batch gradient descent: (curves, label entropy)."""

    def logits(W, x):
        z = jnp.concatenate([x, jnp.ones((len(x), 1), x.dtype)], 1) @ W
        return jax.nn.softmax(z) if twice else z

    def loss(W, x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(W, x)), y[:, None], 1).mean()

    def step(W, _):
        value, g = jax.value_and_grad(loss)(W, x, y)
        return W - rate * g, value

    def epoch(W, _):
        W, values = jax.lax.scan(step, W, length=steps)
        right = [(logits(W, a).argmax(1).astype(b.dtype) == b).mean() for a, b in ((x, y), validation)]
        return W, (values.mean(), loss(W, x, y), loss(W, *validation), *right)

    W = 0.01 * jax.random.normal(jax.random.key(0), (x.shape[1] + 1, c), x.dtype)
    _, history = jax.jit(lambda W: jax.lax.scan(epoch, W, length=epochs))(W)
    return Curves(*map(np.asarray, history)), label_entropy(y)


class TestRealTrainings:
    def parts(self, name, noise=0.0):
        dataset = data.load(name)
        parts, _ = data.normalize(data.split(dataset))
        c, rng = len(dataset.classes), np.random.default_rng(0)
        noisy = []
        for x, y in (parts.train, parts.validation):
            wrong = rng.random(len(y)) < noise
            noisy.append((jnp.asarray(x), jnp.asarray(np.where(wrong, (y + 1) % c, y), jnp.int32)))
        return *noisy[0], noisy[1], c

    @pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
    def test_softmax_applied_twice(self, name):
        train_x, train_y, validation, c = self.parts(name)
        made, entropy = softmax_regression(train_x, train_y, validation, c, twice=True)
        found = diagnose(made, entropy, classes=c, n_validation=len(validation[1]))
        assert found.kind == "softmax applied twice"
        honest, entropy = softmax_regression(train_x, train_y, validation, c, rate=0.1)
        found = diagnose(honest, entropy, classes=c, n_validation=len(validation[1]))
        assert found.kind in ("ideal", "underfitting")

    def test_noisy_labels_are_not_taken_for_it(self):
        for noise in (0.1, 0.2, 0.3):
            train_x, train_y, validation, c = self.parts("breast_cancer", noise)
            made, entropy = softmax_regression(train_x, train_y, validation, c, rate=0.1)
            assert diagnose(made, entropy, classes=c).kind != "softmax applied twice"

    def test_inputs_that_say_nothing(self):
        train_x, train_y, validation, c = self.parts("iris")
        made, entropy = softmax_regression(0 * train_x, train_y, (0 * validation[0], validation[1]), c)
        assert diagnose(made, entropy, classes=c).kind == "constant prediction"

    def test_rates(self):
        train_x, train_y, validation, c = self.parts("wine")
        low, entropy = softmax_regression(train_x, train_y, validation, c, rate=1e-5)
        assert diagnose(low, entropy, classes=c).kind == "learning rate too low"
        shaky, entropy = softmax_regression(train_x, train_y, validation, c, rate=100.0, epochs=8, steps=2)
        assert diagnose(shaky, entropy, classes=c).kind in ("learning rate too high", "diverged")


class TestSanity:
    @pytest.mark.parametrize(
        ("loss", "c", "kind"),
        [
            (2.31, 10, "as expected"),
            (2.6, 10, "as expected"),
            (9.0, 10, "too high"),
            (32 * LN10, 10, "too high"),
            (0.9, 10, "too low"),
            (LN10 / 10, 10, "wrong reduction"),
            (0.70, 2, "as expected"),
            (math.log(2) / 2, 2, "too low"),
            (math.nan, 3, "not finite"),
        ],
    )
    def test_initial_loss(self, loss, c, kind):
        verdict = initial_loss(loss, c)
        assert verdict.kind == kind
        assert bool(verdict.try_next) == (kind != "as expected")
        assert f"ln {c} = " in verdict.evidence[0]

    @pytest.mark.parametrize(
        ("loss", "y", "accuracy", "kind"),
        [
            (decay(np.arange(100), 8, end=1e-4), [3], 1.0, "memorised"),
            (decay(np.arange(100), 8, end=1e-4), [3], None, "memorised"),
            (decay(np.arange(100), 8, end=1e-4), [0, 1, 2, 3], 0.75, "not memorised"),
            (decay(np.arange(100), 5, end=softmax_floor(10) + 1e-3), [3], 1.0, "softmax applied twice"),
            (decay(np.arange(100), 5, end=math.log(4)), [0, 1, 2, 3], 0.25, "constant prediction"),
            (decay(np.arange(100), 80, end=0), [0, 1], 1.0, "still falling"),
            (decay(np.arange(100), 5, end=0.8), [0, 1], 0.5, "not memorised"),
            (np.where(np.arange(9) < 4, 2.0, np.nan), [1], 0.0, "diverged"),
        ],
    )
    def test_overfit(self, loss, y, accuracy, kind):
        verdict = overfit(loss, y, 10, accuracy)
        assert verdict.kind == kind
        assert bool(verdict.try_next) == (kind != "memorised")
        assert f"{len(y)} example" in verdict.evidence[0]
        assert ("step 4" in verdict.evidence[-1]) == (kind == "diverged")

    def test_one_sample_learnt_by_gradient_descent(self):
        x, y = jnp.ones((1, 5)), jnp.array([2])
        for twice, kind in ((False, "memorised"), (True, "softmax applied twice")):
            made, _ = softmax_regression(x, y, (x, y), 3, twice=twice, rate=1.0, epochs=50)
            assert overfit(made.train_loss, y, 3, made.train_accuracy).kind == kind

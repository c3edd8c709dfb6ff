"""Verdicts on real trainings, and sanity checks."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import data, losses
from dlcore.diagnosis import (
    Curves,
    diagnose,
    expected_loss,
    initial_loss,
    label_entropy,
    overfit,
    softmax_floor,
)
from tests.diagnosis.problems import (
    LN10,
    decay,
)


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
            (3.2, 10, "as expected"),
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
        verdict = initial_loss(loss, expected_loss(losses.softmax_cross_entropy, np.arange(c), (c,)))
        assert verdict.kind == kind
        assert bool(verdict.try_next) == (kind != "as expected")
        assert f"ln {c} = " in verdict.evidence[0]

    @pytest.mark.parametrize(
        ("loss", "y", "accuracy", "kind"),
        [
            (decay(np.arange(100), 8, end=1e-4), [3], 1.0, "memorized"),
            (decay(np.arange(100), 8, end=1e-4), [3], None, "memorized"),
            (decay(np.arange(100), 8, end=1e-4), [0, 1, 2, 3], 0.75, "not memorized"),
            (decay(np.arange(100), 5, end=softmax_floor(10) + 1e-3), [3], 1.0, "softmax applied twice"),
            (decay(np.arange(100), 5, end=math.log(4)), [0, 1, 2, 3], 0.25, "constant prediction"),
            (decay(np.arange(100), 80, end=0), [0, 1], 1.0, "still falling"),
            (decay(np.arange(100), 5, end=0.8), [0, 1], 0.5, "not memorized"),
            (np.where(np.arange(9) < 4, 2.0, np.nan), [1], 0.0, "diverged"),
        ],
    )
    def test_overfit(self, loss, y, accuracy, kind):
        verdict = overfit(loss, y, 10, accuracy)
        assert verdict.kind == kind
        assert bool(verdict.try_next) == (kind != "memorized")
        assert f"{len(y)} example" in verdict.evidence[0]
        assert ("step 4" in verdict.evidence[-1]) == (kind == "diverged")

    def test_one_sample_learned_by_gradient_descent(self):
        x, y = jnp.ones((1, 5)), jnp.array([2])
        for twice, kind in ((False, "memorized"), (True, "softmax applied twice")):
            made, _ = softmax_regression(x, y, (x, y), 3, twice=twice, rate=1.0, epochs=50)
            assert overfit(made.train_loss, y, 3, made.train_accuracy).kind == kind

"""The loss that is expected before anything is learned, beside its closed form."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from dlcore import Setup, losses
from dlcore.data import Examples, Split
from dlcore.diagnosis import expected_loss, initial_loss, label_entropy, target_variance
from dlcore.layers import mlp
from dlcore.training import evaluate, start

RNG = np.random.default_rng(0)
Y = np.repeat(np.arange(4), [10, 20, 30, 40])
YES = np.repeat([0, 1], [30, 70])
TARGET = RNG.gamma(2.0, size=101)
WEIGHTS = RNG.uniform(0.5, 2, 101)
SHARE = np.bincount(Y) / len(Y)


def entropy(p):
    return -sum(q * math.log(q) for q in p)


def weighted_median(values, weights):
    """The value at which the weights below and above come nearest to each other, by trying all."""
    return min(values, key=lambda b: np.sum(weights * np.abs(values - b)))


def own(outputs, y):
    """A loss of somebody's: the fourth power of the error."""
    return (outputs - y) ** 4


def smoothed(a):
    """Cross entropy at the best constant: the entropy of the smoothed shares."""
    return entropy((1 - a) * SHARE + a / 4)


def by_linear_program(q):
    """The least mean of sum_j max(0, s_j - s_y + 1) over constant scores s: variables s, then the terms t >= 0."""
    pairs = [(k, j) for k in range(len(q)) for j in range(len(q)) if j != k]
    cost = [0.0] * len(q) + [q[k] for k, _ in pairs]
    rows = np.zeros((len(pairs), len(cost)))
    for i, (k, j) in enumerate(pairs):
        rows[i, [j, k, len(q) + i]] = 1, -1, -1
    bounds = [(None, None)] * len(q) + [(0, None)] * len(pairs)
    return linprog(cost, rows, -np.ones(len(pairs)), bounds=bounds).fun


CLASS_WEIGHTS = np.array([4.0, 1.0, 1.0, 0.5])
CLASSES = {
    "softmax": (losses.softmax_cross_entropy, math.log(4), entropy(SHARE)),
    "smoothed": (partial(losses.softmax_cross_entropy, label_smoothing=0.2), math.log(4), smoothed(0.2)),
    "class weights": (
        partial(losses.softmax_cross_entropy, class_weights=CLASS_WEIGHTS),
        math.log(4) * (CLASS_WEIGHTS * SHARE).sum(),
        (CLASS_WEIGHTS * SHARE).sum() * entropy(CLASS_WEIGHTS * SHARE / (CLASS_WEIGHTS * SHARE).sum()),
    ),
    "hinge": (losses.multiclass_hinge, 3.0, by_linear_program(SHARE)),
    "probabilities": (losses.categorical_cross_entropy, math.log(4), entropy(SHARE)),
}


class TestClosedForms:
    @pytest.mark.parametrize("name", CLASSES)
    def test_classes(self, name):
        loss, zero, constant = CLASSES[name]
        found = expected_loss(loss, Y, (4,))
        np.testing.assert_allclose((found.zero, found.constant), (zero, constant), rtol=1e-6)
        assert found.classes == 4

    @pytest.mark.parametrize("shape", [(), (1,)])
    def test_yes_or_no(self, shape):
        p, ln2 = 0.7, math.log(2)
        for loss, zero, constant in (
            (losses.sigmoid_binary_cross_entropy, ln2, entropy([p, 1 - p])),
            (losses.binary_cross_entropy, ln2, entropy([p, 1 - p])),
            (partial(losses.focal, gamma=0.0), ln2, entropy([p, 1 - p])),
            (losses.focal, ln2 / 4, None),
        ):
            found = expected_loss(loss, YES, shape)
            np.testing.assert_allclose(found.zero, zero, rtol=1e-6)
            if constant is not None:
                np.testing.assert_allclose(found.constant, constant, rtol=1e-6)

    def test_the_best_constant_of_the_focal_loss(self):
        """Beside a fine grid of probabilities."""
        p = np.linspace(1e-4, 1 - 1e-4, 200001)
        wanted = (-0.7 * (1 - p) ** 2 * np.log(p) - 0.3 * p**2 * np.log(1 - p)).min()
        np.testing.assert_allclose(expected_loss(losses.focal, YES, (1,)).constant, wanted, rtol=1e-8)

    def test_sides(self):
        """Labels -1 and 1: of the constants, one of the sides is best."""
        found = expected_loss(losses.hinge, 2 * YES - 1, (1,))
        np.testing.assert_allclose((found.zero, found.constant), (1.0, 2 * 0.3), rtol=1e-6)

    def test_several_outputs_of_yes_or_no(self):
        y = RNG.integers(0, 2, (60, 3)).astype(float)

        def loss(outputs, y):
            return losses.sigmoid_binary_cross_entropy(outputs, y).sum(-1)

        found = expected_loss(loss, y, (3,))
        wanted = 3 * math.log(2), sum(entropy([p, 1 - p]) for p in y.mean(0))
        np.testing.assert_allclose((found.zero, found.constant), wanted, rtol=1e-6)

    def test_quantities(self):
        y = TARGET[:, None]
        found = expected_loss(losses.squared_error, y, (1,))
        np.testing.assert_allclose((found.zero, found.constant), ((y**2).mean(), target_variance(y)), rtol=1e-6)
        found = expected_loss(losses.absolute_error, y, (1,))
        deviation = np.abs(y - np.median(y)).mean()
        np.testing.assert_allclose((found.zero, found.constant), (y.mean(), deviation), rtol=1e-6)
        found, grid = expected_loss(losses.huber, y, (1,)), np.linspace(0, 4, 40001)
        size = np.abs(y - grid)
        wanted = np.where(size < 1, size**2 / 2, size - 0.5).mean(0).min()
        np.testing.assert_allclose(found.constant, wanted, rtol=1e-6)

    def test_a_loss_of_ones_own(self):
        found, grid = expected_loss(own, TARGET), np.linspace(0, 8, 80001)
        wanted = ((TARGET[:, None] - grid) ** 4).mean(0).min()
        np.testing.assert_allclose((found.zero, found.constant), ((TARGET**4).mean(), wanted), rtol=1e-6)
        assert found.classes == 0

    def test_weights(self):
        y = TARGET[:, None]
        found = expected_loss(losses.squared_error, y, (1,), WEIGHTS)
        np.testing.assert_allclose(found.constant, target_variance(y, WEIGHTS), rtol=1e-6)
        found = expected_loss(losses.absolute_error, y, (1,), WEIGHTS)
        middle = weighted_median(TARGET, WEIGHTS)
        np.testing.assert_allclose(found.constant, np.average(np.abs(TARGET - middle), weights=WEIGHTS), rtol=1e-6)
        w = np.repeat([1.0, 3.0], [50, 50])
        found = expected_loss(losses.softmax_cross_entropy, Y, (4,), w)
        np.testing.assert_allclose(found.constant, label_entropy(Y, w), rtol=1e-6)

    def test_labels_of_pixels(self):
        y = RNG.integers(0, 3, (6, 4, 5))
        found = expected_loss(losses.softmax_cross_entropy, y, (4, 5, 3))
        np.testing.assert_allclose((found.zero, found.constant), (math.log(3), label_entropy(y.ravel())), rtol=1e-6)

    def test_labels_that_are_distributions(self):
        y = np.eye(4)[Y]
        found = expected_loss(losses.softmax_cross_entropy, y, (4,))
        np.testing.assert_allclose((found.zero, found.constant), (math.log(4), entropy(SHARE)), rtol=1e-6)

    def test_nothing_to_look_at(self):
        with pytest.raises(ValueError, match=r"needed labels \[n, \.\.\.\]"):
            expected_loss(losses.squared_error, np.zeros((0, 1)), (1,))


class TestVerdicts:
    @pytest.mark.parametrize(
        ("loss", "y", "shape", "name"),
        [
            (losses.multiclass_hinge, Y, (4,), "4 - 1"),
            (losses.sigmoid_binary_cross_entropy, YES, (1,), "ln 2"),
            (losses.huber, TARGET[:, None], (1,), "outputs that are 0"),
        ],
    )
    def test_a_fresh_network_is_as_expected(self, loss, y, shape, name):
        x = np.random.default_rng(1).normal(size=(len(y), 5))
        setup = Setup(mlp((16, *shape)), loss, batch_size=10)
        examples = Examples(jnp.asarray(x), jnp.asarray(y))
        for seed in range(3):
            first = start(setup, Split(examples, examples), jax.random.key(seed))
            value = float(evaluate(setup, first.params, first.model_state, examples)[0])
            verdict = initial_loss(value, expected_loss(loss, y, shape))
            assert verdict.kind == "as expected"
            assert f"{name} = " in verdict.evidence[0]

    def test_what_is_wrong(self):
        expected = expected_loss(losses.multiclass_hinge, Y, (4,))
        kinds = [initial_loss(v, expected).kind for v in (3.0, 100.0, 1.0, math.log(4) / 4, math.inf)]
        assert 8 < expected.loud < 11  # 3 E max(0, 1 + d), d normal of variance 32
        assert kinds == ["as expected", "too high", "too low", "wrong reduction", "not finite"]
        expected = expected_loss(losses.squared_error, 100 + TARGET[:, None], (1,))  # nobody took the mean off
        assert initial_loss(expected.zero, expected).kind == "as expected"
        assert initial_loss(0.5 * expected.constant, expected).kind == "too low"

    def test_classes_of_different_size_are_no_fault(self):
        """Outputs that begin at the shares of the classes lose the label entropy, far below ln c."""
        y = np.repeat([0, 1], [98, 2])
        assert (
            initial_loss(label_entropy(y), expected_loss(losses.softmax_cross_entropy, y, (2,))).kind == "as expected"
        )

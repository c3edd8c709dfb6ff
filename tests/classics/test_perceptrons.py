"""The first neurons."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import linear_model

from dlcore.classics import (
    ThresholdUnit,
    adaline_fit,
    and_unit,
    linear_classifier,
    logistic_regression,
    logistic_regression_fit,
    mcculloch_pitts,
    not_unit,
    or_unit,
    perceptron_fit,
    svm_fit,
)
from dlcore.layers import dense
from tests.classics.problems import RNG, sides, table

pytestmark = pytest.mark.slow
CORNERS = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = jnp.array([-1.0, 1.0, 1.0, -1.0])


# the first neurons


def test_mcculloch_pitts_units_are_logic():
    """AND, OR and NOT on all inputs; and XOR by two layers of them: OR but not AND."""
    a, b = CORNERS.T.astype(bool)
    both, either = mcculloch_pitts(and_unit(2), CORNERS), mcculloch_pitts(or_unit(2), CORNERS)
    np.testing.assert_array_equal(both, a & b)
    np.testing.assert_array_equal(either, a | b)
    np.testing.assert_array_equal(mcculloch_pitts(not_unit(), CORNERS[:, :1]), ~a)
    but_not = ThresholdUnit(jnp.array([1.0, -1.0]), jnp.asarray(1.0))
    np.testing.assert_array_equal(mcculloch_pitts(but_not, jnp.stack([either, both], axis=1)), a ^ b)


def plain_perceptron(x, y, epochs):
    """(w, b, updates) by loops."""
    w, b, updates = np.zeros(x.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for xi, yi in zip(x, y, strict=True):
            if yi * (xi @ w + b) <= 0:
                w, b, updates = w + yi * xi, b + yi, updates + 1
        if updates == before:
            break
    return w, b, updates


def test_perceptron_converges_within_novikoffs_bound():
    """On separable flowers: no mistake is left, as in a plain loop, after at most (R/margin)² updates."""
    x, y = table("iris")
    y = sides((y == 0).astype(int))
    params = perceptron_fit(x, y)
    np.testing.assert_array_equal(linear_classifier(params, x), y)
    w, b, updates = plain_perceptron(np.asarray(x), np.asarray(y), 1000)
    np.testing.assert_allclose(jnp.append(params["kernel"], params["bias"]), np.append(w, b), rtol=1e-12)
    best = svm_fit(x, y, C=1e6, tolerance=1e-8)
    size = jnp.sqrt(best["kernel"] @ best["kernel"] + best["bias"] ** 2)
    margin = jnp.min(y.astype(x.dtype) * dense(best, x)) / size
    assert 0 < updates <= jnp.max(jnp.sum(x**2, axis=1) + 1) / margin**2


@pytest.mark.parametrize("epochs", [1, 7])
def test_perceptron_and_adaline_as_scikit_learn(epochs):
    """Epoch by epoch, where no hyperplane separates the classes."""
    x, y = table("wine")
    x, y = x[:, :3], sides((y == 1).astype(int))
    known = {"max_iter": epochs, "tol": None, "shuffle": False}
    oracle = linear_model.Perceptron(**known).fit(x, y)
    params = perceptron_fit(x, y, epochs=epochs)
    np.testing.assert_allclose(params["kernel"], oracle.coef_[0], rtol=1e-10)
    np.testing.assert_allclose(params["bias"], oracle.intercept_[0])
    oracle = linear_model.SGDRegressor(penalty=None, learning_rate="constant", eta0=0.05, **known)
    oracle.fit(x, np.asarray(y, float))
    params = adaline_fit(x, y, 0.05, epochs)
    np.testing.assert_allclose(params["kernel"], oracle.coef_, rtol=1e-9)
    np.testing.assert_array_equal(linear_classifier(params, x), np.where(oracle.predict(x) >= 0, 1, -1))


def test_no_hyperplane_solves_xor():
    """The perceptron still errs after its epochs, and any other line does: at most three of four corners."""
    params = perceptron_fit(CORNERS, XOR, epochs=200)
    assert (linear_classifier(params, CORNERS) == XOR).sum() < 4
    lines = {"kernel": jnp.asarray(RNG.normal(size=(2, 5000))), "bias": jnp.asarray(RNG.normal(size=5000))}
    right = (linear_classifier(lines, CORNERS) == XOR[:, None]).sum(axis=0)
    assert right.max() == 3
    np.testing.assert_allclose(logistic_regression(logistic_regression_fit(CORNERS, (XOR + 1) // 2), CORNERS), 0.5)

"""Linear regression and ridge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import datasets, linear_model

from dlcore.classics import (
    linear_regression,
    linear_regression_fit,
    linear_regression_loss,
    logistic_regression,
    logistic_regression_fit,
)
from dlcore.classics.units import power_of_two
from dlcore.solvers import LBFGS, QR, GradientDescent, NormalEquations
from tests.classics.problems import RNG, X, Y, digits, table

pytestmark = pytest.mark.slow


# linear regression and ridge


@pytest.mark.parametrize("alpha", [0.0, 0.5, 100.0])
def test_ridge_as_scikit_learn(alpha):
    """By QR and by the normal equations, on features as measured."""
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    oracle = linear_model.Ridge(alpha, solver="svd").fit(x, y)
    for method in (QR(), NormalEquations()):
        params = linear_regression_fit(jnp.asarray(x), jnp.asarray(y), alpha, method)
        np.testing.assert_allclose(params["kernel"], oracle.coef_, rtol=1e-8)
        np.testing.assert_allclose(params["bias"], oracle.intercept_, rtol=1e-8)
        np.testing.assert_allclose(linear_regression(params, jnp.asarray(x)), oracle.predict(x), rtol=1e-9)


@pytest.mark.parametrize("method", [GradientDescent(max_steps=3000), LBFGS()], ids=lambda m: type(m).__name__)
def test_least_squares_by_gradient(method):
    """Descent ends where the closed form is, for one output and for two, and the gradient vanishes there."""
    x, y = table("diabetes")
    two = jnp.stack([y, x[:, 0] ** 2], axis=1)
    for targets in (y, two):
        exact = linear_regression_fit(x, targets, 3.0)
        params = linear_regression_fit(x, targets, 3.0, method)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), params, exact)
        gradient = jax.grad(linear_regression_loss)(exact, x, targets, 3.0)
        size = linear_regression_loss(exact, x, targets)
        assert max(jnp.max(jnp.abs(g)) for g in jax.tree.leaves(gradient)) < 1e-10 * size


def test_loss_is_the_sum_of_squares():
    """The matrix form of the lecture, without 1/n, plus the penalty on the weights alone."""
    x, y = table("diabetes")
    params = {"kernel": jnp.arange(10.0), "bias": jnp.asarray(2.0)}
    errors = np.asarray(x) @ np.arange(10.0) + 2 - np.asarray(y)
    expected = errors @ errors + 0.5 * np.sum(np.arange(10.0) ** 2)
    np.testing.assert_allclose(linear_regression_loss(params, x, y, 0.5), expected, rtol=1e-12)


def test_normal_equations_lose_half_of_the_digits():
    """A polynomial of degree 9 with coefficients 1: QR loses log10 of the condition, the normal equations twice it."""
    t = jnp.linspace(0, 1, 50)
    x = jnp.stack([t**k for k in range(1, 10)], axis=1)
    y = 1 + x @ jnp.ones(9)
    by_qr, by_squares = (
        digits(linear_regression_fit(x, y, method=m)["kernel"], np.ones(9)) for m in (QR(), NormalEquations())
    )
    assert by_qr > 7.5
    assert not by_squares > 5


def test_more_features_than_examples():
    """QR gives a solution of least squares still; the normal equations say that there is no single one."""
    x, y = jnp.asarray(RNG.normal(size=(5, 8))), jnp.asarray(RNG.normal(size=5))
    params = linear_regression_fit(x, y)
    np.testing.assert_allclose(linear_regression(params, x), y, atol=1e-10)
    with_ridge = linear_regression_fit(x, y, 0.1)
    oracle = linear_model.Ridge(0.1).fit(x, y)
    np.testing.assert_allclose(with_ridge["kernel"], oracle.coef_, rtol=1e-8)


FAR = {
    "near": np.arange(200) % 32 / 4,
    "far": 100_000 + np.arange(200) % 32 / 4,
    "years, many": 2000.0 + np.arange(50_000) % 16,
}


@pytest.mark.parametrize("where", FAR)
@pytest.mark.parametrize("method", [QR(), NormalEquations(), LBFGS()], ids=lambda m: type(m).__name__)
def test_a_feature_far_from_the_origin_keeps_its_slope(where, method):
    """In float32, where the raw columns x and 1 differ in their last digits alone."""
    wide = FAR[where]
    x, y = jnp.asarray(wide, jnp.float32)[:, None], jnp.asarray(2 * (wide - wide.min()) + 1, jnp.float32)
    params = linear_regression_fit(x, y, method=method)
    np.testing.assert_allclose(params["kernel"], [2], rtol=1e-4)
    np.testing.assert_allclose(linear_regression(params, x), y, atol=4e-7 * 2 * wide.max() + 1e-4)


@pytest.mark.parametrize("scale", [1e20, 1e-25])
def test_linear_fits_have_no_unit(scale):
    """Slopes are inverse to the unit of x and proportional to that of y, although its squares leave float32."""
    x, y = X.astype(jnp.float32), (X @ jnp.arange(1.0, 5.0) + 3).astype(jnp.float32)
    usual = linear_regression_fit(x, y)
    for of_x, of_y in ((scale, 1.0), (1.0, scale), (scale, scale)):
        params = linear_regression_fit(x * np.float32(of_x), y * np.float32(of_y))
        np.testing.assert_allclose(params["kernel"] * of_x / of_y, usual["kernel"], rtol=1e-5)
        np.testing.assert_allclose(params["bias"] / of_y, usual["bias"], rtol=1e-5)
    usual = logistic_regression(logistic_regression_fit(x, Y), x)
    np.testing.assert_allclose(
        logistic_regression(logistic_regression_fit(x * np.float32(scale), Y), x * np.float32(scale)), usual, rtol=1e-3
    )


def test_a_penalty_larger_than_the_data_is_ridge_still():
    """Features of 1e-25 under a penalty of 1/2: nothing is learned of them, and nothing overflows."""
    x, y = X.astype(jnp.float32) * np.float32(1e-25), Y.astype(jnp.float32)
    params = linear_regression_fit(x, y, 0.5)
    np.testing.assert_allclose(params["kernel"], 0, atol=1e-23)
    np.testing.assert_allclose(params["bias"], y.mean(), rtol=1e-6)


def test_logistic_regression_far_from_the_origin():
    """Years and altitudes in float32: the probabilities are those of the same features around 0."""
    x = jnp.round(64 * X.astype(jnp.float32)) / 64
    usual = logistic_regression_fit(x, Y)
    params = logistic_regression_fit(x + 2048, Y)
    np.testing.assert_allclose(params["kernel"], usual["kernel"], rtol=1e-3)


def test_the_power_of_two_below():
    x = jnp.asarray([1.0, 1.99, 2.0, 0.75, 3e38, 2e-38, 0.0, jnp.inf, jnp.nan], jnp.float32)
    np.testing.assert_array_equal(power_of_two(x), np.float32([1, 1, 2, 0.5, 2.0**127, 2.0**-126, 1, 1, 1]))

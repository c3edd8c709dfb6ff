"""Logistic and softmax regression."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import linear_model

from dlcore.classics import (
    logistic_regression,
    logistic_regression_fit,
    logistic_regression_loss,
    softmax_regression,
    softmax_regression_fit,
    softmax_regression_loss,
)
from dlcore.solvers import LBFGS, GradientDescent, Newton, standard_errors
from experiments.nist_problems import read_logistic
from tests.classics.problems import digits, table

pytestmark = pytest.mark.slow


# logistic and softmax regression


@pytest.mark.parametrize("method", [Newton(), LBFGS()], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_logistic_as_scikit_learn(C, method):
    x, y = table("breast_cancer")
    oracle = linear_model.LogisticRegression(C=C, tol=1e-10, solver="newton-cholesky").fit(x, y)
    params = logistic_regression_fit(x, y, 1 / (2 * C), method)
    np.testing.assert_allclose(params["kernel"], oracle.coef_[0], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(params["bias"], oracle.intercept_[0], rtol=1e-6)
    np.testing.assert_allclose(logistic_regression(params, x), oracle.predict_proba(x)[:, 1], rtol=1e-6)


def test_logistic_by_gradient_descent():
    """The lecture's method reaches the same minimum, in more steps."""
    x, y = table("breast_cancer")
    exact = logistic_regression_fit(x, y, 0.5, Newton())
    params = logistic_regression_fit(x, y, 0.5, GradientDescent(max_steps=3000))
    np.testing.assert_allclose(params["kernel"], exact["kernel"], atol=1e-5)


@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_softmax_as_scikit_learn(name):
    x, y = table(name)
    classes = int(y.max()) + 1
    oracle = linear_model.LogisticRegression(C=0.5, tol=1e-7, solver="newton-cg").fit(x, y)
    params = softmax_regression_fit(x, y, classes, 1.0)
    np.testing.assert_allclose(params["kernel"].T, oracle.coef_, atol=1e-3)
    np.testing.assert_allclose(softmax_regression(params, x), oracle.predict_proba(x), atol=1e-4)
    gradient = jax.grad(softmax_regression_loss)(params, x, y, 1.0)
    assert max(jnp.max(jnp.abs(g)) for g in jax.tree.leaves(gradient)) < 1e-6


def test_softmax_by_newton_and_as_logistic():
    """Newton's method needs few undamped steps; two classes are the logistic model of the difference."""
    x, y = table("wine")
    by_newton, by_lbfgs = (softmax_regression_fit(x, y, 3, 1.0, m) for m in (Newton(max_steps=10), LBFGS()))
    np.testing.assert_allclose(by_newton["kernel"], by_lbfgs["kernel"], atol=1e-6)
    x, y = table("breast_cancer")
    two = softmax_regression_fit(x, y, 2, 1.0, Newton())
    one = logistic_regression_fit(x, y, 0.5, Newton())  # ½‖w‖² spread over two classes is ‖w/2‖² + ‖w/2‖²
    np.testing.assert_allclose(two["kernel"][:, 1] - two["kernel"][:, 0], one["kernel"], rtol=1e-8)


@pytest.mark.parametrize("i", range(4))
def test_certified_maximum_likelihood(i, data_dir):
    """Fits certified to 30 digits (anes96: 7 classes, Stata to about 7 beyond rounding)."""
    problem = read_logistic(data_dir)[i]
    x, y, certified = jnp.asarray(problem.X[:, :-1]), jnp.asarray(problem.y).astype(int), problem.params

    def coefficients(method):
        if certified.ndim == 1:
            params = logistic_regression_fit(x, y, method=method)
            return params, jnp.append(params["kernel"], params["bias"])
        params = softmax_regression_fit(x, y, certified.shape[1] + 1, method=method)
        full = jnp.concatenate([params["kernel"], params["bias"][None]])
        return params, full[:, 1:] - full[:, :1]

    params, by_newton = coefficients(Newton(gradient_tolerance=1e-11))
    assert digits(by_newton, certified) >= 12
    assert digits(coefficients(LBFGS(max_steps=3000, gradient_tolerance=1e-10))[1], certified) >= 6
    if problem.errors is not None:
        errors = standard_errors(logistic_regression_loss, params, args=(x, y))
        assert digits(jnp.append(errors["kernel"], errors["bias"]), problem.errors) >= 8

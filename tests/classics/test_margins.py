"""The support vector machine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import svm as sklearn_svm

from dlcore.classics import (
    linear_classifier,
    svm_fit,
    svm_loss,
)
from tests.classics.problems import sides, table

pytestmark = pytest.mark.slow


# the support vector machine


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_svm_as_scikit_learn(C):
    x, y = table("breast_cancer")
    y = sides(y)
    oracle = sklearn_svm.LinearSVC(loss="hinge", C=C, tol=1e-8, max_iter=1_000_000, random_state=0).fit(x, y)
    params = svm_fit(x, y, C, tolerance=1e-6)
    np.testing.assert_allclose(params["kernel"], oracle.coef_[0], atol=1e-5)
    np.testing.assert_allclose(params["bias"], oracle.intercept_[0], atol=1e-5)
    np.testing.assert_array_equal(linear_classifier(params, x), oracle.predict(x))
    best = {"kernel": jnp.asarray(oracle.coef_[0]), "bias": jnp.asarray(oracle.intercept_[0])}
    np.testing.assert_allclose(svm_loss(params, x, y, C), svm_loss(best, x, y, C), rtol=1e-7)


def test_the_loss_of_the_svm_is_its_formula():
    """The bias in the norm, as LIBLINEAR has it; examples on the right side of the margin cost nothing."""
    params = {"kernel": jnp.asarray([3.0, -1.0]), "bias": jnp.asarray(2.0)}
    x, y = jnp.asarray([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]), jnp.asarray([1, 1, 1])
    np.testing.assert_allclose(svm_loss(params, x, y, 0.5), (9 + 1 + 4) / 2 + 0.5 * (0 + 1 + 3), rtol=1e-14)


def test_a_step_in_the_dual_is_exact_for_one_example():
    """Of one example $\\alpha = 1 / (\\|x\\|^2 + 1)$ is the minimum, by hand, and one step is there."""
    x = jnp.asarray([[3.0, -1.0]])
    params = svm_fit(x, jnp.asarray([-1]), 10.0, max_epochs=1)
    np.testing.assert_allclose(params["kernel"], -x[0] / 11, rtol=1e-14)
    np.testing.assert_allclose(params["bias"], -1 / 11, rtol=1e-14)


def test_svm_of_many_classes_is_a_vmap():
    """One problem for each class, together as alone and as scikit-learn's one against the rest."""
    x, y = table("wine")
    targets = jnp.where(y[None, :] == jnp.arange(3)[:, None], 1, -1)
    oracle = sklearn_svm.LinearSVC(loss="hinge", tol=1e-8, max_iter=1_000_000, random_state=0).fit(x, y)
    together = jax.vmap(lambda t: svm_fit(x, t, tolerance=1e-6))(targets)
    np.testing.assert_allclose(together["kernel"], oracle.coef_, atol=1e-5)
    np.testing.assert_allclose(together["kernel"][1], svm_fit(x, targets[1], tolerance=1e-6)["kernel"], rtol=1e-9)

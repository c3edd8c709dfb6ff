"""What all classic fits have in common."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.classics import (
    adaline_fit,
    k_means,
    k_means_fit,
    linear_classifier,
    linear_regression,
    linear_regression_fit,
    linear_regression_loss,
    lloyd,
    logistic_regression,
    logistic_regression_fit,
    pca,
    pca_fit,
    pca_inverse,
    perceptron_fit,
    softmax_regression_fit,
    svm_fit,
)
from tests.classics.problems import X, Y, sides

pytestmark = pytest.mark.slow


# all of them

FITS = {
    "linear": (lambda x, y: linear_regression_fit(x, y.astype(x.dtype), 0.5), linear_regression),
    "logistic": (lambda x, y: logistic_regression_fit(x, y, 0.5), logistic_regression),
    "perceptron": (lambda x, y: perceptron_fit(x, sides(y), epochs=20), linear_classifier),
    "adaline": (lambda x, y: adaline_fit(x, sides(y), epochs=20), linear_classifier),
    "svm": (lambda x, y: svm_fit(x, sides(y)), linear_classifier),
    "k-means": (lambda x, y: lloyd(x[:2], x), k_means),
    "pca": (lambda x, y: pca_fit(x, 2), pca),
}


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("name", FITS)
def test_dtype_is_kept(name, dtype):
    """Parameters in the dtype of the data, close to those of float64 on the same data; strong numbers beside."""
    fit, apply = FITS[name]
    x = X.astype(dtype)
    params = fit(x, Y)
    assert {p.dtype for p in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    assert apply(params, x).dtype in (jnp.dtype(dtype), jnp.dtype(int))
    exact = fit(x.astype(jnp.float64), Y)
    tolerance = 0.03 if dtype == jnp.bfloat16 else 0.005
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a.astype(jnp.float64), b, rtol=tolerance, atol=tolerance), params, exact
    )


def test_hyperparameters_may_be_arrays():
    """Of another dtype than the data, and swept."""
    x, y = X, Y
    swept = jnp.array([0.1, 1.0], jnp.float32)
    jax.vmap(lambda a: linear_regression_fit(x, y.astype(x.dtype), a))(swept)
    by_l2 = jax.vmap(lambda a: logistic_regression_fit(x, y, a))(swept)
    assert jnp.linalg.norm(by_l2["kernel"][1]) < jnp.linalg.norm(by_l2["kernel"][0])
    jax.vmap(lambda a: perceptron_fit(x, sides(y), a, 5))(swept)
    jax.vmap(lambda a: adaline_fit(x, sides(y), a / 100, 5))(swept)
    by_C = jax.vmap(lambda C: svm_fit(x, sides(y), C))(swept)
    alone = svm_fit(x, sides(y), 1.0)
    np.testing.assert_allclose(by_C["kernel"][1], alone["kernel"], atol=1e-3)


def test_wrong_labels_show():
    """Labels of the other convention, and data that are not finite, give NaN, never a plausible answer."""
    x, y = X, Y
    broken = x.at[3, 1].set(jnp.nan)
    for params in (
        logistic_regression_fit(x, sides(y)),
        softmax_regression_fit(x, y + 1, 2),
        perceptron_fit(x, y),
        adaline_fit(x, y),
        svm_fit(x, y),
        *(fit(broken, y) for fit, _ in FITS.values()),
    ):
        assert any(jnp.isnan(p).any() for p in jax.tree.leaves(params))


def test_bad_input_is_an_error():
    """What was needed, what came, what to try; (n, 1) never broadcasts against (n,)."""
    x, y = X, Y
    with pytest.raises(ValueError, match=r"y: needed \[40\] for x \[40, 4\], got \[40, 1\]; try y\[:, 0\]"):
        logistic_regression_fit(x, y[:, None])
    for fit in (perceptron_fit, adaline_fit, svm_fit):
        with pytest.raises(ValueError, match=r"y: needed \[40\]"):
            fit(x, sides(y)[:, None])
    with pytest.raises(ValueError, match=r"y: needed \[40\] or \[40, k\]"):
        linear_regression_fit(x, y[:3].astype(float))
    with pytest.raises(ValueError, match="needed equal shapes"):
        linear_regression_loss(linear_regression_fit(x, y.astype(float)), x, y[:, None].astype(float))
    with pytest.raises(ValueError, match=r"x: needed examples \[n, d\].*try x\[:, None\] for one feature"):
        linear_regression_fit(x[:, 0], y.astype(float))
    with pytest.raises(TypeError, match="x: needed a floating type"):
        perceptron_fit(y[:, None], sides(y))
    with pytest.raises(ValueError, match=r"dense: needed x \[\.\.\., 4\]"):
        logistic_regression(logistic_regression_fit(x, y), x[:, :2])
    with pytest.raises(ValueError, match="needed at least two classes"):
        softmax_regression_fit(x, y, 1)
    with pytest.raises(ValueError, match="k: needed an integer from 1 to 40, got 41; try k=40"):
        k_means_fit(jax.random.key(0), x, 41)
    with pytest.raises(ValueError, match="lloyd: needed 1 to 2 centers"):
        lloyd(x[:3], x[:2])
    with pytest.raises(ValueError, match=r"k-means: needed centers"):
        k_means(x[:3], x[:, :2])
    with pytest.raises(ValueError, match=r"1 to min\(n, d\) components"):
        pca_fit(x, 5)
    with pytest.raises(ValueError, match=r"x: needed \[\.\.\., 4\]"):
        pca(pca_fit(x, 2), x[:, :3])
    with pytest.raises(ValueError, match=r"z: needed \[\.\.\., 2\]"):
        pca_inverse(pca_fit(x, 2), x)

"""Linear models and the classics: against scikit-learn, certified values, plain twins, and the theorems behind them."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import cluster, datasets, decomposition, linear_model
from sklearn import svm as sklearn_svm

from dlcore.models import (
    ThresholdUnit,
    adaline,
    adaline_fit,
    affine,
    and_unit,
    inertia,
    k_means,
    k_means_fit,
    k_means_plus_plus,
    linear_regression,
    linear_regression_fit,
    linear_regression_loss,
    lloyd,
    logistic_regression,
    logistic_regression_fit,
    logistic_regression_loss,
    mcculloch_pitts,
    not_unit,
    or_unit,
    pca,
    pca_fit,
    pca_inverse,
    perceptron,
    perceptron_fit,
    softmax_regression,
    softmax_regression_fit,
    softmax_regression_loss,
    svm,
    svm_fit,
    svm_loss,
)
from dlcore.solvers import LBFGS, QR, GradientDescent, Newton, NormalEquations, standard_errors
from experiments.nist_problems import read_logistic

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_compilation")]

RNG = np.random.default_rng(0)
CORNERS = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = jnp.array([-1.0, 1.0, 1.0, -1.0])


def table(name, standardised=True):
    """x [n, d] in float64, each feature with mean 0 and variance 1 if asked, and the target."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if standardised:
        x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    return jnp.asarray(x), jnp.asarray(y)


def sides(y):
    """-1 and 1 for 0 and 1."""
    return 2 * y - 1


def digits(computed, exact):
    """Correct decimal digits of the worst number."""
    pairs = zip(np.ravel(computed), np.ravel(exact), strict=True)
    return -np.log10(max(float(abs(Fraction(float(c)) / Fraction(float(e)) - 1)) for c, e in pairs) + 1e-16)


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
    np.testing.assert_array_equal(perceptron(params, x), y)
    w, b, updates = plain_perceptron(np.asarray(x), np.asarray(y), 1000)
    np.testing.assert_allclose(jnp.append(params["kernel"], params["bias"]), np.append(w, b), rtol=1e-12)
    best = svm_fit(x, y, C=1e6, tolerance=1e-8)
    size = jnp.sqrt(best["kernel"] @ best["kernel"] + best["bias"] ** 2)
    margin = jnp.min(y.astype(x.dtype) * affine(best, x)) / size
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
    np.testing.assert_array_equal(adaline(params, x), np.where(oracle.predict(x) >= 0, 1, -1))


def test_no_hyperplane_solves_xor():
    """The perceptron still errs after its epochs, and any other line does: at most three of four corners."""
    params = perceptron_fit(CORNERS, XOR, epochs=200)
    assert (perceptron(params, CORNERS) == XOR).sum() < 4
    lines = {"kernel": jnp.asarray(RNG.normal(size=(2, 5000))), "bias": jnp.asarray(RNG.normal(size=5000))}
    right = (perceptron(lines, CORNERS) == XOR[:, None]).sum(axis=0)
    assert right.max() == 3
    np.testing.assert_allclose(logistic_regression(logistic_regression_fit(CORNERS, (XOR + 1) // 2), CORNERS), 0.5)


# the support vector machine


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_svm_as_scikit_learn(C):
    x, y = table("breast_cancer")
    y = sides(y)
    oracle = sklearn_svm.LinearSVC(loss="hinge", C=C, tol=1e-8, max_iter=1_000_000, random_state=0).fit(x, y)
    params = svm_fit(x, y, C, tolerance=1e-6)
    np.testing.assert_allclose(params["kernel"], oracle.coef_[0], atol=1e-5)
    np.testing.assert_allclose(params["bias"], oracle.intercept_[0], atol=1e-5)
    np.testing.assert_array_equal(svm(params, x), oracle.predict(x))
    best = {"kernel": jnp.asarray(oracle.coef_[0]), "bias": jnp.asarray(oracle.intercept_[0])}
    np.testing.assert_allclose(svm_loss(params, x, y, C), svm_loss(best, x, y, C), rtol=1e-7)


def test_svm_of_many_classes_is_a_vmap():
    """One problem for each class, together as alone and as scikit-learn's one against the rest."""
    x, y = table("wine")
    targets = jnp.where(y[None, :] == jnp.arange(3)[:, None], 1, -1)
    oracle = sklearn_svm.LinearSVC(loss="hinge", tol=1e-8, max_iter=1_000_000, random_state=0).fit(x, y)
    together = jax.vmap(lambda t: svm_fit(x, t, tolerance=1e-6))(targets)
    np.testing.assert_allclose(together["kernel"], oracle.coef_, atol=1e-5)
    np.testing.assert_allclose(together["kernel"][1], svm_fit(x, targets[1], tolerance=1e-6)["kernel"], rtol=1e-9)


# clusters and components


@pytest.mark.parametrize(("name", "k"), [("iris", 3), ("wine", 5), ("digits", 10)])
def test_lloyd_as_scikit_learn(name, k):
    """The same centres from the same start."""
    x, _ = table(name)
    start = k_means_plus_plus(jax.random.key(1), x, k)
    oracle = cluster.KMeans(k, init=np.asarray(start), n_init=1, tol=0, algorithm="lloyd", max_iter=1000).fit(x)
    centers = lloyd(start, x, 1000)
    np.testing.assert_allclose(centers, oracle.cluster_centers_, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(k_means(centers, x), oracle.labels_)
    np.testing.assert_allclose(inertia(centers, x), oracle.inertia_)


def test_no_step_of_lloyd_raises_inertia():
    x, _ = table("digits")
    centers = x[:10]
    course = []
    for _ in range(8):
        course.append(float(inertia(centers, x)))
        centers = lloyd(centers, x, 1)
    assert (np.diff(course) < 0).all()


def test_a_centre_without_examples_starts_anew():
    """A far centre gets nothing at first; in the end each cloud has its own."""
    clouds = jnp.asarray(np.repeat([[0.0, 0.0], [20.0, 0.0]], 20, axis=0) + RNG.normal(size=(40, 2)))
    centers = lloyd(jnp.array([[0.0, 0.0], [900.0, 900.0]]), clouds)
    np.testing.assert_allclose(centers[jnp.argsort(centers[:, 0])], clouds.reshape(2, 20, 2).mean(1), rtol=1e-12)
    same = lloyd(jnp.array([[1.0], [2.0], [3.0]]), jnp.ones((4, 1)))
    np.testing.assert_array_equal(same, np.ones((3, 1)))


def test_plus_plus_draws_by_squared_distance():
    """Examples of the data, all different; frequencies of the second as p_i ~ d_i² says, within five sigma."""
    x = jnp.array([[0.0], [1.0], [3.0]])
    draws = jax.vmap(lambda key: k_means_plus_plus(key, x, 2))(jax.random.split(jax.random.key(0), 4000))[..., 0]
    assert (draws[:, 0] != draws[:, 1]).all()
    from_0 = draws[draws[:, 0] == 0, 1]
    assert abs(len(from_0) - 4000 / 3) < 5 * np.sqrt(4000 * 2 / 9)
    assert abs(float((from_0 == 3).mean()) - 0.9) < 5 * np.sqrt(0.09 / len(from_0))


def test_restarts_are_a_vmap():
    """Many keys at once equal the keys alone, and the best of them is at least as good."""
    x, _ = table("iris")
    keys = jax.random.split(jax.random.key(0), 8)
    many = jax.vmap(lambda key: k_means_fit(key, x, 3))(keys)
    np.testing.assert_allclose(many[2], k_means_fit(keys[2], x, 3), rtol=1e-12)
    values = jax.vmap(inertia, (0, None))(many, x)
    best = cluster.KMeans(3, n_init=20, random_state=0, tol=0).fit(x).inertia_
    np.testing.assert_allclose(values.min(), best, rtol=1e-9)


@pytest.mark.parametrize(("name", "k"), [("wine", 13), ("digits", 10)])
def test_pca_as_scikit_learn(name, k):
    """Sign included; all components give back the data, and k of them what scikit-learn's give."""
    x, _ = table(name, standardised=False)
    oracle = decomposition.PCA(k, svd_solver="full").fit(x)
    params = pca_fit(x, k)
    np.testing.assert_allclose(params.components, oracle.components_, atol=1e-9)
    np.testing.assert_allclose(params.variance, oracle.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(params.ratio, oracle.explained_variance_ratio_, rtol=1e-9)
    z = pca(params, x)
    np.testing.assert_allclose(z, oracle.transform(x), atol=1e-8)
    np.testing.assert_allclose(pca_inverse(params, z), oracle.inverse_transform(np.asarray(z)), atol=1e-8)
    np.testing.assert_allclose(jnp.cov(z.T), jnp.diag(params.variance), atol=1e-6 * params.variance[0])


def test_pca_keeps_small_variances():
    """A direction of standard deviation 1e-9 beside one of 1: 1e-18 is below the rounding of the covariance matrix."""
    Q, _ = np.linalg.qr(RNG.normal(size=(2, 2)))
    x = jnp.asarray(RNG.normal(size=(100, 2)) * np.array([1.0, 1e-9]) @ Q)
    assert 0.7e-9 < jnp.sqrt(pca_fit(x, 2).variance[1]) < 1.4e-9


# all of them

FITS = {
    "linear": (lambda x, y: linear_regression_fit(x, y.astype(x.dtype), 0.5), linear_regression),
    "logistic": (lambda x, y: logistic_regression_fit(x, y, 0.5), logistic_regression),
    "perceptron": (lambda x, y: perceptron_fit(x, sides(y), epochs=20), perceptron),
    "adaline": (lambda x, y: adaline_fit(x, sides(y), epochs=20), adaline),
    "svm": (lambda x, y: svm_fit(x, sides(y)), svm),
    "k-means": (lambda x, y: lloyd(x[:2], x), k_means),
    "pca": (lambda x, y: pca_fit(x, 2), pca),
}
X = jnp.asarray(RNG.normal(size=(40, 4)))
Y = (X[:, 0] + 0.5 * X[:, 1] + jnp.asarray(RNG.normal(size=40)) > 0).astype(int)


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
    with pytest.raises(ValueError, match=r"affine: needed x \[\.\.\., 4\]"):
        logistic_regression(logistic_regression_fit(x, y), x[:, :2])
    with pytest.raises(ValueError, match="needed at least two classes"):
        softmax_regression_fit(x, y, 1)
    with pytest.raises(ValueError, match="k: needed 1 to 40 clusters"):
        k_means_fit(jax.random.key(0), x, 41)
    with pytest.raises(ValueError, match="needed 1 to 2 centers"):
        lloyd(x[:3], x[:2])
    with pytest.raises(ValueError, match="needed centers"):
        k_means(x[:3], x[:, :2])
    with pytest.raises(ValueError, match=r"1 to min\(n, d\) components"):
        pca_fit(x, 5)
    with pytest.raises(ValueError, match=r"x: needed \[\.\.\., 4\]"):
        pca(pca_fit(x, 2), x[:, :3])
    with pytest.raises(ValueError, match=r"z: needed \[\.\.\., 2\]"):
        pca_inverse(pca_fit(x, 2), x)

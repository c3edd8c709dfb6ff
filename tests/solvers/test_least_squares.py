"""Least squares: plain twins, published problems, SciPy, invariances, and failures as data."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from dlcore.solvers import (
    CG,
    Factored,
    GaussNewton,
    Levenberg,
    LevenbergMarquardt,
    MatrixFree,
    PerExample,
    Status,
    by_cholesky,
    by_qr,
    by_shape,
    covariance,
    least_squares,
    standard_deviations,
    standard_errors,
)
from dlcore.solvers.problem import Problem, ravel
from dlcore.solvers.residuals.factors import factor_step
from dlcore.solvers.residuals.jacobian import jacobian
from experiments.mgh_problems import PROBLEMS
from experiments.nist_problems import digits, read_nonlinear, residuals

METHODS = [GaussNewton(), Levenberg(), LevenbergMarquardt()]
RNG = np.random.default_rng(0)
J = jnp.asarray(RNG.normal(size=(12, 4)))
R = jnp.asarray(RNG.normal(size=12))


def decay(b, t, y):
    return b[0] * jnp.exp(-b[1] * t) + b[2] - y


T = jnp.linspace(0.0, 4.0, 50)
TRUE = jnp.array([2.0, 1.3, 0.5])
Y = decay(TRUE, T, 0.01 * jnp.asarray(RNG.normal(size=50)))


def status(solution):
    return Status(int(solution.status))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("linear", [*map(Factored, (by_qr, by_cholesky, by_shape)), MatrixFree(CG(tolerance=1e-14))])
def test_as_scipy_however_the_system_is_solved(method, linear):
    """SciPy's minimum and value; f falls at every step."""
    oracle = scipy.optimize.least_squares(lambda b: np.asarray(decay(b, T, Y)), np.ones(3), xtol=1e-15, ftol=1e-15)
    method = type(method)(linear=linear)
    s = least_squares(method, decay, jnp.ones(3), args=(T, Y), history=100)
    assert s.converged
    np.testing.assert_allclose(s.params, oracle.x, rtol=1e-6)
    np.testing.assert_allclose(s.value, oracle.cost, rtol=1e-12)
    assert (np.diff(s.history.value[: int(s.steps) + 1]) <= 0).all()
    assert s.evaluations.jacobian == (0 if isinstance(linear, MatrixFree) else s.steps + 1)


@pytest.mark.parametrize("factor", [by_qr, by_cholesky, by_shape])
def test_damped_step_is_the_normal_equations(factor):
    """(JᵀJ + W) p = -Jᵀr by an explicit inverse; R and c are those of J = QR up to signs."""
    weights = jnp.array([0.0, 0.1, 3.0, 1e-3])
    p = factor_step(factor(J, R, weights), weights)
    np.testing.assert_allclose(p, -np.linalg.inv(J.T @ J + np.diag(weights)) @ (J.T @ R), rtol=1e-11)
    f = factor(J, R, jnp.zeros(4))
    np.testing.assert_allclose(f.R.T @ f.R, J.T @ J, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(f.c @ f.c, R @ J @ jnp.linalg.inv(J.T @ J) @ (J.T @ R), rtol=1e-11)


def test_ill_conditioned_columns_go_to_qr():
    """Where Cholesky of JᵀJ breaks down, ``by_shape`` still has the step of QR."""
    bad = J.at[:, 3].set(J[:, 2] + 1e-9 * J[:, 3])
    weights = jnp.full(4, 1e-6)
    assert np.isnan(by_cholesky(bad, R, weights).R).any() or not np.allclose(
        abs(by_cholesky(bad, R, weights).R[3, 3]), 1e-9, rtol=1
    )
    np.testing.assert_array_equal(
        factor_step(by_shape(bad, R, weights), weights), factor_step(by_qr(bad, R, weights), weights)
    )
    tall = jnp.tile(bad, (3, 1))
    long, none = jnp.tile(R, 3), jnp.zeros(4)
    np.testing.assert_array_equal(by_shape(tall, long, none).R, by_qr(tall, long, none).R)


def test_linear_problems_in_one_step():
    """Gauss-Newton is exact; the others come there."""
    best = jnp.linalg.lstsq(J, -R)[0]
    one = least_squares(GaussNewton(), lambda x: J @ x + R, jnp.ones(4))
    assert one.steps == 1
    for method in METHODS:
        s = least_squares(method, lambda x: J @ x + R, jnp.ones(4))
        np.testing.assert_allclose(s.params, best, rtol=1e-8)
        assert status(s) is Status.CONVERGED_GRADIENT


def test_marquardt_scaling_knows_no_units():
    """Parameters in other units give the same steps; Levenberg's do not."""
    units = jnp.array([1e-5, 1e4, 1.0])

    def scaled(b, t, y):
        return decay(b * units, t, y)

    x0 = jnp.array([0.5, 3.0, 0.0])
    for method, invariant in [(LevenbergMarquardt(), True), (Levenberg(), False)]:
        a = least_squares(method, decay, x0, args=(T, Y), history=3)
        b = least_squares(method, scaled, x0 / units, args=(T, Y), history=3)
        assert np.allclose(a.history.value[:4], b.history.value[:4], rtol=1e-8) == invariant


def test_a_thousand_fits_are_one_program():
    """Many small problems, and many dampings, along an axis; each equals the fit alone."""
    y = Y[None, :] + 0.01 * jnp.asarray(RNG.normal(size=(1000, 50)))
    fit = jax.jit(jax.vmap(lambda y: least_squares(LevenbergMarquardt(), decay, jnp.ones(3), args=(T, y))))
    many = fit(y)
    assert many.converged.all()
    alone = least_squares(LevenbergMarquardt(), decay, jnp.ones(3), args=(T, y[7]))
    np.testing.assert_allclose(many.params[7], alone.params, rtol=1e-9)
    swept = jax.vmap(lambda d: least_squares(LevenbergMarquardt(d), decay, jnp.ones(3), args=(T, Y)))
    assert swept(10.0 ** jnp.arange(-6.0, 4.0)).converged.all()


def test_float32_and_pytrees():
    """The structure and dtype of the start, at the precision of the type."""

    def f(p, t, y):
        return p["a"] * jnp.exp(-p["k"] * t) + p["c"] - y

    start = {"a": jnp.float32(1), "k": jnp.float32(1), "c": jnp.float32(1)}
    s = least_squares(LevenbergMarquardt(), f, start, args=(T.astype(jnp.float32), Y.astype(jnp.float32)))
    assert s.converged
    assert s.params["a"].dtype == s.value.dtype == jnp.float32
    np.testing.assert_allclose([s.params[k] for k in "akc"], TRUE, rtol=2e-2)


def test_residuals_per_example():
    """The same J, fit and deviations as by the function of all examples, for one and for two residuals a row."""
    one = PerExample(decay)
    np.testing.assert_array_equal(one(TRUE, T, Y), decay(TRUE, T, Y))
    plain, rows = (Problem(f, lambda x: x, (T, Y), TRUE.dtype) for f in (decay, one))
    np.testing.assert_allclose(jacobian(rows, TRUE), jax.jacfwd(plain)(TRUE), rtol=1e-14)
    fits = [least_squares(LevenbergMarquardt(), f, jnp.ones(3), args=(T, Y)) for f in (decay, one)]
    np.testing.assert_allclose(fits[1].params, fits[0].params, rtol=1e-12)
    assert fits[1].evaluations.jacobian == fits[0].evaluations.jacobian > 1
    deviations = [standard_deviations(f, fits[0].params, args=(T, Y)) for f in (decay, one)]
    np.testing.assert_allclose(deviations[1], deviations[0], rtol=1e-12)

    def both(p, row, target):
        return jnp.tanh(p["W"] @ row) - target

    x, unravel = ravel({"W": jnp.ones((2, 3))})
    f = Problem(PerExample(both), unravel, (J[:, :3], J[:, 2:]), x.dtype)
    assert f(x).shape == (24,)
    np.testing.assert_allclose(jacobian(f, x), jax.jacfwd(f)(x), rtol=1e-14, atol=1e-15)


def test_standard_deviations_and_covariance():
    """As from the explicit inverse of JᵀJ; standard errors of a likelihood are the same for Gaussian errors."""
    b = least_squares(LevenbergMarquardt(), decay, jnp.ones(3), args=(T, Y)).params
    jac, r = jax.jacobian(decay)(b, T, Y), decay(b, T, Y)
    expected = (r @ r) / (50 - 3) * jnp.linalg.inv(jac.T @ jac)
    np.testing.assert_allclose(covariance(decay, b, args=(T, Y)), expected, rtol=1e-9)
    np.testing.assert_allclose(standard_deviations(decay, b, args=(T, Y)), jnp.sqrt(jnp.diag(expected)), rtol=1e-9)

    def negative_log_likelihood(x):
        return jnp.sum((J @ x + R) ** 2) / (2 * 0.3**2)

    inverse = jnp.linalg.inv(J.T @ J) * 0.3**2
    np.testing.assert_allclose(standard_errors(negative_log_likelihood, jnp.ones(4)), jnp.sqrt(jnp.diag(inverse)))
    with pytest.raises(ValueError, match="needed at least 4 for the parameters, got 3"):
        covariance(lambda x: x, jnp.ones(3))


def test_nan_in_a_rejected_step_stays_out():
    """The full step leads where the residuals are NaN."""

    def f(x):
        return jnp.concatenate([jnp.log(x), 0.01 * x])

    for method in METHODS:
        s = least_squares(method, f, jnp.array([20.0, 5.0]), history=50)
        k = int(s.steps) + 1
        assert s.converged
        assert np.isfinite(s.history.value[:k]).all()
        assert (np.diff(s.history.value[:k]) <= 0).all()


@pytest.mark.parametrize(
    "method", [GaussNewton(), Levenberg(1e-9), LevenbergMarquardt(10.0)], ids=lambda m: type(m).__name__
)
def test_a_step_that_nothing_came_of_is_not_taken(method):
    """From 3, the Gauss-Newton step for atan x = 0 leads to -9.49, by hand, where |atan x| is larger."""
    s = least_squares(dataclasses.replace(method, max_tries=1), jnp.arctan, jnp.array([3.0]), history=3)
    assert s.evaluations.function == 2  # at the start and there
    assert not s.converged
    np.testing.assert_array_equal(s.params, [3])
    np.testing.assert_allclose([s.value, *s.history.value[:2]], np.arctan(3) ** 2 / 2, rtol=1e-15)


def test_levenbergs_damping_grows_the_faster_the_more_often_a_step_is_rejected():
    """By 2, 4, 8, … (Nielsen 1999, eq. 2.5): to about 10^8 times the first λ, where |atan x| falls, after 7 of them."""
    s = least_squares(Levenberg(1e-8, max_steps=1), jnp.arctan, jnp.array([3.0]))
    assert s.evaluations.function == 1 + 7 + 1


def test_failures_are_data_and_bad_input_an_error():
    """A status, never an endless loop; an error before compilation."""
    none = least_squares(LevenbergMarquardt(max_steps=0), decay, jnp.ones(3), args=(T, Y))
    assert status(none) is Status.STEP_LIMIT
    nan = least_squares(LevenbergMarquardt(), decay, jnp.array([1.0, jnp.nan, 1.0]), args=(T, Y))
    assert status(nan) is Status.NOT_FINITE
    flat = least_squares(LevenbergMarquardt(), lambda x: jnp.abs(jnp.tile(x, 2)) + 1, jnp.array([0.0]))
    assert status(flat) is not Status.STEP_LIMIT
    singular = least_squares(GaussNewton(), lambda x: jnp.tile(jnp.sum(x, keepdims=True) - 1, 3), jnp.zeros(2))
    assert not singular.converged or np.allclose(jnp.sum(singular.params), 1)
    with pytest.raises(ValueError, match=r"residuals: needed at least 3 for the parameters, got 2; try adding"):
        least_squares(LevenbergMarquardt(), lambda x: x[:2], jnp.ones(3))
    with pytest.raises(ValueError, match=r"residuals: needed a vector \[m\] back, got shape \[\]; try .ravel"):
        least_squares(LevenbergMarquardt(), lambda x: jnp.sum(x), jnp.ones(3))
    with pytest.raises(TypeError, match="method: needed a least-squares method, got CG"):
        least_squares(CG(), decay, jnp.ones(3), args=(T, Y))


MGH = [
    "Rosenbrock",
    "Powell badly scaled",
    "Brown badly scaled",
    "Bard",
    "Kowalik-Osborne",
    "Brown-Dennis",
    "Osborne 1",
]


@pytest.mark.parametrize("name", MGH)
def test_more_garbow_hillstrom(name, data_dir):
    """The published minimum from the published start; all 41 stand in docs/mgh.md."""
    table = {row["name"]: row for row in json.loads((data_dir / "mgh" / "mgh_table.json").read_text())}
    row = table[name]
    f, x0 = PROBLEMS[row["id"] - 1], jnp.asarray(row["x0"])
    np.testing.assert_allclose(jnp.sum(f(x0, row["m"]) ** 2), row["f0"], rtol=1e-12)
    s = least_squares(LevenbergMarquardt(), lambda x: f(x, row["m"]), x0)
    np.testing.assert_allclose(2 * s.value, row["f_pub"], rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("name", ["MGH09", "MGH17", "Thurber", "Nelson"])
def test_nist_certified_values(name, data_dir):
    """Eight digits of the parameters and seven of their standard deviations from both published starts."""
    problem = read_nonlinear(data_dir / "nist_nonlinear" / f"{name}.dat")
    data = (jnp.asarray(problem.x), jnp.asarray(problem.y))
    fit = functools.partial(least_squares, LevenbergMarquardt(), residuals(name), args=data)
    s = jax.vmap(lambda b: fit(b))(jnp.asarray(problem.starts))
    for b, value in zip(s.params, s.value, strict=True):
        assert digits(b, problem.certified) > 8
        assert digits(standard_deviations(residuals(name), b, args=data), problem.deviations) > 7
        assert digits([2 * value], [problem.rss]) > 9

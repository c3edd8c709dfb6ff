"""Least squares from starts far off, where a first step may jump to where the model is flat: beside SciPy's ``trf``."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from dlcore.solvers import LevenbergMarquardt, Status, least_squares

# NIST StRD, nonlinear regression: data, starts and certified values of BoxBOD, MGH10 and Rat42.
NIST = {
    "BoxBOD": (
        [[1, 2, 3, 5, 7, 10], [109, 149, 149, 191, 213, 224]],
        [[1, 1], [100, 0.75]],
        [2.1380940889e02, 5.4723748542e-01],
        1.1680088766e03,
    ),
    "MGH10": (
        [
            list(range(50, 126, 5)),
            [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872],
        ],
        [[2, 400000, 25000], [0.02, 4000, 250]],
        [5.6096364710e-03, 6.1813463463e03, 3.4522363462e02],
        8.7945855171e01,
    ),
    "Rat42": (
        [[9, 14, 21, 28, 42, 57, 63, 70, 79], [8.93, 10.8, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08]],
        [[100, 1, 0.1], [75, 2.5, 0.07]],
        [7.2462237576e01, 2.6180768402e00, 6.7359200066e-02],
        8.0565229338e00,
    ),
}


def saturating(p, x, y):
    return p[0] * (1 - jnp.exp(-p[1] * x)) - y


def logistic(p, x, y):
    return p[0] / (1 + jnp.exp(p[1] - p[2] * x)) - y


def arrhenius(p, x, y):
    return p[0] * jnp.exp(p[1] / (x + p[2])) - y


def decaying(p, x, y):
    return p[0] * jnp.exp(-p[1] * x) + p[2] - y


MODELS = {"BoxBOD": saturating, "MGH10": arrhenius, "Rat42": logistic}
KINDS = {
    saturating: ([200.0, 0.5], (0.5, 10.0)),
    logistic: ([70.0, 2.6, 0.7], (0.5, 10.0)),
    arrhenius: ([0.006, 6000.0, 345.0], (50.0, 125.0)),
    decaying: ([5.0, 0.7, 1.0], (0.5, 10.0)),
}
FIT = functools.partial(least_squares, LevenbergMarquardt())


@pytest.mark.parametrize("name", NIST)
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_certified_values(name, start, dtype):
    data, starts, certified, squares = NIST[name]
    s = FIT(MODELS[name], jnp.asarray(starts[start], dtype), args=tuple(jnp.asarray(a, dtype) for a in data))
    assert s.converged
    of_params, of_squares = (1e-8, 1e-8) if dtype == jnp.float64 else (0.03, 0.1)  # MGH10: condition 1e10
    np.testing.assert_allclose(s.params, certified, rtol=of_params)
    np.testing.assert_allclose(2 * s.value, squares, rtol=of_squares)


def by_scipy(f, x, y, p0):
    """The cost that SciPy reaches; infinity where it meets what is not finite."""
    r, J = jax.jit(lambda p: f(p, x, y)), jax.jit(jax.jacfwd(lambda p: f(p, x, y)))
    options = {"method": "trf", "x_scale": "jac", "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 2000}
    try:
        with np.errstate(all="ignore"):
            return scipy.optimize.least_squares(lambda p: np.array(r(p)), p0, lambda p: np.array(J(p)), **options).cost
    except ValueError:
        return np.inf


@pytest.mark.parametrize("f", KINDS)
@pytest.mark.parametrize("times", [2.0, 10.0, 100.0])
def test_what_scipy_reaches_is_reached_and_nothing_else_is_called_converged(f, times):
    truth, ends = KINDS[f]
    rng = np.random.default_rng(int(times))
    x = np.linspace(*ends, 20)
    clean = np.asarray(f(np.array(truth), x, np.zeros(20)))
    y = clean + 0.01 * np.ptp(clean) * rng.normal(size=20)
    lowest = FIT(f, jnp.asarray(truth), args=(x, y)).value
    for signs in rng.choice([-1.0, 1.0], (4, len(truth))):
        start = np.array(truth) * times**signs
        s, reached = FIT(f, jnp.asarray(start), args=(x, y)), by_scipy(f, x, y, start)
        assert (
            s.value <= max(lowest * (1 + 1e-6), reached if reached > lowest * (1 + 1e-6) else 0) or reached > 2 * lowest
        )
        if reached <= lowest * (1 + 1e-6):
            np.testing.assert_allclose(s.value, lowest, rtol=1e-6)
            assert s.converged
        if s.value > 2 * lowest:
            assert not s.converged, (start, s.params, Status(int(s.status)))


def test_where_a_parameter_has_no_influence_left_nothing_has_converged():
    """From there J has rank 1, and its one column is orthogonal to the residuals at the mean of y."""
    (x, y), *_ = NIST["BoxBOD"]
    flat = jnp.array([np.mean(y), 105.0])
    s = FIT(saturating, flat, args=(jnp.asarray(x, float), jnp.asarray(y, float)))
    assert not s.converged
    unmoved = FIT(
        logistic, jnp.array([7000.0, 260.0, 0.007]), args=(jnp.linspace(0.5, 10, 20), jnp.linspace(1, 60, 20))
    )
    assert not unmoved.converged


def test_the_first_step_is_no_longer_than_the_start_is_from_0():
    """In the lengths of the columns; a larger bound lets it jump."""
    (x, y), starts, *_ = NIST["BoxBOD"]
    args, start = (jnp.asarray(x, float), jnp.asarray(y, float)), jnp.asarray(starts[0], float)
    D = np.linalg.norm(jax.jacfwd(saturating)(start, *args), axis=0)
    moved = FIT(saturating, start, args=args, history=1).history.step_norm
    one = least_squares(LevenbergMarquardt(max_steps=1), saturating, start, args=args)
    assert np.linalg.norm(D * (one.params - start)) <= 1.1 * np.linalg.norm(D * start)
    np.testing.assert_allclose(moved[1], np.linalg.norm(one.params - start), rtol=1e-12)
    far = least_squares(LevenbergMarquardt(100.0, max_steps=1), saturating, start, args=args)
    assert np.linalg.norm(D * (far.params - start)) > 2 * np.linalg.norm(D * start)

"""Line searches: their conditions by the definition, hard functions from the literature, and failures as data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.solvers import Backtracking, Exact, StrongWolfe, line_search

SEARCHES = [Backtracking(), StrongWolfe(), StrongWolfe(c2=0.1), Exact()]


def more_thuente_1(a):
    """More & Thuente 1994, eq. 5.1, beta = 2."""
    return -a / (a**2 + 2)


def more_thuente_2(a):
    """Eq. 5.2, beta = 0.004."""
    return (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4


def more_thuente_4(a):
    """Eq. 5.4, beta1 = 0.001, beta2 = 0.001."""
    g = np.sqrt(1 + 0.001**2) - 0.001
    return g * jnp.sqrt((1 - a) ** 2 + 0.001**2) + g * jnp.sqrt(a**2 + 0.001**2)


@pytest.mark.parametrize("phi", [more_thuente_1, more_thuente_2, more_thuente_4, lambda a: jnp.exp(a) - 5 * a])
@pytest.mark.parametrize("rule", SEARCHES[1:])
def test_wolfe_conditions_hold_from_any_first_step(phi, rule):
    """Both conditions by their definition, from first steps over six orders of magnitude."""
    alphas = 10.0 ** jnp.arange(-3.0, 4.0)
    slope = jax.grad(phi)(0.0)
    t, found, count = jax.vmap(lambda a: line_search(rule, phi, 0.0, 1.0, alpha=a))(alphas)
    assert found.all()
    assert (phi(t.alpha) <= phi(0.0) + rule.c1 * t.alpha * slope).all()
    assert (jnp.abs(jax.vmap(jax.grad(phi))(t.alpha)) <= rule.c2 * -slope + 1e-13).all()
    assert (count.function <= 100).all()


def test_backtracking_is_the_plain_loop():
    """Algorithm 3.1 of Nocedal & Wright in Python."""

    def f(x):
        return jnp.sum(x**4) + jnp.sum(jnp.cos(3 * x))

    x, p = jnp.array([1.0, -2.0]), jnp.array([-40.0, 300.0])
    slope = jax.grad(f)(x) @ p
    alpha = 1.0
    while f(x + alpha * p) > f(x) + 1e-4 * alpha * slope:
        alpha *= 0.5
    t, found, _ = line_search(Backtracking(), f, x, p)
    assert found
    assert t.alpha == alpha < 1
    np.testing.assert_allclose(t.gradient, jax.grad(f)(x + alpha * p), rtol=1e-14)


def test_exact_is_the_argmin():
    """On a quadratic alpha = -g'p / p'Hp; on exp(a) - 5a it is log 5."""
    A = jnp.array([[3.0, 1.0], [1.0, 2.0]])
    x, p = jnp.array([1.0, 1.0]), jnp.array([-1.0, -0.2])
    t = line_search(Exact(), lambda x: x @ A @ x / 2, x, p).point
    np.testing.assert_allclose(t.alpha, -(A @ x) @ p / (p @ A @ p), rtol=1e-9)
    t = line_search(Exact(), lambda a: jnp.exp(a) - 5 * a, 0.0, 1.0).point
    np.testing.assert_allclose(t.alpha, np.log(5), rtol=1e-8)


@pytest.mark.parametrize("rule", SEARCHES)
def test_a_direction_that_leads_up_is_not_searched(rule):
    """Nothing is found and the point stays."""
    t, found, _ = line_search(rule, lambda x: x @ x, jnp.ones(3), jnp.ones(3))
    assert not found
    assert t.alpha == 0
    np.testing.assert_array_equal(t.gradient, 2 * np.ones(3))


@pytest.mark.parametrize("rule", SEARCHES)
def test_not_finite_trials_are_stepped_back_from(rule):
    """log is NaN left of 0, where the first step leads; nothing of it stays in the answer."""
    t, found, _ = line_search(rule, lambda x: x - jnp.log(x), 3.0, -1.0, alpha=100.0)
    assert found
    assert 0 < 3 - t.alpha < 3
    assert np.isfinite([t.value, t.slope, t.gradient[0]]).all()


def test_pytrees_and_data():
    """A direction in the structure of the point; data are arguments."""
    x = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    p = jax.tree.map(lambda a: -a, x)
    t, found, _ = line_search(Exact(), lambda q, c: jnp.sum(q["w"] ** 2) + c * jnp.sum(q["b"] ** 2), x, p, args=(2.0,))
    assert found
    np.testing.assert_allclose(t.alpha, 1, rtol=1e-8)
    with pytest.raises(ValueError, match="p: needed a direction like x"):
        line_search(Exact(), lambda q: 0.0, x, {"w": x["w"]})
    with pytest.raises(ValueError, match="f: needed a scalar"):
        line_search(Exact(), lambda q: q["b"], x, p)

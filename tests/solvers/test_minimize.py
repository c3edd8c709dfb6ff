"""Minimization: exactness on quadratics, the secant equation, plain twins, SciPy, and failures as data."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from jax.tree_util import Partial

from dlcore.optimizers import SGD
from dlcore.solvers import (
    BFGS,
    LBFGS,
    Backtracking,
    Exact,
    GradientDescent,
    Newton,
    NewtonCG,
    NonlinearCG,
    Status,
    StrongWolfe,
    init_state,
    minimize,
    next_state,
    ravel,
)
from dlcore.solvers.descent.method import Move
from dlcore.solvers.descent.nonlinear_cg import fletcher_reeves, hestenes_stiefel, polak_ribiere
from dlcore.solvers.descent.quasi_newton import Pairs, inverse_hessian_update, two_loop
from dlcore.tree.names import replace

METHODS = [BFGS(), LBFGS(), Newton(), NewtonCG(), NonlinearCG()]
RNG = np.random.default_rng(0)
N = 6
HALF = RNG.normal(size=(N, N))
A = jnp.asarray(HALF @ HALF.T + np.eye(N))
B = jnp.asarray(RNG.normal(size=N))


def quadratic(x):
    return x @ (A.astype(x.dtype) @ x) / 2 - B.astype(x.dtype) @ x


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def status(solution):
    return Status(int(solution.status))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_rosenbrock_as_scipy(method):
    """The minimum that SciPy's BFGS finds, by the test of the gradient, within a few times its evaluations."""
    x0 = jnp.full(4, -0.5)
    oracle = scipy.optimize.minimize(
        jax.jit(rosenbrock), x0, jac=jax.jit(jax.grad(rosenbrock)), method="BFGS", tol=1e-9
    )
    s = minimize(method, rosenbrock, x0)
    assert status(s) is Status.CONVERGED_GRADIENT
    assert s.converged
    np.testing.assert_allclose(s.params, oracle.x, atol=1e-6)
    np.testing.assert_allclose(s.params, np.ones(4), atol=1e-7)
    assert s.gradient_norm <= 1e-8
    np.testing.assert_allclose(s.gradient_norm, jnp.max(jnp.abs(jax.grad(rosenbrock)(s.params))), atol=1e-12)
    # the path of nonlinear CG along the valley hangs on the last bits: 8 to 11 times as many in two versions of XLA
    assert s.evaluations.gradient <= (20 if isinstance(method, NonlinearCG) else 4) * oracle.njev


def test_newton_is_exact_on_quadratics():
    """One step, from anywhere."""
    s = minimize(Newton(), quadratic, 100 * B)
    assert s.steps == 1
    np.testing.assert_allclose(s.params, np.linalg.solve(A, B), rtol=1e-10)


@pytest.mark.parametrize("method", [BFGS(line_search=Exact()), LBFGS(memory=N, line_search=Exact())])
def test_quasi_newton_is_exact_on_quadratics_in_n_steps(method):
    """Nocedal & Wright 2006, theorem 6.4: with exact steps at most n of them."""
    s = minimize(method, quadratic, 5 * B)
    assert s.steps <= N + 1
    np.testing.assert_allclose(s.params, np.linalg.solve(A, B), rtol=1e-7)


@pytest.mark.parametrize("beta", [fletcher_reeves, polak_ribiere, hestenes_stiefel])
def test_conjugate_gradients_in_n_steps(beta):
    """With exact steps every formula for beta is that of the linear method, done after n steps."""
    s = minimize(NonlinearCG(beta=beta, line_search=Exact(c2=1e-14)), quadratic, 5 * B, history=N + 1)
    assert s.steps <= N + 2
    np.testing.assert_allclose(s.params, np.linalg.solve(A, B), rtol=1e-6)


def test_steepest_descent_with_exact_steps():
    """Nocedal & Wright 2006, theorem 3.3: f - f* falls by ((κ-1)/(κ+1))² a step or more."""
    s = minimize(GradientDescent(line_search=Exact(), max_steps=20), quadratic, B, history=20)
    best = quadratic(jnp.linalg.solve(A, B))
    eigenvalues = np.linalg.eigvalsh(A)
    kappa = eigenvalues[-1] / eigenvalues[0]
    gaps = s.history.value - best
    assert (gaps[1:] <= gaps[:-1] * ((kappa - 1) / (kappa + 1)) ** 2 * (1 + 1e-9)).all()
    assert status(s) is Status.STEP_LIMIT


def test_secant_equation_and_textbook_form():
    """H₊y = s, symmetric, positive definite, and the product form of eq. 6.17; kept where the curvature is negative."""
    H, s, y = jnp.asarray(A + A.T), B, A @ B + 0.1 * jnp.arange(1.0 * N)
    new = inverse_hessian_update(H, s, y)
    V = np.eye(N) - np.outer(s, y) / (y @ s)
    np.testing.assert_allclose(new @ y, s, rtol=1e-12)
    np.testing.assert_allclose(new, V @ H @ V.T + np.outer(s, s) / (y @ s), rtol=1e-12)
    np.testing.assert_array_equal(new, new.T)
    assert np.linalg.eigvalsh(new)[0] > 0
    np.testing.assert_array_equal(inverse_hessian_update(H, s, -y), H)


@pytest.mark.parametrize("pairs", [2, 4, 7])
def test_two_loops_are_the_matrix(pairs):
    """The recursion equals m updates of the scaled identity, with the ring partly filled, full and overwritten."""
    m = 4
    S, Y = RNG.normal(size=(2, pairs, N))
    Y = S @ A + 0.01 * Y
    method = LBFGS(memory=m)
    ring = method.init(B)
    for s, y in zip(S, Y, strict=True):
        ring = method.update(ring, Move(jnp.asarray(s), jnp.asarray(y), B, B), jnp.asarray(False))
    assert isinstance(ring, Pairs)
    H = (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1]) * jnp.eye(N)
    for s, y in zip(S[-m:], Y[-m:], strict=True):
        H = inverse_hessian_update(H, jnp.asarray(s), jnp.asarray(y))
    np.testing.assert_allclose(two_loop(ring, B), H @ B, rtol=1e-10)


def test_newton_leaves_a_saddle():
    """Where the Hessian is indefinite the damped direction still leads down; -H⁻¹g would lead to the saddle."""

    def f(x):
        return x[0] ** 2 - x[1] ** 2 + x[1] ** 4

    for method in (Newton(), NewtonCG()):
        s = minimize(method, f, jnp.array([0.5, 0.1]))
        assert s.converged
        np.testing.assert_allclose(jnp.abs(s.params), [0, np.sqrt(0.5)], atol=1e-7)


def test_newton_cg_is_the_more_exact_the_nearer():
    """The residual of its system is below min(1/2, √‖g‖) ‖g‖: Nocedal & Wright 2006, algorithm 7.1."""
    start = jnp.linalg.solve(A, B) + jnp.arange(1.0, N + 1)
    for g in (s * jax.grad(quadratic)(start) for s in (1.0, 1e-4, 1e-8)):
        p, _ = NewtonCG().direction(quadratic, start, g, None)
        norm = jnp.linalg.norm(g)
        assert jnp.linalg.norm(A @ p + g) <= jnp.minimum(0.5, jnp.sqrt(norm)) * norm


@pytest.mark.parametrize("method", [BFGS(), LBFGS(), Newton(), NonlinearCG()], ids=lambda m: type(m).__name__)
def test_jit_vmap_and_alone_agree(method):
    """Starts along an axis, one of them not finite, equal the runs alone; so do hyperparameters."""
    starts = jnp.array([[-1.2, 1.0], [2.0, 2.0], [jnp.nan, 1.0], [0.5, 0.3]])
    together = jax.jit(jax.vmap(functools.partial(minimize, method, rosenbrock)))(starts)
    assert [Status(int(c)) is Status.NOT_FINITE for c in together.status] == [False, False, True, False]
    for i in (0, 1, 3):
        alone = minimize(method, rosenbrock, starts[i])
        np.testing.assert_allclose(together.params[i], alone.params, atol=1e-7)
        assert together.converged[i]
    sweep = jax.vmap(lambda c2: minimize(replace(method, "line_search.c2", c2), rosenbrock, starts[0]))
    assert sweep(jnp.array([0.05, 0.1, 0.2])).converged.all()


def test_any_pytree_any_float():
    """Structure, shapes and dtypes of the start come back; a bfloat16 leaf is worked on in float32."""

    def f(p):
        return jnp.sum((p["w"] - 2) ** 2) + jnp.sum((p["b"][0].astype(jnp.float32) + 1) ** 2).astype(p["w"].dtype)

    start_at = {"w": jnp.zeros((2, 3), jnp.float32), "b": (jnp.zeros(2, jnp.bfloat16),)}
    s = minimize(LBFGS(gradient_tolerance=1e-5), f, start_at)
    chex.assert_trees_all_equal_shapes_and_dtypes(s.params, start_at)
    np.testing.assert_allclose(s.params["w"], 2, rtol=1e-5)
    np.testing.assert_allclose(s.params["b"][0].astype(jnp.float32), -1, rtol=1e-2)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_float32_ends_at_its_precision(method):
    """In float32 a tolerance out of reach ends as converged or stalled, at the minimum, not at the step limit."""
    s = minimize(jax.tree.map(jnp.asarray, method), rosenbrock, jnp.full(4, -0.5, jnp.float32))
    assert s.params.dtype == s.value.dtype == jnp.float32
    assert status(s) in (Status.CONVERGED_GRADIENT, Status.STALLED)
    np.testing.assert_allclose(s.params, np.ones(4), atol=5e-3)


def test_history_is_asked_for():
    """One row a step from the start, NaN after the end; a run longer than the history keeps its first rows."""
    s = minimize(BFGS(), rosenbrock, jnp.array([-1.2, 1.0]), history=100)
    k = int(s.steps)
    np.testing.assert_allclose(s.history.value[0], 24.2, rtol=1e-14)
    assert s.history.value[k] == s.value
    assert (jnp.diff(s.history.value[: k + 1]) <= 0).all()
    assert np.isnan(s.history.value[k + 1 :]).all()
    assert s.history.gradient_norm[k] == s.gradient_norm
    short = minimize(BFGS(), rosenbrock, jnp.array([-1.2, 1.0]), history=5)
    np.testing.assert_array_equal(short.history.value, s.history.value[:6])
    assert minimize(BFGS(), rosenbrock, jnp.array([-1.2, 1.0])).history is None


def test_steps_by_hand_are_the_run():
    """init_state and next_state, driven by a Python loop and interrupted, give the numbers of the compiled loop."""
    x0, unravel = ravel({"a": jnp.array([-1.2]), "b": jnp.array([1.0])})
    method = LBFGS()
    state = init_state(method, rosenbrock, x0)
    once = jax.jit(lambda state: next_state(method, rosenbrock, state))
    for _ in range(60):
        state = once(state)
    whole = minimize(method, rosenbrock, x0)
    assert status(state) is status(whole)
    assert state.steps == whole.steps < 60
    np.testing.assert_allclose(state.x, whole.params, rtol=1e-12)
    chex.assert_trees_all_close(unravel(state.x), {"a": jnp.ones(1), "b": jnp.ones(1)}, atol=1e-7)


def test_data_and_numbers_do_not_recompile():
    """New data, tolerances and limits run the same program; data may come as args or in a Partial."""
    traces, counts = [], []

    def f(x, c):
        traces.append(1)
        return jnp.sum((x - c) ** 4)

    for c, tolerance, limit in [(1.0, 1e-6, 50), (2.0, 1e-8, 60), (3.0, 1e-4, 70)]:
        method = BFGS(gradient_tolerance=tolerance, max_steps=limit)
        s = minimize(method, f, jnp.zeros(2), args=(jnp.full(2, c),))
        np.testing.assert_allclose(s.params, c, atol=0.1)
        counts.append(len(traces))
    assert counts[0] == counts[1] == counts[2]
    by_partial = minimize(method, Partial(lambda c, x: jnp.sum((x - c) ** 4), 3.0), jnp.zeros(2))
    np.testing.assert_allclose(by_partial.params, s.params)


def test_other_tests_of_convergence():
    """By the step and by the value, each alone."""
    x0 = jnp.array([-1.2, 1.0])
    assert status(minimize(BFGS(step_tolerance=1e-2), rosenbrock, x0)) is Status.CONVERGED_STEP
    assert status(minimize(BFGS(value_tolerance=1e-2), quadratic, 10 * B)) is Status.CONVERGED_VALUE


def test_failures_are_data():
    """Each way to fail has its status, and the answer is the best point so far, finite."""
    x0 = jnp.array([-1.2, 1.0])
    none = minimize(BFGS(max_steps=0), rosenbrock, x0)
    assert status(none) is Status.STEP_LIMIT
    np.testing.assert_array_equal(none.params, x0)
    assert status(minimize(BFGS(), lambda x: jnp.sum(jnp.log(x)), -jnp.ones(2))) is Status.NOT_FINITE

    @jax.custom_jvp
    def liar(x):
        return jnp.sum(x**2)

    liar.defjvps(lambda dx, y, x: -2 * x @ dx)
    lied = minimize(BFGS(), liar, jnp.ones(2))
    assert status(lied) is Status.LINE_SEARCH_FAILED
    np.testing.assert_array_equal(lied.params, np.ones(2))
    unbounded = minimize(BFGS(max_steps=200), lambda x: jnp.sum(x), jnp.ones(2))
    assert not unbounded.converged


@pytest.mark.parametrize("rule", [StrongWolfe(), Backtracking(), Exact()])
def test_nan_beyond_a_wall_never_enters(rule):
    """f is NaN outside the unit ball, where first steps lead."""

    def f(x):
        return -jnp.log(1 - x @ x) + 3 * x[0] - 1e3 * x[1]

    s = minimize(BFGS(line_search=rule, gradient_tolerance=1e-5), f, jnp.zeros(2), history=100)
    assert status(s) in (Status.CONVERGED_GRADIENT, Status.STALLED)
    assert np.isfinite(s.history.value[: int(s.steps) + 1]).all()
    np.testing.assert_allclose(jax.grad(f)(s.params), 0, atol=1e-3)


def test_bad_input_is_an_error_before_compilation():
    """What was needed, what came, what to try."""
    with pytest.raises(ValueError, match=r"f: needed a scalar back, got shape \[2\]; try the mean or the sum"):
        minimize(BFGS(), lambda x: x, jnp.ones(2))
    with pytest.raises(TypeError, match="f: needed a scalar back, got tuple"):
        minimize(BFGS(), lambda x: (x[0], x), jnp.ones(2))
    with pytest.raises(TypeError, match="x0: needed a floating type"):
        minimize(BFGS(), lambda x: jnp.sum(x), jnp.arange(2))
    with pytest.raises(TypeError, match="x0: needed real parameters"):
        minimize(BFGS(), lambda x: jnp.sum(jnp.abs(x)), jnp.ones(2, complex))
    with pytest.raises(ValueError, match="x0: needed at least one number"):
        minimize(BFGS(), lambda x: 0.0, {})
    with pytest.raises(TypeError, match="method: needed a method of descent, got SGD"):
        minimize(SGD(), rosenbrock, jnp.ones(2))

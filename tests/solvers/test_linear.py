"""Linear systems: against NumPy, exact rational residuals, published digits, and every way to fail."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dlcore.solvers import (
    CG,
    LU,
    PCG,
    QR,
    Cholesky,
    GaussSeidel,
    Jacobi,
    NormalEquations,
    Status,
    diagonal,
    given,
    incomplete_cholesky,
    solve,
)
from dlcore.solvers.linear.compensated import compensated_residual
from dlcore.solvers.linear.preconditioners import incomplete_factor
from experiments.nist_problems import digits, read_linear

RNG = np.random.default_rng(0)
N = 30
HALF = RNG.normal(size=(N, N))
DEFINITE = jnp.asarray(HALF @ HALF.T / N + 2 * np.eye(N))
DOMINANT = DEFINITE + jnp.diag(jnp.sum(jnp.abs(DEFINITE), axis=1))
B = jnp.asarray(RNG.normal(size=N))
DIRECT = [LU(), QR(), Cholesky()]
ITERATIVE = [Jacobi(), GaussSeidel(), CG(), PCG(), PCG(preconditioner=incomplete_cholesky)]


def poisson(k):
    """The five-point Laplacian on a k by k grid."""
    line = 2 * np.eye(k) - np.eye(k, k=1) - np.eye(k, k=-1)
    return jnp.asarray(np.kron(line, np.eye(k)) + np.kron(np.eye(k), line))


def status(solution):
    return Status(int(solution.status))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("method", DIRECT + ITERATIVE, ids=repr)
def test_as_numpy(method, dtype):
    """x, the true residual and a converged flag, in the dtype of the system."""
    s = solve(method, DOMINANT.astype(dtype), B.astype(dtype))
    assert s.params.dtype == s.residual_norm.dtype == dtype
    assert s.converged
    np.testing.assert_allclose(
        s.params, np.linalg.solve(DOMINANT, B), rtol=1e-3, atol=1e-9 if dtype == jnp.float64 else 1e-5
    )
    np.testing.assert_allclose(
        s.residual_norm, jnp.linalg.norm(B.astype(dtype) - DOMINANT.astype(dtype) @ s.params), atol=1e-6
    )


def test_conjugate_gradients_in_n_steps():
    """Exact after n steps; after as many as there are distinct eigenvalues; fewer with a preconditioner."""
    assert solve(CG(tolerance=1e-12), DEFINITE, B).steps <= N + 1
    Q = jnp.linalg.qr(jnp.asarray(HALF))[0]
    three = Q @ (jnp.array([1.0, 5.0, 9.0] * (N // 3))[:, None] * Q.T)
    assert solve(CG(tolerance=1e-12), (three + three.T) / 2, B).steps == 3
    grid = poisson(12)
    b = jnp.asarray(RNG.normal(size=144))
    plain, jacobi, cholesky = (solve(m, grid, b) for m in (CG(), PCG(), PCG(preconditioner=incomplete_cholesky)))
    assert cholesky.converged
    assert 2 * cholesky.steps <= plain.steps
    assert jacobi.steps == plain.steps  # the diagonal is constant
    perfect = PCG(preconditioner=given(Partial(jnp.matmul, jnp.linalg.inv(grid))))
    assert solve(perfect, grid, b).steps <= 2


def test_stationary_iterations_are_the_plain_loops():
    """Jacobi and Gauss-Seidel by components, three sweeps; on the grid Gauss-Seidel needs half the steps."""
    A, x = np.asarray(DOMINANT), np.zeros(N)
    y = np.zeros(N)
    for _ in range(3):
        x = (B - (A - np.diag(np.diag(A))) @ x) / np.diag(A)
        for i in range(N):
            y[i] = (B[i] - A[i, :i] @ y[:i] - A[i, i + 1 :] @ y[i + 1 :]) / A[i, i]
    np.testing.assert_allclose(solve(Jacobi(max_steps=3), DOMINANT, B).params, x, rtol=1e-12)
    np.testing.assert_allclose(solve(GaussSeidel(max_steps=3), DOMINANT, B).params, y, rtol=1e-12)
    b = jnp.asarray(RNG.normal(size=64))
    ratio = solve(Jacobi(), poisson(8), b).steps / solve(GaussSeidel(), poisson(8), b).steps
    assert 1.9 < ratio < 2.1


def test_incomplete_cholesky():
    """Equal to Cholesky without fill-in; on the grid the product agrees with A wherever A is not zero."""
    line = poisson(1) * 0 + jnp.asarray(2 * np.eye(9) - np.eye(9, k=1) - np.eye(9, k=-1))
    np.testing.assert_allclose(incomplete_factor(line), np.linalg.cholesky(line), atol=1e-14)
    grid = poisson(5)
    L = incomplete_factor(grid)
    assert ((L != 0) <= (grid != 0)).all()
    np.testing.assert_allclose(jnp.where(grid != 0, L @ L.T, 0), grid, atol=1e-13)
    hard = jnp.array([[1.0, 0.0, 0.9, 0.9], [0.0, 1.0, 0.9, -0.8], [0.9, 0.9, 2.0, 0.0], [0.9, -0.8, 0.0, 1.5]])
    assert np.isfinite(incomplete_factor(hard)).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_compensated_residual_is_exact_but_for_one_rounding(dtype):
    """Against rational arithmetic, where the plain residual has no digit right, compiled and mapped.

    Within the bound of Ogita et al. 2005, proposition 5.5: a rounding of the result and the square of one of the terms.
    """
    A = jnp.asarray(RNG.normal(size=(20, 7)) * 10.0 ** RNG.integers(-4, 4, (20, 7)), dtype)
    x = jnp.asarray(RNG.normal(size=7), dtype)
    b = A @ x
    rows = [[Fraction(float(a)) * Fraction(float(v)) for a, v in zip(row, x, strict=True)] for row in A]
    exact = [float(Fraction(float(c)) - sum(row)) for c, row in zip(b, rows, strict=True)]
    eps = float(jnp.finfo(dtype).eps)
    bound = eps * np.abs(exact) + (4 * 7 * eps) ** 2 * np.abs(np.asarray(A, float)) @ np.abs(np.asarray(x, float))
    mapped = jax.vmap(compensated_residual, in_axes=(None, 0, None))(A, jnp.stack([x, x]), b)
    for found in (jax.jit(compensated_residual)(A, x, b), mapped[1]):
        assert (np.abs(np.asarray(found, float) - exact) <= bound).all()
    assert (np.abs(np.asarray(b - A @ x, float) - exact) > bound).any()


def test_refinement_recovers_digits():
    """A Hilbert matrix of condition 1e13, its right-hand side exact: without 3 digits, with all."""
    n = 10
    scale = 232792560.0  # the least common multiple of 1 ... 20: every entry is a whole number
    A = scale / (jnp.arange(1.0, n + 1)[:, None] + jnp.arange(n * 1.0)[None, :])
    b = jnp.sum(A, axis=1)
    for method in (LU, QR, Cholesky):
        rough, fine = solve(method(), A, b), solve(method(refinements=4), A, b)
        assert jnp.max(jnp.abs(rough.params - 1)) > 1e-6
        assert jnp.max(jnp.abs(fine.params - 1)) < 1e-14
        assert rough.condition > 1e12


def test_condition_estimates():
    """The 1-norm condition number within a factor of 3, never above; for QR that of the scaled columns."""
    for _ in range(5):
        A = jnp.asarray(RNG.normal(size=(N, N)) * 10.0 ** RNG.uniform(-3, 3, N))
        true = np.linalg.cond(A, 1)
        assert true / 3 <= solve(LU(), A, B).condition <= true * (1 + 1e-9)
    assert solve(QR(), A, B).condition < 1e4


def test_right_hand_sides_and_systems_map():
    """vmap over b is the loop; over A too."""
    columns = jnp.asarray(RNG.normal(size=(N, 3)))
    many = jax.vmap(lambda b: solve(LU(), DEFINITE, b), in_axes=1)(columns)
    np.testing.assert_allclose(many.params.T, np.linalg.solve(DEFINITE, columns), rtol=1e-10)
    systems = jnp.stack([DEFINITE, -DEFINITE])
    statuses = jax.vmap(lambda A: solve(Cholesky(), A, B))(systems).status
    assert [Status(int(c)) for c in statuses] == [Status.CONVERGED_RESIDUAL, Status.NOT_POSITIVE_DEFINITE]


def test_an_operator_on_a_pytree():
    """CG takes a function, on any structure like b, and a start."""
    b = {"u": jnp.ones((3, 2)), "v": jnp.ones(4, jnp.float32)}
    s = solve(CG(), lambda x: jax.tree.map(lambda a: 2 * a, x), b)
    assert s.converged
    np.testing.assert_allclose(s.params["u"], 0.5)
    assert s.params["v"].dtype == jnp.float32
    assert solve(CG(), DEFINITE, B, x0=jnp.linalg.solve(DEFINITE, B)).steps == 0


def test_least_squares_by_qr():
    """As NumPy; the rank is told and the shortest solution in scaled columns returned."""
    A, b = jnp.asarray(RNG.normal(size=(50, 4))), jnp.asarray(RNG.normal(size=50))
    expected = np.linalg.lstsq(A, b)[0]
    for method in (QR(), NormalEquations(), QR(refinements=2)):
        s = solve(method, A, b)
        assert s.converged
        np.testing.assert_allclose(s.params, expected, rtol=1e-9)
        np.testing.assert_allclose(s.residual_norm, np.linalg.norm(b - A @ expected), rtol=1e-12)
    deficient = A.at[:, 3].set(A[:, 0] + A[:, 1])
    s = solve(QR(), deficient, b)
    assert status(s) is Status.SINGULAR
    np.testing.assert_allclose(s.residual_norm, np.linalg.norm(b - deficient @ np.linalg.lstsq(deficient, b)[0]))


INDEFINITE = DEFINITE - 4 * jnp.eye(N)
SKEWED = DEFINITE.at[0, 1].add(1.0)


@pytest.mark.parametrize(
    ("method", "A", "expected"),
    [
        (LU(), jnp.ones((N, N)), Status.SINGULAR),
        (LU(), 1 / (jnp.arange(1.0, N + 1)[:, None] + jnp.arange(1.0 * N)[None, :]), Status.SINGULAR),
        (QR(), DEFINITE.at[:, 3].set(DEFINITE[:, 4]), Status.SINGULAR),
        (Cholesky(), INDEFINITE, Status.NOT_POSITIVE_DEFINITE),
        (Cholesky(), SKEWED, Status.NOT_SYMMETRIC),
        (CG(), INDEFINITE, Status.NOT_POSITIVE_DEFINITE),
        (CG(), SKEWED, Status.NOT_SYMMETRIC),
        (PCG(), -DEFINITE, Status.NOT_POSITIVE_DEFINITE),
        (Jacobi(), DEFINITE.at[2, 2].set(0.0), Status.SINGULAR),
        (Jacobi(), DEFINITE + 9, Status.NOT_FINITE),
        (GaussSeidel(), INDEFINITE, Status.NOT_FINITE),
        (CG(max_steps=0), DEFINITE, Status.STEP_LIMIT),
        (CG(max_steps=3), DEFINITE, Status.STEP_LIMIT),
        *[(m, DEFINITE.at[0, 0].set(jnp.nan), Status.NOT_FINITE) for m in (LU(), QR(), Cholesky(), CG(), Jacobi())],
    ],
    ids=repr,
)
def test_what_cannot_be_solved_says_so(method, A, expected):
    """The status names it."""
    s = solve(method, A, B)
    assert status(s) is expected
    assert not s.converged


def test_bad_input_is_an_error_before_compilation():
    """What was needed, what came, what to try."""
    with pytest.raises(ValueError, match=r"LU: needed a square matrix, got \[4, 3\]; try QR"):
        solve(LU(), jnp.ones((4, 3)), jnp.ones(4))
    with pytest.raises(ValueError, match=r"QR: needed at least as many rows as columns, got \[3, 4\]"):
        solve(QR(), jnp.ones((3, 4)), jnp.ones(3))
    with pytest.raises(ValueError, match=r"needed A \[m, n\] and b \[m\], got A \[4, 4\] and b \[4, 1\]; try jax.vmap"):
        solve(LU(), jnp.ones((4, 4)), jnp.ones((4, 1)))
    with pytest.raises(TypeError, match="needed A and b of one type, float32 or float64"):
        solve(LU(), jnp.ones((4, 4)), jnp.ones(4, jnp.float32))
    with pytest.raises(TypeError, match="Cholesky: needed a matrix, got a function"):
        solve(Cholesky(), lambda x: x, jnp.ones(4))
    with pytest.raises(TypeError, match="diagonal: needed a matrix"):
        solve(PCG(preconditioner=diagonal), lambda x: x, jnp.ones(4))
    with pytest.raises(ValueError, match="A: needed a function from and to arrays like b"):
        solve(CG(), lambda x: x[:2], jnp.ones(4))
    with pytest.raises(TypeError, match="method: needed a linear method, got int"):
        solve(1, jnp.ones((4, 4)), jnp.ones(4))


PUBLISHED = {
    "norris": 11.8,
    "pontius": 12.2,
    "longley": 10.4,
    "wampler1": 9.0,
    "wampler3": 8.6,
    "wampler5": 5.4,
    "noint1": 14.5,
}


def test_nist_digits(data_dir):
    """Digits of the worst coefficient on NIST's linear problems; refinement has more on every one."""
    for problem in read_linear(data_dir / "nist_linear"):
        A, y = jnp.asarray(problem.A), jnp.asarray(problem.y)
        plain, refined = (digits(solve(m, A, y).params, problem.exact) for m in (QR(), QR(refinements=3)))
        assert plain >= PUBLISHED[problem.name] - 0.5  # LAPACK's last bits are the processor's
        assert refined >= min(plain, 15)
        assert refined > 13

"""Small formulas of the solvers, on numbers where a missing factor shows."""

import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.solvers import Backtracking, diagonal, line_search
from dlcore.solvers.descent.newton import damped_cholesky
from dlcore.solvers.descent.nonlinear_cg import hager_zhang, polak_ribiere

G, OLD, P = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, -1.0]), np.array([-1.0, 0.25, 2.0])


def test_hager_zhang_by_loops():
    y = G - OLD
    yp = sum(a * b for a, b in zip(y, P, strict=True))
    yy = sum(a * a for a in y)
    expected = sum((a - 2 * b * yy / yp) * g / yp for a, b, g in zip(y, P, G, strict=True))
    np.testing.assert_allclose(hager_zhang(jnp.asarray(G), jnp.asarray(OLD), jnp.asarray(P)), expected, rtol=1e-14)


def test_polak_ribiere_is_never_negative():
    shorter = 0.5 * OLD  # g (g - g_old) < 0
    assert polak_ribiere(jnp.asarray(shorter), jnp.asarray(OLD), jnp.asarray(P)) == 0
    expected = G @ (G - OLD) / (OLD @ OLD)
    np.testing.assert_allclose(polak_ribiere(jnp.asarray(G), jnp.asarray(OLD), jnp.asarray(P)), expected, rtol=1e-14)


def test_jacobis_preconditioner_divides_by_the_diagonal():
    A = jnp.array([[2.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(diagonal(A)(jnp.array([2.0, 2.0, 2.0])), [1.0, 0.5, 2.0])


def test_armijo_asks_for_less_of_a_shorter_step():
    """f(1 - 2α) = (1 - 2α)²: at α = 1/2 the value 0 is below 1 - 0.3 · 4/2, but not below 1 - 0.3 · 4."""
    found = line_search(Backtracking(c1=0.3, shrink=0.5), lambda x: x @ x, jnp.array([1.0]), jnp.array([-2.0]))
    assert found.found
    assert found.point.alpha == 0.5


@pytest.mark.parametrize(
    "H",
    [
        [[2.0, 1.0], [1.0, 3.0]],  # positive definite
        [[1.0, 2.0], [2.0, 1.0]],  # eigenvalues 3 and -1 behind a positive diagonal
        [[-1.0, 0.0], [0.0, 4.0]],
        [[0.0, 5.0], [5.0, 0.0]],
        [[-3.0, 1.0], [1.0, -2.0]],  # negative definite
        [[0.0, 0.0], [0.0, 0.0]],
    ],
)
def test_newtons_damping_is_the_first_shift_that_is_positive_definite(H):
    H = np.array(H)
    b = 1e-3 * (np.linalg.norm(H) or 1)
    tau = 0 if H.diagonal().min() > 0 else b - H.diagonal().min()
    while np.linalg.eigvalsh(H + tau * np.eye(2))[0] <= 0:
        tau = max(2 * tau, b)
    L = np.asarray(damped_cholesky(jnp.asarray(H)))
    np.testing.assert_allclose(L @ L.T, H + tau * np.eye(2), rtol=1e-12, atol=1e-14)

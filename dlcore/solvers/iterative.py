r"""Iterations for $Ax = b$: stationary ones that need the matrix, and conjugate gradients that need only products.

Saad 2003, chapters 4, 6 and 10; Nocedal & Wright 2006, chapter 5.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.pytrees import hyperparams
from dlcore.solvers.linear import LinearMethod, LinearSolution, _check_square, _is_skew
from dlcore.solvers.preconditioners import diagonal
from dlcore.solvers.solution import Status, _first_status


@hyperparams
class IterativeMethod(LinearMethod):
    r"""Stops at $\|b - Ax\|_2 \le$ ``tolerance`` $\|b\|_2$ or after ``max_steps``."""

    tolerance: Scalar = 1e-10
    max_steps: Scalar = 10_000

    def reached(self, b: Array) -> Array:
        """The norm for the residual to come below; a tolerance finer than the dtype of b [n] means its precision."""
        return jnp.maximum(self.tolerance, 10 * jnp.finfo(b.dtype).eps) * jnp.linalg.norm(b)

    def limit(self) -> Array:
        """``max_steps`` as a whole number."""
        return jnp.asarray(self.max_steps).astype(jnp.int32)


@hyperparams
class StationaryMethod(IterativeMethod):
    r"""$x \leftarrow x + M^{-1} (b - Ax)$ with a part M of A that is easily solved with. Saad 2003, section 4.1."""

    def check(self, A, b):
        """A square matrix."""
        _check_square(type(self).__name__, A)

    @abc.abstractmethod
    def correction(self, A: Array, r: Array) -> Array:
        r"""$M^{-1} r$ [n]."""

    def solve(self, A, b, x0):
        """Until the residual is small, or no longer finite: the iteration need not converge."""
        enough, limit = self.reached(b), self.limit()
        x = jnp.zeros_like(b) if x0 is None else x0

        def going(carry):
            _, r, k = carry
            size = jnp.linalg.norm(r)
            return (size > enough) & jnp.isfinite(size) & (k < limit)

        def correct(carry):
            x, r, k = carry
            x = x + self.correction(A, r)
            return x, b - A @ x, k + 1

        x, r, k = jax.lax.while_loop(going, correct, (x, b - A @ x, jnp.int32(0)))
        size = jnp.linalg.norm(r)
        known = jnp.all(jnp.isfinite(A)) & jnp.all(jnp.isfinite(b))
        status = _first_status(
            Status.STEP_LIMIT,
            (known & jnp.any(jnp.diagonal(A) == 0), Status.SINGULAR),
            (~jnp.isfinite(size), Status.NOT_FINITE),
            (size <= enough, Status.CONVERGED_RESIDUAL),
        )
        return LinearSolution(x, size, k, jnp.full_like(size, jnp.nan), status)


@hyperparams
class Jacobi(StationaryMethod):
    """M is the diagonal of A. Converges where A is strictly diagonally dominant; a zero there is a status."""

    def correction(self, A, r):
        """By division."""
        return r / jnp.diagonal(A)


@hyperparams
class GaussSeidel(StationaryMethod):
    """M is the lower triangle of A. Converges where A is symmetric positive definite or diagonally dominant."""

    def correction(self, A, r):
        """By forward substitution."""
        return jax.scipy.linalg.solve_triangular(A, r, lower=True)


class _Conjugate(NamedTuple):
    x: Array
    r: Array
    p: Array
    rz: Array
    steps: Array
    definite: Array


def _conjugate_gradients(
    product: Callable, b: Array, x0: Array, precondition: Callable, enough: Scalar, limit: Scalar
) -> tuple[Array, Array, Array]:
    r"""(x, steps, definite): $Ax = b$ by products with A and $M^{-1}$, both symmetric positive definite, b [n].

    Nocedal & Wright 2006, algorithm 5.3; 5.2 where ``precondition`` is the identity. Ends where the residual's norm
    comes to ``enough``, after ``limit`` steps, or where $p^\top A p \le 0$: A, or M, is then not ``definite``.
    """

    def going(c):
        size = jnp.linalg.norm(c.r)
        return c.definite & (size > enough) & (c.steps < limit)

    def conjugate(c):
        Ap = product(c.p)
        curvature = c.p @ Ap
        definite = (curvature > 0) & (c.rz > 0)
        alpha = c.rz / jnp.where(definite, curvature, 1)
        r = c.r - alpha * Ap
        z = precondition(r)
        rz = r @ z
        p = z + rz / jnp.where(definite, c.rz, 1) * c.p
        after = _Conjugate(c.x + alpha * c.p, r, p, rz, c.steps + 1, definite)
        return jax.tree.map(lambda new, old: jnp.where(definite, new, old), after, c._replace(definite=definite))

    r = b - product(x0)
    z = precondition(r)
    last = jax.lax.while_loop(going, conjugate, _Conjugate(x0, r, z, r @ z, jnp.int32(0), jnp.asarray(True)))
    return last.x, last.steps, last.definite


@hyperparams
class CG(IterativeMethod):
    """Conjugate gradients for symmetric positive definite A, a matrix or a function; exact after n steps.

    An indefinite matrix is found out where it shows, an unsymmetric one always; the residual is the true one.
    """

    def check(self, A, b):
        """A square matrix, or any function."""
        if not callable(A):
            _check_square(type(self).__name__, A)

    def approximate_inverse(self, A: Array | Callable) -> Callable:
        """The function r -> M⁻¹r, here the identity."""
        del A
        return lambda r: r

    def solve(self, A, b, x0):
        """One product a step."""
        product: Any = A if callable(A) else lambda v: A @ v
        x = jnp.zeros_like(b) if x0 is None else x0
        enough = self.reached(b)
        x, steps, definite = _conjugate_gradients(product, b, x, self.approximate_inverse(A), enough, self.limit())
        size = jnp.linalg.norm(b - product(x))
        status = _first_status(
            Status.STALLED,
            (~jnp.isfinite(size), Status.NOT_FINITE),
            (jnp.asarray(False) if callable(A) else _is_skew(A), Status.NOT_SYMMETRIC),
            (~definite, Status.NOT_POSITIVE_DEFINITE),
            (size <= 2 * enough, Status.CONVERGED_RESIDUAL),  # the recurrence drifts by a rounding a step
            (steps >= self.limit(), Status.STEP_LIMIT),
        )
        return LinearSolution(x, size, steps, jnp.full_like(size, jnp.nan), status)


@hyperparams
class PCG(CG):
    """``CG`` with a preconditioner: a function of A that returns the function r -> M⁻¹r.

    ``preconditioners`` has ``diagonal``, ``incomplete_cholesky`` and, for one of your own, ``given``.
    """

    preconditioner: Callable = diagonal

    def approximate_inverse(self, A):
        """As the preconditioner makes it."""
        return self.preconditioner(A)

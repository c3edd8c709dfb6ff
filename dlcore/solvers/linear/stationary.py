r"""Stationary iterations for $Ax = b$, by a part of the matrix that is easily solved with. Saad 2003, chapter 4."""

import abc

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.solvers.linear.system import LinearMethod, LinearSolution, check_square
from dlcore.solvers.status import Status
from dlcore.tree.fields import hyperparams, number


@hyperparams
class IterativeMethod(LinearMethod):
    r"""Stops at $\|b - Ax\|_2 \le$ ``tolerance`` $\|b\|_2$ or after ``max_steps``."""

    tolerance: Scalar = number(default=1e-10, low=0, log=True)
    max_steps: Scalar = number(default=10_000, low=0, whole=True)

    def reached(self, b: Array) -> Array:
        """The norm for the residual to come below; a tolerance finer than the dtype of b [n] means its precision."""
        return jnp.maximum(self.tolerance, 10 * jnp.finfo(b.dtype).eps) * jnp.linalg.norm(b)

    def limit(self) -> Array:
        """``max_steps`` as a whole number."""
        return jnp.asarray(self.max_steps).astype(jnp.int32)


@hyperparams
class StationaryMethod(IterativeMethod):
    r"""$x \leftarrow x + M^{-1} (b - Ax)$ with a part M of A that is easily solved with. Saad 2003, section 4.1.

    It goes on until the residual is small, or no longer finite: the iteration need not converge.
    """

    def check(self, A, b):
        check_square(type(self).__name__, A)

    @abc.abstractmethod
    def correction(self, A: Array, r: Array) -> Array:
        r"""$M^{-1} r$ [n]."""

    def solve(self, A, b, x0):
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
        status = Status.first(
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
        return r / jnp.diagonal(A)


@hyperparams
class GaussSeidel(StationaryMethod):
    """M is the lower triangle of A. Converges where A is symmetric positive definite or diagonally dominant."""

    def correction(self, A, r):
        return jax.scipy.linalg.solve_triangular(A, r, lower=True)

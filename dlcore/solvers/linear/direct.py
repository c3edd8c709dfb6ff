r"""Direct methods for $Ax = b$: by factors of A."""

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.linear.compensated import compensated_residual
from dlcore.solvers.linear.factors import equilibrated, inverse_norm, rank_tolerance, triangular
from dlcore.solvers.linear.system import LinearMethod, LinearSolution, check_square, check_tall, is_skew
from dlcore.solvers.status import Status
from dlcore.tree.fields import hyperparams, static


@hyperparams
class DirectMethod(LinearMethod):
    """By factors of the matrix; then ``refinements`` corrections by residuals in twice the precision."""

    refinements: int = static(default=0, low=0, whole=True)

    def check(self, A, b):
        check_square(type(self).__name__, A)


@hyperparams
class LU(DirectMethod):
    """Gaussian elimination with partial pivoting, for any square matrix: about 2/3 n³ operations."""

    def solve(self, A, b, x0):
        factors = jax.scipy.linalg.lu_factor(A)

        def back(b, trans=0):
            return jax.scipy.linalg.lu_solve(factors, b, trans=trans)

        return _square_answer(A, b, back, lambda b: back(b, 1), self.refinements)


@hyperparams
class Cholesky(DirectMethod):
    r"""$A = L L^\top$ for symmetric positive definite matrices, and it says where A is not one: 1/3 n³ operations."""

    def solve(self, A, b, x0):
        L = jnp.linalg.cholesky(A, symmetrize_input=False)

        def back(b):
            return jax.scipy.linalg.cho_solve((L, True), b)

        answer = _square_answer(A, b, back, back, self.refinements)
        status = Status.first(
            answer.status,
            (~jnp.all(jnp.isfinite(A)), Status.NOT_FINITE),
            (is_skew(A), Status.NOT_SYMMETRIC),
            (~jnp.all(jnp.isfinite(L)), Status.NOT_POSITIVE_DEFINITE),
        )
        return answer._replace(status=status)


def _square_answer(A, b, back, back_transposed, refinements):
    """The answer from the solver ``back`` that the factors give, with its condition and status."""
    x = back(b)
    for _ in range(refinements):
        x = x + back(compensated_residual(A, x, b))
    condition = jnp.max(jnp.sum(jnp.abs(A), axis=0)) * inverse_norm(back, back_transposed, len(b), b.dtype)
    full = condition * jnp.finfo(x.dtype).eps < 1
    return LinearSolution(x, jnp.linalg.norm(b - A @ x), jnp.int32(1), condition, _status(A, b, x, full))


def _status(A, b, x, full):
    known = jnp.all(jnp.isfinite(A)) & jnp.all(jnp.isfinite(b))
    singular = ~full | ~jnp.all(jnp.isfinite(x))
    return Status.first(Status.CONVERGED_RESIDUAL, (~known, Status.NOT_FINITE), (singular, Status.SINGULAR))


@hyperparams
class QR(DirectMethod):
    r"""$A = QR$ by Householder reflections; for [m, n] with m > n the least squares $\min_x \|b - Ax\|_2$.

    The columns are scaled to lengths near 1 by powers of two, which rounds nothing. Where the rank is below n the
    status says so and x is the shortest solution in the scaled columns. ``refinements`` follow Björck 1967: residual
    and solution are corrected together. Higham 2002, section 20.5. About 2 m n² operations, twice as many with
    refinements, which need Q.
    """

    def check(self, A, b):
        check_tall("QR", A)

    def solve(self, A, b, x0):
        A, scale = equilibrated(A)
        R, c = triangular(A, b)

        def back(v, trans=0):
            return jax.scipy.linalg.solve_triangular(R, v, trans=trans)

        norm = jnp.max(jnp.sum(jnp.abs(R), axis=0))
        condition = norm * inverse_norm(back, lambda v: back(v, 1), len(R), R.dtype)
        tolerance = rank_tolerance(A)
        full = condition * tolerance < 1
        x = _refined(A, b, self.refinements) if self.refinements else back(c)
        x = jax.lax.cond(full, lambda: x, lambda: _shortest(R, c, tolerance))
        size = jnp.linalg.norm(b - A @ x)
        return LinearSolution(x * scale, size, jnp.int32(1), condition, _status(A, b, x, full))


def _refined(A: Array, b: Array, refinements: int) -> Array:
    """The x of r + Ax = b and Aᵀr = 0, both corrected together."""
    Q, R = jnp.linalg.qr(A)

    def solved(f, g):
        c = Q.T @ f
        h = jax.scipy.linalg.solve_triangular(R, g, trans=1)
        return jax.scipy.linalg.solve_triangular(R, c - h), f - Q @ (c - h)

    x, r = solved(b, jnp.zeros_like(A[0]))
    for _ in range(refinements):
        dx, dr = solved(compensated_residual(A, x, b, r), compensated_residual(A.T, r, jnp.zeros_like(x)))
        x, r = x + dx, r + dr
    return x


def _shortest(R, c, tolerance):
    """The shortest x of least |Rx - c|, singular values below ``tolerance`` times the largest taken as 0."""
    U, sigma, Vt = jnp.linalg.svd(R)
    kept = sigma > tolerance * sigma[0]
    return Vt.T @ (jnp.where(kept, 1 / jnp.where(kept, sigma, 1), 0) * (U.T @ c))


@hyperparams
class NormalEquations(DirectMethod):
    r"""Least squares by Cholesky of $A^\top A$: half the work of ``QR``, about m n² operations, and half the digits."""

    def check(self, A, b):
        check_tall("NormalEquations", A)

    def solve(self, A, b, x0):
        scaled, scale = equilibrated(A)
        answer = Cholesky(self.refinements).solve(scaled.T @ scaled, scaled.T @ b, None)
        x = answer.params * scale
        status = jnp.where(answer.status == Status.NOT_POSITIVE_DEFINITE, jnp.int32(Status.SINGULAR), answer.status)
        return answer._replace(params=x, residual_norm=jnp.linalg.norm(b - A @ x), status=status)

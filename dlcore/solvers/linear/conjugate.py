r"""Conjugate gradients for $Ax = b$, which need only products with A.

Saad 2003, chapters 6 and 10; Nocedal & Wright 2006, chapter 5.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.solvers.linear.preconditioners import diagonal
from dlcore.solvers.linear.stationary import IterativeMethod
from dlcore.solvers.linear.system import LinearSolution, check_square, is_skew
from dlcore.solvers.status import Status
from dlcore.tree.choose import tree_where
from dlcore.tree.fields import hyperparams


class _Conjugate(NamedTuple):
    x: Array
    r: Array
    p: Array
    rz: Array
    steps: Array
    definite: Array


def conjugate_gradients(
    product: Callable, b: Array, x0: Array | None, precondition: Callable, enough: Scalar, limit: Scalar
) -> tuple[Array, Array, Array]:
    r"""(x, steps, definite): $Ax = b$ by products with A and $M^{-1}$, both symmetric positive definite, b [n].

    Without ``x0`` from 0, which saves a product. Nocedal & Wright 2006, algorithm 5.3; 5.2 where ``precondition`` is
    the identity. Ends where the residual's norm comes to ``enough``, after ``limit`` steps, or where $p^\top A p \le
    0$: A, or M, is then not ``definite``.
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
        return tree_where(definite, after, c._replace(definite=definite))

    x, r = (jnp.zeros_like(b), b) if x0 is None else (x0, b - product(x0))
    z = precondition(r)
    last = jax.lax.while_loop(going, conjugate, _Conjugate(x, r, z, r @ z, jnp.int32(0), jnp.asarray(True)))
    return last.x, last.steps, last.definite


@hyperparams
class CG(IterativeMethod):
    """Conjugate gradients for symmetric positive definite A, a matrix or a function: one product a step.

    An indefinite matrix is found out where it shows, an unsymmetric one always; the residual is the true one.
    """

    def check(self, A, b):
        if not callable(A):
            check_square(type(self).__name__, A)

    def approximate_inverse(self, A: Array | Callable) -> Callable:
        """The function r -> M⁻¹r, here the identity."""
        return lambda r: r

    def solve(self, A, b, x0):
        product: Any = A if callable(A) else lambda v: A @ v
        enough = self.reached(b)
        x, steps, definite = conjugate_gradients(product, b, x0, self.approximate_inverse(A), enough, self.limit())
        size = jnp.linalg.norm(b - product(x))
        status = Status.first(
            Status.STALLED,
            (~jnp.isfinite(size), Status.NOT_FINITE),
            (jnp.asarray(False) if callable(A) else is_skew(A), Status.NOT_SYMMETRIC),
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
        return self.preconditioner(A)

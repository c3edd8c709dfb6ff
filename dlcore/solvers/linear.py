r"""Linear systems $Ax = b$: direct methods by factors of A. ``iterative`` has the ones that need only products.

Every answer says how good it is: its residual, an estimate of the condition number, and a status. A system without a
unique solution at the precision of the type, or a matrix of the wrong kind, is a status, never a silent wrong answer.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree
from dlcore.pytrees import hyperparams, static
from dlcore.solvers.compensated import _compensated_residual
from dlcore.solvers.loop import _as_data, _in_dtype_of_tree, raveled
from dlcore.solvers.solution import Status, _first_status, _has_converged


class LinearSolution(NamedTuple):
    r"""x, the norm of b - Ax, the steps taken, the condition number (NaN where not estimated) and how it ended.

    The condition number is an estimate of $\|A\|_1 \|A^{-1}\|_1$; for ``QR`` that of R, the columns of A scaled to
    lengths near 1.
    """

    params: PyTree
    residual_norm: Array
    steps: Array
    condition: Array
    status: Array

    @property
    def converged(self) -> Array:
        """Whether the system is solved as asked."""
        return _has_converged(self.status)


@hyperparams
class LinearMethod(abc.ABC):
    """A way to solve a linear system, as data."""

    @abc.abstractmethod
    def check(self, A: Any, b: Array) -> None:
        """Raise ValueError or TypeError for an ``A`` that this method cannot take, before compilation."""

    @abc.abstractmethod
    def solve(self, A: Any, b: Array, x0: Array | None) -> LinearSolution:
        """The solution for a right-hand side ``b`` [m]; ``A`` is a matrix [m, n] or a function of a vector."""


def solve(method: LinearMethod, A: Array | Callable, b: PyTree, *, x0: PyTree | None = None) -> LinearSolution:
    r"""$Ax = b$ by ``method``: A [n, n] and b [n]; [m, n] and [m] give least squares by ``QR`` or ``NormalEquations``.

    ``CG`` and ``PCG`` also take a function for A, on any pytree like ``b``. ``x0`` is where iterations start. Several
    right-hand sides: ``jax.vmap`` over ``b`` factors A once. Products run at full precision.

    Raises ValueError for a shape and TypeError for a dtype that does not fit; the rest is in the ``status``.
    """
    if not isinstance(method, LinearMethod):
        raise TypeError(f"method: needed a linear method, got {type(method).__name__}; try LU(), QR() or CG()")
    if callable(A):
        return _solve_operator(method, _as_data(A), b, x0)
    return _solve_matrix(method, jnp.asarray(A), jnp.asarray(b), x0)


@jax.jit
def _solve_matrix(method, A, b, x0):
    if A.ndim != 2 or b.ndim != 1 or len(A) != len(b):
        hint = "jax.vmap over the columns of b" if b.ndim == 2 else "A[None] or b.ravel()"
        raise ValueError(f"needed A [m, n] and b [m], got A {list(A.shape)} and b {list(b.shape)}; try {hint}")
    if A.dtype != b.dtype or A.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"needed A and b of one type, float32 or float64, got {A.dtype} and {b.dtype}; try .astype")
    method.check(A, b)
    if x0 is not None and x0.shape != A.shape[1:]:
        raise ValueError(f"x0: needed {list(A.shape[1:])}, got {list(x0.shape)}")
    with jax.default_matmul_precision("highest"):
        return _in_dtype_of_tree(b, method).solve(A, b, x0)


@jax.jit
def _solve_operator(method, A, b, x0):
    flat, unravel = raveled(b)
    out = jax.eval_shape(A, b)
    if jax.tree.map(jnp.shape, out) != jax.tree.map(jnp.shape, b):
        raise ValueError(f"A: needed a function from and to arrays like b, got {out} for {jax.eval_shape(lambda: b)}")

    def product(v):
        return raveled(A(unravel(v)))[0].astype(flat.dtype)

    method.check(product, flat)
    with jax.default_matmul_precision("highest"):
        answer = _in_dtype_of_tree(flat, method).solve(product, flat, None if x0 is None else raveled(x0)[0])
    return answer._replace(params=unravel(answer.params))


@hyperparams
class DirectMethod(LinearMethod):
    """By factors of the matrix; then ``refinements`` corrections by residuals in twice the precision."""

    refinements: int = static(default=0)

    def check(self, A, b):
        """A square matrix."""
        _check_square(type(self).__name__, A)


def _check_square(name: str, A: Any) -> None:
    """Raise TypeError where ``A`` is no matrix and ValueError where it is not square."""
    _check_matrix(name, A)
    if jnp.shape(A)[0] != jnp.shape(A)[1] or not jnp.shape(A)[0]:
        raise ValueError(f"{name}: needed a square matrix, got {list(jnp.shape(A))}; try QR()")


def _check_matrix(name: str, A: Any) -> None:
    """Raise TypeError where ``A`` is a function."""
    if callable(A):
        raise TypeError(f"{name}: needed a matrix, got a function; try CG() or A applied to the identity")


@hyperparams
class LU(DirectMethod):
    """Gaussian elimination with partial pivoting: for any square matrix."""

    def solve(self, A, b, x0):
        """About 2/3 n³ operations."""
        factors = jax.scipy.linalg.lu_factor(A)

        def back(b, trans=0):
            return jax.scipy.linalg.lu_solve(factors, b, trans=trans)

        return _square_answer(A, b, back, lambda b: back(b, 1), self.refinements)


@hyperparams
class Cholesky(DirectMethod):
    r"""$A = L L^\top$: for symmetric positive definite matrices, and it says where A is not one."""

    def solve(self, A, b, x0):
        """About 1/3 n³ operations."""
        L = jnp.linalg.cholesky(A, symmetrize_input=False)

        def back(b):
            return jax.scipy.linalg.cho_solve((L, True), b)

        answer = _square_answer(A, b, back, back, self.refinements)
        return answer._replace(status=_unless_definite(A, L, answer.status))


def _unless_definite(A, L, status):
    """``status``, or what is wrong with a matrix ``A`` whose Cholesky factor is ``L``."""
    return _first_status(
        status,
        (~jnp.all(jnp.isfinite(A)), Status.NOT_FINITE),
        (_is_skew(A), Status.NOT_SYMMETRIC),
        (~jnp.all(jnp.isfinite(L)), Status.NOT_POSITIVE_DEFINITE),
    )


def _is_skew(A: Array) -> Array:
    r"""Whether A [n, n] differs from its transpose by more than rounding: $A v \ne A^\top v$ for a v without structure.

    Two products read A in order, which a comparison with its transpose cannot: it takes several times as long.
    """
    v = 1 + jnp.sin(1.0 + jnp.arange(len(A), dtype=A.dtype) ** 2)
    rounding = 100 * jnp.finfo(A.dtype).eps * jnp.linalg.norm(A)
    return jnp.max(jnp.abs(A @ v - v @ A)) > rounding


def _square_answer(A, b, back, back_transposed, refinements):
    """The answer from the solver ``back`` that the factors give, with its condition and status."""
    x = back(b)
    for _ in range(refinements):
        x = x + back(_compensated_residual(A, x, b))
    condition = jnp.max(jnp.sum(jnp.abs(A), axis=0)) * _inverse_norm(back, back_transposed, len(b), b.dtype)
    known = jnp.all(jnp.isfinite(A)) & jnp.all(jnp.isfinite(b))
    return LinearSolution(x, jnp.linalg.norm(b - A @ x), jnp.int32(1), condition, _direct_status(known, condition, x))


def _direct_status(known, condition, x):
    return _first_status(
        Status.CONVERGED_RESIDUAL,
        (~known, Status.NOT_FINITE),
        (~(condition * jnp.finfo(x.dtype).eps < 1) | ~jnp.all(jnp.isfinite(x)), Status.SINGULAR),
    )


def _inverse_norm(back: Callable, back_transposed: Callable, n: int, dtype: Any) -> Array:
    r"""A lower bound, rarely far off, of $\|A^{-1}\|_1$ from solves with A and its transpose.

    Hager 1984 as in Higham 2002, algorithm 15.1, and his vector of alternating signs against its blind spots.
    """

    def climb(carry):
        best, v, _, steps = carry
        y = back(v)
        z = back_transposed(jnp.where(y >= 0, 1, -1).astype(dtype))
        j = jnp.argmax(jnp.abs(z))
        norm = jnp.sum(jnp.abs(y))
        top = (jnp.abs(z[j]) <= z @ v) | ~(norm > best)
        return jnp.maximum(best, norm), (jnp.arange(n) == j).astype(dtype), top, steps + 1

    start = (jnp.zeros((), dtype), jnp.full(n, 1 / n, dtype), jnp.asarray(False), 0)
    norm, *_ = jax.lax.while_loop(lambda carry: ~carry[2] & (carry[3] < 5), climb, start)
    k = jnp.arange(n)
    signs = jnp.where(k % 2 == 0, 1, -1) * (1 + k / max(n - 1, 1))
    return jnp.maximum(norm, 2 * jnp.sum(jnp.abs(back(signs.astype(dtype)))) / (3 * n))


@hyperparams
class QR(DirectMethod):
    r"""$A = QR$ by Householder reflections; for [m, n] with m > n the least squares $\min_x \|b - Ax\|_2$.

    The columns are scaled to lengths near 1 by powers of two, which rounds nothing. Where the rank is below n the
    status says so and x is the shortest solution in the scaled columns. ``refinements`` follow Björck 1967: residual
    and solution are corrected together. Higham 2002, section 20.5.
    """

    def check(self, A, b):
        """A matrix with at least as many rows as columns."""
        _check_matrix("QR", A)
        if A.shape[0] < A.shape[1] or not A.shape[1]:
            raise ValueError(f"QR: needed at least as many rows as columns, got {list(A.shape)}; try adding rows")

    def solve(self, A, b, x0):
        """About 2 m n² operations, twice as many with refinements, which need Q."""
        A, scale = _equilibrated(A)
        R, c = _triangular(A, b)

        def back(v, trans=0):
            return jax.scipy.linalg.solve_triangular(R, v, trans=trans)

        norm = jnp.max(jnp.sum(jnp.abs(R), axis=0))
        condition = norm * _inverse_norm(back, lambda v: back(v, 1), len(R), R.dtype)
        tolerance = jnp.finfo(A.dtype).eps * max(A.shape)
        full = condition * tolerance < 1
        x = _refined(A, b, self.refinements) if self.refinements else back(c)
        x = jax.lax.cond(full, lambda: x, lambda: _shortest(R, c, tolerance))
        known = jnp.all(jnp.isfinite(A)) & jnp.all(jnp.isfinite(b))
        status = _first_status(
            Status.CONVERGED_RESIDUAL, (~known, Status.NOT_FINITE), (~full | jnp.any(~jnp.isfinite(x)), Status.SINGULAR)
        )
        return LinearSolution(x * scale, jnp.linalg.norm(b - A @ x), jnp.int32(1), condition, status)


def _triangular(A: Array, b: Array) -> tuple[Array, Array]:
    r"""(R, c): the R [n, n] of A = QR and $c = Q^\top b$ [n] by Householder QR of A [m, n] beside b, without Q."""
    n = A.shape[1]
    R = jnp.linalg.qr(jnp.concatenate([A, b[:, None]], axis=1), mode="r")
    return R[:n, :n], R[:n, n]


def _refined(A: Array, b: Array, refinements: int) -> Array:
    """The x of r + Ax = b and Aᵀr = 0, both corrected together."""
    Q, R = jnp.linalg.qr(A)

    def solved(f, g):
        c = Q.T @ f
        h = jax.scipy.linalg.solve_triangular(R, g, trans=1)
        return jax.scipy.linalg.solve_triangular(R, c - h), f - Q @ (c - h)

    x, r = solved(b, jnp.zeros_like(A[0]))
    for _ in range(refinements):
        dx, dr = solved(_compensated_residual(A, x, b, r), _compensated_residual(A.T, r, jnp.zeros_like(x)))
        x, r = x + dx, r + dr
    return x


def _shortest(R, c, tolerance):
    """The shortest x of least |Rx - c|, singular values below ``tolerance`` times the largest taken as 0."""
    U, sigma, Vt = jnp.linalg.svd(R)
    kept = sigma > tolerance * sigma[0]
    return Vt.T @ (jnp.where(kept, 1 / jnp.where(kept, sigma, 1), 0) * (U.T @ c))


def _equilibrated(A: Array) -> tuple[Array, Array]:
    """(A scaled, scale): columns of length 1/2 to 1 by powers of two; x of A is ``scale`` times x of the scaled A."""
    norms = jnp.linalg.norm(A, axis=0)
    _, exponent = jnp.frexp(jnp.where((norms > 0) & jnp.isfinite(norms), norms, 1))
    scale = jnp.ldexp(jnp.ones_like(norms), -exponent)
    return A * scale[None, :], scale


@hyperparams
class NormalEquations(DirectMethod):
    r"""Least squares by Cholesky of $A^\top A$: half the work of ``QR`` and half the digits."""

    def check(self, A, b):
        """A matrix with at least as many rows as columns."""
        QR().check(A, b)

    def solve(self, A, b, x0):
        """About m n² operations."""
        scaled, scale = _equilibrated(A)
        answer = Cholesky(self.refinements).solve(scaled.T @ scaled, scaled.T @ b, None)
        x = answer.params * scale
        status = jnp.where(answer.status == Status.NOT_POSITIVE_DEFINITE, jnp.int32(Status.SINGULAR), answer.status)
        return answer._replace(params=x, residual_norm=jnp.linalg.norm(b - A @ x), status=status)

r"""Linear systems $Ax = b$: what a method is, and ``solve``, which hands it a system.

Every answer says how good it is: its residual, an estimate of the condition number, and a status. A system without a
unique solution at the precision of the type, or a matrix of the wrong kind, is a status, never a silent wrong answer.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree
from dlcore.solvers.problem import as_data, full_precision, numbers_like, ravel
from dlcore.solvers.status import Status
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams


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
        return Status.says_converged(self.status)


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

    Raises ValueError for a shape or a number out of its range and TypeError for a dtype that does not fit; the rest is
    in the ``status``.

    >>> import jax.numpy as jnp
    >>> from dlcore.solvers import Cholesky, solve
    >>> print(solve(Cholesky(), jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.array([3.0, 3.0])).params.round(4))
    [1. 1.]
    """
    if not isinstance(method, LinearMethod):
        raise TypeError(needed("method", "a linear method", type(method).__name__, "LU(), QR() or CG()"))
    check_ranges(method)
    if callable(A):
        return _solve_operator(method, as_data(A), b, x0)
    return _solve_matrix(method, jnp.asarray(A), jnp.asarray(b), x0)


@jax.jit
@full_precision
def _solve_matrix(method, A, b, x0):
    if A.ndim != 2 or b.ndim != 1 or len(A) != len(b):
        hint = "jax.vmap over the columns of b" if b.ndim == 2 else "A[None] or b.ravel()"
        got = f"A {list(A.shape)} and b {list(b.shape)}"
        raise ValueError(needed("solve", "A [m, n] and b [m]", got, hint))
    if A.dtype != b.dtype or A.dtype not in (jnp.float32, jnp.float64):
        got = f"{A.dtype} and {b.dtype}"
        raise TypeError(needed("solve", "A and b of one type, float32 or float64", got, ".astype"))
    method.check(A, b)
    if x0 is not None and x0.shape != A.shape[1:]:
        raise ValueError(needed("x0", list(A.shape[1:]), list(x0.shape)))
    return numbers_like(b, method).solve(A, b, x0)


@jax.jit
@full_precision
def _solve_operator(method, A, b, x0):
    flat, unravel = ravel(b)
    out = jax.eval_shape(A, b)
    if jax.tree.map(jnp.shape, out) != jax.tree.map(jnp.shape, b):
        got = f"{out} for {jax.eval_shape(lambda: b)}"
        raise ValueError(needed("A", "a function from and to arrays like b", got))

    def product(v):
        return ravel(A(unravel(v)))[0].astype(flat.dtype)

    method.check(product, flat)
    answer = numbers_like(flat, method).solve(product, flat, None if x0 is None else ravel(x0)[0])
    return answer._replace(params=unravel(answer.params))


def check_matrix(name: str, A: Any) -> None:
    """Raise TypeError where ``A`` is a function."""
    if callable(A):
        raise TypeError(needed(name, "a matrix", "a function", "CG() or A applied to the identity"))


def check_square(name: str, A: Any) -> None:
    """Raise TypeError where ``A`` is no matrix and ValueError where it is not square."""
    check_matrix(name, A)
    if jnp.shape(A)[0] != jnp.shape(A)[1] or not jnp.shape(A)[0]:
        raise ValueError(needed(name, "a square matrix", list(jnp.shape(A)), "QR()"))


def check_tall(name: str, A: Any) -> None:
    """Raise TypeError where ``A`` is no matrix and ValueError where it has fewer rows than columns, or none."""
    check_matrix(name, A)
    if A.shape[0] < A.shape[1] or not A.shape[1]:
        raise ValueError(needed(name, "at least as many rows as columns", list(A.shape), "adding rows"))


def is_skew(A: Array) -> Array:
    r"""Whether A [n, n] differs from its transpose by more than rounding: $A v \ne A^\top v$ for a v without structure.

    Two products read A in order, which a comparison with its transpose cannot: it takes several times as long.
    """
    v = 1 + jnp.sin(1.0 + jnp.arange(len(A), dtype=A.dtype) ** 2)
    rounding = 100 * jnp.finfo(A.dtype).eps * jnp.linalg.norm(A)
    return jnp.max(jnp.abs(A @ v - v @ A)) > rounding

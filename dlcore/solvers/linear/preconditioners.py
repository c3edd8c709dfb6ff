r"""Preconditioners for conjugate gradients: from A [n, n] to the function $r \mapsto M^{-1} r$ with $M \approx A$."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from dlcore.numerics.formats import Array
from dlcore.solvers.linear.factors import first_factor
from dlcore.solvers.linear.system import check_matrix


def diagonal(A: Array) -> Callable[[Array], Array]:
    r"""$M = \operatorname{diag} A$, Jacobi's. Raises TypeError where A is a function."""
    check_matrix("diagonal", A)
    d = jnp.diagonal(A)
    return Partial(_divide, jnp.where(d != 0, d, 1))


def _divide(d, r):
    return r / d


def incomplete_cholesky(A: Array) -> Callable[[Array], Array]:
    r"""$M = L L^\top$ by ``incomplete_factor``. Raises TypeError where A is a function."""
    check_matrix("incomplete_cholesky", A)
    return Partial(_solve_factored, incomplete_factor(A))


def _solve_factored(L, r):
    return jax.scipy.linalg.cho_solve((L, True), r)


def incomplete_factor(A: Array) -> Array:
    r"""L [n, n] of $A \approx L L^\top$ with zeros where A has them: IC(0), Golub & Van Loan 2013, algorithm 11.5.6.

    Where a pivot is not positive, of A with its diagonal raised by 0.1 %, 0.2 %, 0.4 % … (Manteuffel 1980). Finds
    NaN where the diagonal is not positive.
    """
    lower = jnp.tril(A)
    pattern = lower != 0
    rows = jnp.arange(len(A))

    def column(k, L, raised):
        c = raised[:, k] - L @ L[k]  # the columns from k on are still 0
        c = jnp.where(pattern[:, k] & (rows >= k), c, 0)
        return L.at[:, k].set(c / jnp.sqrt(c[k]))

    def factor(shift):
        raised = jnp.where(rows[:, None] == rows[None, :], lower * (1 + shift), lower)
        return jax.lax.fori_loop(0, len(A), lambda k, L: column(k, L, raised), jnp.zeros_like(A))

    return first_factor(factor, jnp.zeros((), A.dtype), least=1e-3, most=100)


def given(apply: Callable[[Array], Array]) -> Callable:
    r"""A preconditioner from a function $r \mapsto M^{-1} r$ of your own; a Partial brings its arrays as data."""
    return Partial(_constant, apply if isinstance(apply, Partial) else Partial(apply))


def _constant(apply, A):
    return apply

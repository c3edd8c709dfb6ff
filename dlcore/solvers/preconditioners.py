r"""Preconditioners for conjugate gradients: from A [n, n] to the function $r \mapsto M^{-1} r$ with $M \approx A$."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from dlcore.contracts import Array
from dlcore.solvers.linear import _check_matrix


def diagonal(A: Array) -> Callable[[Array], Array]:
    r"""$M = \operatorname{diag} A$, Jacobi's. Raises TypeError where A is a function."""
    _check_matrix("diagonal", A)
    d = jnp.diagonal(A)
    return Partial(_divide, jnp.where(d != 0, d, 1))


def _divide(d, r):
    return r / d


def incomplete_cholesky(A: Array) -> Callable[[Array], Array]:
    r"""$M = L L^\top$ by ``_incomplete_factor``. Raises TypeError where A is a function."""
    _check_matrix("incomplete_cholesky", A)
    return Partial(_solve_factored, _incomplete_factor(A))


def _solve_factored(L, r):
    return jax.scipy.linalg.cho_solve((L, True), r)


def _incomplete_factor(A: Array) -> Array:
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

    def failed(carry):
        shift, L = carry
        return ~jnp.all(jnp.isfinite(L)) & (shift < 100)

    def raise_more(carry):
        shift = jnp.maximum(2 * carry[0], 1e-3)
        return shift, factor(shift)

    none = jnp.zeros((), A.dtype)
    return jax.lax.while_loop(failed, raise_more, (none, factor(none)))[1]


def given(apply: Callable[[Array], Array]) -> Callable:
    r"""A preconditioner from a function $r \mapsto M^{-1} r$ of your own; a Partial brings its arrays as data."""
    return Partial(_constant, apply if isinstance(apply, Partial) else Partial(apply))


def _constant(apply, A):
    del A
    return apply

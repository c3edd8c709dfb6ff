"""What a solver returns: an answer, how it ended and what it cost. A failure is data, so it survives jit and vmap."""

import enum
from typing import Any, NamedTuple

import jax.numpy as jnp

from dlcore.contracts import Array, PyTree


class Status(enum.IntEnum):
    """How a solver ended; ``Status(int(solution.status)).name`` reads a code."""

    RUNNING = 0
    CONVERGED_GRADIENT = 1
    """The gradient, or the part of the residuals that the Jacobian can still remove, is as small as asked."""
    CONVERGED_STEP = 2
    """The last step is as small as asked."""
    CONVERGED_VALUE = 3
    """The value changes as little as asked, or the residuals are zero."""
    CONVERGED_RESIDUAL = 4
    """The linear system is solved as exactly as asked."""
    STALLED = 5
    """No progress is left at the precision of the type; the gradient test is not met."""
    STEP_LIMIT = 6
    """``max_steps`` steps were taken."""
    LINE_SEARCH_FAILED = 7
    """No better point was found along the direction, not even along the steepest descent."""
    NOT_FINITE = 8
    """The start, the value or the gradient there, or the system is not finite."""
    SINGULAR = 9
    """The system has no unique solution at the precision of the type: its rank is too low."""
    NOT_POSITIVE_DEFINITE = 10
    """The method needs a positive definite matrix and this one is not."""
    NOT_SYMMETRIC = 11
    """The method needs a symmetric matrix and this one is not."""


_CONVERGED = (
    Status.CONVERGED_GRADIENT,
    Status.CONVERGED_STEP,
    Status.CONVERGED_VALUE,
    Status.CONVERGED_RESIDUAL,
)


def _has_converged(status: Array) -> Array:
    """Whether each code of ``status`` [...] is one of those that say converged."""
    return (status >= min(_CONVERGED)) & (status <= max(_CONVERGED))


def _first_status(otherwise: Array | int, *cases: tuple[Array, Status]) -> Array:
    """The status of the first case that holds, as an int32 scalar."""
    status = jnp.asarray(otherwise, jnp.int32)
    for holds, case in reversed(cases):
        status = jnp.where(holds, jnp.int32(case), status)
    return status


class Evaluations(NamedTuple):
    """How often what was asked for; a value with its gradient counts once in each."""

    function: Array
    gradient: Array
    jacobian: Array
    hessian: Array
    product: Array  # of the Jacobian, its transpose or the Hessian with one vector

    def __add__(self, other):
        """Field by field."""
        return Evaluations(*(a + b for a, b in zip(self, other, strict=True)))


def _evaluations(**counts: Any) -> Evaluations:
    """``Evaluations`` as int32 scalars, 0 where not named."""
    return Evaluations(*(jnp.asarray(counts.get(name, 0), jnp.int32) for name in Evaluations._fields))


class History(NamedTuple):
    """The course of a run by step, NaN after its last: row 0 is the start."""

    value: Array
    gradient_norm: Array
    step_norm: Array


class Solution(NamedTuple):
    """The parameters found, in the structure and dtypes of the start, and how the run ended.

    ``value`` is the objective there, half the sum of squares for residuals; ``gradient_norm`` the largest absolute
    entry of its gradient; ``history`` is None unless asked for.
    """

    params: PyTree
    value: Array
    gradient_norm: Array
    steps: Array
    evaluations: Evaluations
    status: Array
    history: History | None = None

    @property
    def converged(self) -> Array:
        """Whether a test of convergence was met; a stalled run is as near as its dtype allows and says so instead."""
        return _has_converged(self.status)

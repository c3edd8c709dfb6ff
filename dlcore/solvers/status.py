"""What a solver returns: an answer, how it ended and what it cost. A failure is data, so it survives jit and vmap."""

import enum
from typing import Any, NamedTuple

import jax.numpy as jnp

from dlcore.numerics.formats import Array, PyTree


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
    """No progress is left at the precision of the type: the gradient test is not met, or met only since the residuals
    no longer depend on some parameter."""
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

    @staticmethod
    def first(otherwise: Array | int, *cases: tuple[Array, "Status"]) -> Array:
        """The status of the first case that holds, as an int32 scalar."""
        status = jnp.asarray(otherwise, jnp.int32)
        for holds, case in reversed(cases):
            status = jnp.where(holds, jnp.int32(case), status)
        return status

    @staticmethod
    def says_converged(codes: Array) -> Array:
        """Whether each of ``codes`` [...] is one of the four that say converged."""
        return (codes >= Status.CONVERGED_GRADIENT) & (codes <= Status.CONVERGED_RESIDUAL)


class Evaluations(NamedTuple):
    """How often what was asked for; a value with its gradient counts once in each."""

    function: Array
    gradient: Array
    jacobian: Array
    hessian: Array
    product: Array  # of the Jacobian, its transpose or the Hessian with one vector

    @classmethod
    def of(cls, **counts: Any) -> "Evaluations":
        """Int32 scalars, 0 where not named."""
        return cls(*(jnp.asarray(counts.get(name, 0), jnp.int32) for name in cls._fields))

    def __add__(self, other):
        """Field by field."""
        return Evaluations(*(a + b for a, b in zip(self, other, strict=True)))


class StepHistory(NamedTuple):
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
    history: StepHistory | None = None

    @property
    def converged(self) -> Array:
        """Whether a test of convergence was met; a stalled run is as near as its dtype allows and says so instead."""
        return Status.says_converged(self.status)

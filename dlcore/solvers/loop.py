"""The one compiled loop below every solver of nonlinear problems, on a raveled vector.

A method says how to start and how to take one step; the loop repeats the step until the state has a status.
"""

import abc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.solvers.problem import full_precision, numbers_like
from dlcore.solvers.status import Solution, Status, StepHistory
from dlcore.tree.fields import hyperparams, number


@hyperparams
class Method(abc.ABC):
    """An iterative solver as data: frozen hyperparameters and two pure functions on vectors.

    Its states are NamedTuples with at least ``x, value, gradient, step_norm, steps, evaluations, status``.
    """

    max_steps: Scalar = number(default=1000, low=0, whole=True, kw_only=True)

    @abc.abstractmethod
    def start(self, f: Callable, x: Array) -> Any:
        """The state before the first step, for the function ``f`` at the point ``x`` [n]."""

    @abc.abstractmethod
    def step(self, f: Callable, state: Any) -> Any:
        """The state after one more step."""


@full_precision
def init_state(method: Method, f: Callable, x: Array) -> Any:
    """The state of ``method`` at the vector ``x`` [n], for a caller that drives the steps; ``ravel`` makes ``x``.

    ``f`` is a function of the vector alone: the objective, or the residuals of a least-squares method.
    """
    return numbers_like(x, method).start(f, x)


@full_precision
def next_state(method: Method, f: Callable, state: Any) -> Any:
    """One step on; a state whose status is not ``Status.RUNNING`` stays as it is."""
    running = state.status == Status.RUNNING
    return jax.lax.cond(running, lambda s: numbers_like(s.x, method).step(f, s), lambda s: s, state)


def run(method: Method, f: Callable, x: Array, keep: int) -> tuple[Any, StepHistory | None]:
    """(last state, history of the first ``keep`` steps): the step repeated until there is a status."""
    limit = jnp.asarray(method.max_steps).astype(jnp.int32)
    method = numbers_like(x, method)
    state = method.start(f, x)
    empty = jnp.full(keep + 1, jnp.nan, x.dtype)
    history = _record(StepHistory(empty, empty, empty), state) if keep else None

    def going(carry):
        return (carry[0].status == Status.RUNNING) & (carry[0].steps < limit)

    def once(carry):
        state = method.step(f, carry[0])
        return state, _record(carry[1], state) if keep else None

    state, history = jax.lax.while_loop(going, once, (state, history))
    status = jnp.where(state.status == Status.RUNNING, jnp.int32(Status.STEP_LIMIT), state.status)
    return state._replace(status=status), history


def _record(history, state):
    row = (state.value, jnp.max(jnp.abs(state.gradient)), state.step_norm)
    return StepHistory(*(h.at[state.steps].set(now, mode="drop") for h, now in zip(history, row, strict=True)))


def solution(state: Any, history: StepHistory | None, unravel: Callable) -> Solution:
    """The ``Solution`` that a last state is."""
    gradient_norm = jnp.max(jnp.abs(state.gradient))
    params = unravel(state.x)
    return Solution(params, state.value, gradient_norm, state.steps, state.evaluations, state.status, history)

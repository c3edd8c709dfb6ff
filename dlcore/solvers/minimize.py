r"""Minimization of a smooth function by directions of descent and line searches.

$x_{k+1} = x_k + \alpha_k p_k$: a method is a formula for $p_k$ and what it remembers for the next one; the rest stands
here once. Nocedal & Wright 2006, chapter 3.
"""

import abc
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, Scalar
from dlcore.pytrees import hyperparams
from dlcore.solvers.line_search import LineSearch, Point, StrongWolfe
from dlcore.solvers.loop import Method, _as_data, _check_output, _OnVectors, _run, _solution, raveled
from dlcore.solvers.solution import Evaluations, Solution, Status, _evaluations, _first_status

_PATIENCE = 10  # steps without a new lowest value or gradient after which only rounding moves the iterates


class Move(NamedTuple):
    """What a step tells the memory: s = x₊ - x, y = g₊ - g, the direction p and the gradient g before it, all [n]."""

    s: Array
    y: Array
    p: Array
    g: Array


class DescentState(NamedTuple):
    """Where a minimization stands: point and gradient [n], the method's memory, and what the next step needs."""

    x: Array
    value: Array
    gradient: Array
    memory: Any
    decrease: Array  # α φ'(0) of the last step: the next one is first expected to decrease f as much
    fresh: Array  # whether the memory is void and the next direction is -g
    lowest: tuple[Array, Array]  # value and gradient norm
    idle: Array  # steps since either fell
    step_norm: Array
    steps: Array
    evaluations: Evaluations
    status: Array


@hyperparams
class Descent(Method):
    r"""A method of descent; converged where $\|\nabla f\|_\infty \le$ ``gradient_tolerance``.

    With the other tolerances also where $\|s\|_\infty < $ ``step_tolerance`` $\|x\|_\infty$ or where $f$ falls by less
    than ``value_tolerance`` $|f|$.
    """

    gradient_tolerance: Scalar = dataclasses.field(default=1e-8, kw_only=True)
    step_tolerance: Scalar = dataclasses.field(default=0.0, kw_only=True)
    value_tolerance: Scalar = dataclasses.field(default=0.0, kw_only=True)
    line_search: LineSearch = dataclasses.field(default=StrongWolfe(), kw_only=True)

    unit_steps: ClassVar[bool] = True
    """Whether 1 is the natural length of a step: so for Newton's direction and its approximations."""
    learns: ClassVar[bool] = True
    """Whether directions come from the steps so far, so that the first can only be -g."""

    def blank(self, x: Array) -> Any:
        """The memory at the start ``x`` [n]."""
        del x
        return ()

    @abc.abstractmethod
    def direction(self, f: Callable, x: Array, g: Array, memory: Any) -> tuple[Array, Evaluations]:
        """(p, its cost) at ``x`` [n] with the gradient ``g`` [n]; where p does not lead down, -g is taken instead."""

    def remember(self, memory: Any, move: Move, fresh: Array) -> Any:
        """The memory after ``move``, which forgets all before it where ``fresh``."""
        del move, fresh
        return memory

    def start(self, f, x):
        """One value and gradient."""
        value, g = jax.value_and_grad(f)(x)
        zero = jnp.zeros_like(value)
        size = jnp.max(jnp.abs(g))
        status = _first_status(
            Status.RUNNING,
            (~jnp.isfinite(value) | ~jnp.isfinite(size), Status.NOT_FINITE),
            (size <= self.gradient_tolerance, Status.CONVERGED_GRADIENT),
        )
        count = _evaluations(function=1, gradient=1)
        fresh, none = jnp.asarray(self.learns), jnp.int32(0)
        return DescentState(x, value, g, self.blank(x), zero, fresh, (value, size), none, zero, none, count, status)

    def step(self, f, state):
        """A direction, a search along it, and the tests."""
        x, g = state.x, state.gradient
        p, cost = self.direction(f, x, g, state.memory)
        fresh = state.fresh | ~(g @ p < 0) | ~jnp.all(jnp.isfinite(p))
        p = jnp.where(fresh, -g, p)
        origin = Point(jnp.zeros_like(state.value), state.value, g @ p, g)
        alpha = self._first_alpha(state, fresh, origin.slope)
        t, found, search_cost = self.line_search.search(f, x, p, origin, alpha)
        better = found | (t.value < state.value)
        t = jax.tree.map(lambda new, old: jnp.where(better, new, old), t, origin)
        s = t.alpha * p
        memory = self.remember(state.memory, Move(s, t.gradient - g, p, g), fresh)
        moved = jnp.any(x + s != x)
        new = state._replace(
            x=x + s,
            value=t.value,
            gradient=t.gradient,
            memory=memory,
            decrease=t.alpha * origin.slope,
            fresh=~moved,
            step_norm=jnp.linalg.norm(s),
            steps=state.steps + 1,
            evaluations=state.evaluations + cost + search_cost,
        )
        return self._tested(new, s, state.value, stuck=~moved & fresh, expected=alpha * origin.slope)

    def _first_alpha(self, state, fresh, slope):
        """The natural step, or one that decreases f as the last did, or at first one of length 1 at most."""
        short = jnp.minimum(1, 1 / jnp.linalg.norm(state.gradient))
        if self.unit_steps:
            return jnp.where(fresh, short, jnp.ones_like(slope))
        return jnp.where(state.decrease < 0, state.decrease / slope, short)  # Nocedal & Wright, page 59

    def _tested(self, new, s, old_value, stuck, expected):
        value, size = new.value, jnp.max(jnp.abs(new.gradient))
        fell = (value < new.lowest[0]) | (size < new.lowest[1])
        idle = jnp.where(fell, 0, new.idle + 1)
        noise = jnp.sqrt(jnp.finfo(s.dtype).eps) * (jnp.abs(value) + jnp.abs(new.x) @ jnp.abs(new.gradient))
        rounding = -expected <= noise
        step_test = jnp.max(jnp.abs(s)) < self.step_tolerance * jnp.max(jnp.abs(new.x))
        value_test = jnp.abs(old_value - value) < self.value_tolerance * jnp.abs(value)
        status = _first_status(
            Status.RUNNING,
            (size <= self.gradient_tolerance, Status.CONVERGED_GRADIENT),
            (stuck & rounding | (idle >= _PATIENCE), Status.STALLED),
            (stuck, Status.LINE_SEARCH_FAILED),
            (~new.fresh & step_test, Status.CONVERGED_STEP),
            (~new.fresh & value_test, Status.CONVERGED_VALUE),
        )
        lowest = (jnp.minimum(value, new.lowest[0]), jnp.minimum(size, new.lowest[1]))
        return new._replace(lowest=lowest, idle=idle, status=status)


def minimize(method: Descent, f: Callable, x0: PyTree, *, args: tuple = (), history: int = 0) -> Solution:
    r"""$\min_x f(x, \ldots)$ for ``f(params, *args) -> scalar`` from ``x0``, any pytree of real floating arrays.

    ``args`` (and the data of a ``jax.tree_util.Partial``) are arguments of the one compiled program, not constants of
    it. ``history`` is how many steps to record. Products run at full precision, those of ``f`` too.

    Raises TypeError or ValueError before compilation where ``f`` returns no real scalar or ``x0`` holds no real
    floating numbers; what goes wrong later is in ``Solution.status``.
    """
    if not isinstance(method, Descent):
        raise TypeError(f"method: needed a method of descent, got {type(method).__name__}; try BFGS() or LBFGS()")
    return _minimize(method, _as_data(f), x0, args, history)


@partial(jax.jit, static_argnames="history")
def _minimize(method, f, x0, args, history):
    x, unravel = raveled(x0)
    _check_output("f", jax.eval_shape(f, x0, *args), rank=0)
    state, rows = _run(method, _OnVectors(f, unravel, args, x.dtype), x, history)
    return _solution(state, rows, unravel)


@hyperparams
class GradientDescent(Descent):
    r"""$p = -\nabla f$, its length by any line search: ``Exact``, ``Backtracking`` or ``StrongWolfe``."""

    unit_steps = False

    def direction(self, f, x, g, memory):
        """Steepest descent."""
        return -g, _evaluations()

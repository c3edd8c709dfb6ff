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

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.solvers.descent.search import LineSearch, Point, StrongWolfe, check_search
from dlcore.solvers.loop import Method, run, solution
from dlcore.solvers.problem import Problem, as_data, check_output, full_precision, ravel
from dlcore.solvers.status import Evaluations, Solution, Status
from dlcore.tree.choose import tree_where
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams, number

PATIENCE = 10  # steps without a new lowest value or gradient after which only rounding moves the iterates


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
    reset: Array  # whether the memory is void and the next direction is -g
    lowest: tuple[Array, Array]  # value and gradient norm
    stagnant: Array  # steps since either fell
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

    gradient_tolerance: Scalar = number(default=1e-8, low=0, log=True, kw_only=True)
    step_tolerance: Scalar = number(default=0.0, low=0, kw_only=True)
    value_tolerance: Scalar = number(default=0.0, low=0, kw_only=True)
    line_search: LineSearch = dataclasses.field(default=StrongWolfe(), kw_only=True)

    unit_steps: ClassVar[bool] = True
    """Whether 1 is the natural length of a step: so for Newton's direction and its approximations."""
    from_steps: ClassVar[bool] = True
    """Whether directions come from the steps so far, so that the first can only be -g."""

    def init(self, x: Array) -> Any:
        """The memory at the start ``x`` [n]."""
        return ()

    @abc.abstractmethod
    def direction(self, f: Callable, x: Array, g: Array, memory: Any) -> tuple[Array, Evaluations]:
        """(p, its cost) at ``x`` [n] with the gradient ``g`` [n]; where p does not lead down, -g is taken instead."""

    def update(self, memory: Any, move: Move, reset: Array) -> Any:
        """The memory after ``move``, which forgets all before it where ``reset``."""
        return memory

    def start(self, f, x):
        value, g = jax.value_and_grad(f)(x)
        zero = jnp.zeros_like(value)
        size = jnp.max(jnp.abs(g))
        status = Status.first(
            Status.RUNNING,
            (~jnp.isfinite(value) | ~jnp.isfinite(size), Status.NOT_FINITE),
            (size <= self.gradient_tolerance, Status.CONVERGED_GRADIENT),
        )
        count = Evaluations.of(function=1, gradient=1)
        reset, none = jnp.asarray(self.from_steps), jnp.int32(0)
        return DescentState(x, value, g, self.init(x), zero, reset, (value, size), none, zero, none, count, status)

    def step(self, f, state):
        x, g = state.x, state.gradient
        p, cost = self.direction(f, x, g, state.memory)
        reset = state.reset | ~(g @ p < 0) | ~jnp.all(jnp.isfinite(p))
        p = jnp.where(reset, -g, p)
        origin = Point(jnp.zeros_like(state.value), state.value, g @ p, g)
        alpha = self._first_alpha(state, reset, origin.slope)
        t, found, search_cost = self.line_search.search(f, x, p, origin, alpha)
        better = found | (t.value < state.value)
        t = tree_where(better, t, origin)
        s = t.alpha * p
        memory = self.update(state.memory, Move(s, t.gradient - g, p, g), reset)
        moved = jnp.any(x + s != x)
        new = state._replace(
            x=x + s,
            value=t.value,
            gradient=t.gradient,
            memory=memory,
            decrease=t.alpha * origin.slope,
            reset=~moved,
            step_norm=jnp.linalg.norm(s),
            steps=state.steps + 1,
            evaluations=state.evaluations + cost + search_cost,
        )
        return self._tested(new, s, state.value, stuck=~moved & reset, expected=alpha * origin.slope)

    def _first_alpha(self, state, reset, slope):
        """The natural step, or one that decreases f as the last did, or at first one of length 1 at most."""
        short = jnp.minimum(1, 1 / jnp.linalg.norm(state.gradient))
        if self.unit_steps:
            return jnp.where(reset, short, jnp.ones_like(slope))
        return jnp.where(state.decrease < 0, state.decrease / slope, short)  # Nocedal & Wright, page 59

    def _tested(self, new, s, old_value, stuck, expected):
        value, size = new.value, jnp.max(jnp.abs(new.gradient))
        fell = (value < new.lowest[0]) | (size < new.lowest[1])
        stagnant = jnp.where(fell, 0, new.stagnant + 1)
        noise = jnp.sqrt(jnp.finfo(s.dtype).eps) * (jnp.abs(value) + jnp.abs(new.x) @ jnp.abs(new.gradient))
        rounding = -expected <= noise
        step_test = jnp.max(jnp.abs(s)) < self.step_tolerance * jnp.max(jnp.abs(new.x))
        value_test = jnp.abs(old_value - value) < self.value_tolerance * jnp.abs(value)
        status = Status.first(
            Status.RUNNING,
            (size <= self.gradient_tolerance, Status.CONVERGED_GRADIENT),
            (stuck & rounding | (stagnant >= PATIENCE), Status.STALLED),
            (stuck, Status.LINE_SEARCH_FAILED),
            (~new.reset & step_test, Status.CONVERGED_STEP),
            (~new.reset & value_test, Status.CONVERGED_VALUE),
        )
        lowest = (jnp.minimum(value, new.lowest[0]), jnp.minimum(size, new.lowest[1]))
        return new._replace(lowest=lowest, stagnant=stagnant, status=status)


def minimize(method: Descent, f: Callable, x0: PyTree, *, args: tuple = (), history: int = 0) -> Solution:
    r"""$\min_x f(x, \ldots)$ for ``f(params, *args) -> scalar`` from ``x0``, any pytree of real floating arrays.

    ``args`` (and the data of a ``jax.tree_util.Partial``) are arguments of the one compiled program, not constants of
    it. ``history`` is how many steps to record. Products run at full precision, those of ``f`` too.

    Raises TypeError or ValueError before compilation where ``f`` returns no real scalar, ``x0`` holds no real
    floating numbers or a number of ``method`` is out of its range; what goes wrong later is in ``Solution.status``.

    >>> import jax.numpy as jnp
    >>> from dlcore.solvers import BFGS, Status, minimize
    >>> found = minimize(BFGS(), lambda x: jnp.sum((x - 3) ** 2), jnp.zeros(2))
    >>> Status(int(found.status)).name, bool(jnp.allclose(found.params, 3, atol=1e-5))
    ('CONVERGED_GRADIENT', True)
    """
    if not isinstance(method, Descent):
        raise TypeError(needed("method", "a method of descent", type(method).__name__, "BFGS() or LBFGS()"))
    check_ranges(method)
    check_search(method.line_search)
    return _minimize(method, as_data(f), x0, args, history)


@partial(jax.jit, static_argnames="history")
@full_precision
def _minimize(method, f, x0, args, history):
    x, unravel = ravel(x0)
    check_output("f", jax.eval_shape(f, x0, *args), rank=0)
    state, rows = run(method, Problem(f, unravel, args, x.dtype), x, history)
    return solution(state, rows, unravel)


@hyperparams
class GradientDescent(Descent):
    r"""$p = -\nabla f$, its length by any line search: ``Exact``, ``Backtracking`` or ``StrongWolfe``."""

    unit_steps = False

    def direction(self, f, x, g, memory):
        return -g, Evaluations.of()

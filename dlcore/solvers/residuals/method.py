r"""Nonlinear least squares: $\min_x f(x) = \frac12 \|r(x)\|^2$ with the residuals r [m] and their Jacobian J [m, n].

One scale throughout: $\nabla f = J^\top r$ and $\nabla^2 f \approx J^\top J$. A step solves $(J^\top J + \lambda D^2) p
= -J^\top r$, that is $\min_p \|J p + r\|^2 + \lambda \|D p\|^2$. Nocedal & Wright 2006, chapter 10.
"""

import abc
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.solvers.loop import Method, run, solution
from dlcore.solvers.problem import Problem, as_data, check_output, full_precision, ravel
from dlcore.solvers.residuals.linearization import ByFactor, ByProducts, Factored, Linearization
from dlcore.solvers.status import Evaluations, Solution, Status
from dlcore.tree.choose import tree_where
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams, number


class Damping(NamedTuple):
    """λ, and what it follows: by how much it grows when a step is rejected again, or how long a step may be."""

    value: Array
    control: Array


class ResidualState(NamedTuple):
    """Where a least-squares run stands: point [n], residuals [m], f and what is known around it, and the damping."""

    x: Array
    residuals: Array
    value: Array
    local: ByFactor | ByProducts
    scale: Array  # D² [n]
    damping: Damping
    step_norm: Array
    steps: Array
    evaluations: Evaluations
    status: Array

    @property
    def gradient(self) -> Array:
        """Of f, [n]."""
        return self.local.gradient


class Trial(NamedTuple):
    """A step p [n] that is tried: r and f where it leads, whether that is better, and the damping for the next one."""

    p: Array
    residuals: Array
    value: Array
    predicted: Array  # the reduction of f that the linear model promised the first try
    accepted: Array
    exhausted: Array  # whether there is nothing left to try
    damping: Damping
    cost: Evaluations


@hyperparams
class LeastSquares(Method):
    r"""Converged where $\|Q^\top r\| \le$ ``gradient_tolerance`` $\|r\|$, Q an orthonormal basis of J's columns.

    This is the sine-free measure of Bates & Watts 1988, section 2.2.3: the distance to the minimum in standard errors,
    whatever the units. With only products, J's image of the gradient stands for all columns. Also where the step s is
    so small that $\|Ds\| \le$ ``step_tolerance`` $\|Dx\|$, where f falls by less than ``value_tolerance`` f, and where
    the squares of the residuals vanish. A tolerance finer than the type means its precision.

    ``linear`` is how J is used: ``Factored(by_qr)`` and the like or ``MatrixFree(CG(tolerance=…))``.
    """

    max_steps: Scalar = number(default=5000, low=0, whole=True, kw_only=True)
    gradient_tolerance: Scalar = number(default=1e-10, low=0, log=True, kw_only=True)
    step_tolerance: Scalar = number(default=1e-14, low=0, log=True, kw_only=True)
    value_tolerance: Scalar = number(default=0.0, low=0, kw_only=True)
    linear: Linearization = dataclasses.field(default=Factored(), kw_only=True)

    @abc.abstractmethod
    def try_step(self, f: Callable, state: ResidualState, solve: Callable) -> Trial:
        """The next step; ``solve`` gives (p, products) for the weights $\\lambda D^2$ [n]."""

    def first_scale(self, squares: Callable[[], Array], x: Array) -> tuple[Array, Damping]:
        r"""(D², damping) at the start; ``squares()`` are the squared columns of J [n]."""
        return jnp.zeros_like(x), Damping(jnp.zeros((), x.dtype), jnp.zeros((), x.dtype))

    def next_scale(self, squares: Callable[[], Array], scale: Array) -> Array:
        """D² at the next point."""
        return scale

    def least_weights(self, damping: Damping, scale: Array) -> Array:
        """The smallest weights [n] that the next step may ask for."""
        return damping.value * scale

    def is_lost(self, squares: Callable[[], Array], new: ResidualState) -> Array:
        """Whether the residuals no longer depend on some parameter on which they once did."""
        return jnp.asarray(False)

    def start(self, f, x):
        r, J = f(x), self.linear.at(f, x)
        scale, damping = self.first_scale(lambda: self.linear.squared_columns(J, x), x)
        local, cost = self.linear.local(J, x, r, self.least_weights(damping, scale))
        value, cost, none = 0.5 * (r @ r), cost + Evaluations.of(function=1), jnp.int32(0)
        state = ResidualState(x, r, value, local, scale, damping, jnp.zeros_like(value), none, cost, none)
        status = Status.first(
            Status.RUNNING,
            (~jnp.isfinite(value) | ~jnp.all(jnp.isfinite(local.gradient)), Status.NOT_FINITE),
            (self._orthogonal(state), Status.CONVERGED_GRADIENT),
        )
        return state._replace(status=status)

    def step(self, f, state):
        t = self.try_step(f, state, lambda weights: self.linear.step(f, state.x, state.local, weights))
        x = jnp.where(t.accepted, state.x + t.p, state.x)
        r = jnp.where(t.accepted, t.residuals, state.residuals)
        J = self.linear.at(f, x)
        squares = partial(self.linear.squared_columns, J, x)
        scale = self.next_scale(squares, state.scale)
        local, cost = self.linear.local(J, x, r, self.least_weights(t.damping, scale))
        new = state._replace(
            x=x,
            residuals=r,
            value=jnp.minimum(t.value, state.value),  # a rise is accepted only within the rounding of f
            local=local,
            scale=scale,
            step_norm=jnp.linalg.norm(x - state.x),
        )
        kept = t.accepted & (~state.local.hidden | (local.slope <= 0.9 * state.local.slope))
        new = tree_where(kept, new, state)._replace(
            damping=t.damping, steps=state.steps + 1, evaluations=state.evaluations + t.cost + cost
        )
        return new._replace(status=self._tested(new, state, kept, t.predicted, self.is_lost(squares, new)))

    def _tested(self, new, old, kept, predicted, lost):
        limits = jnp.finfo(new.x.dtype)
        level = old.value - new.value < self.value_tolerance * new.value
        little = 0.5 * old.local.slope**2 <= limits.eps**0.5 * old.value  # also without damping
        flat = old.local.hidden | (predicted <= limits.eps * old.value) & little
        short = self.linear.is_short(new.local, new.x, _attainable(self.step_tolerance, new.x))
        status = Status.first(
            Status.RUNNING,
            (~jnp.all(jnp.isfinite(new.gradient)), Status.NOT_FINITE),
            (self._orthogonal(new), Status.CONVERGED_GRADIENT),
            (new.value <= limits.tiny / limits.eps, Status.CONVERGED_VALUE),
            (short, Status.CONVERGED_STEP),
            (kept & level | ~kept & flat, Status.CONVERGED_VALUE),
            (~kept, Status.STALLED),
        )
        return jnp.where(Status.says_converged(status) & lost, jnp.int32(Status.STALLED), status)

    def _orthogonal(self, state):
        """Whether the columns of J are orthogonal to r as far as asked."""
        enough = _attainable(self.gradient_tolerance, state.x)
        return state.local.slope <= enough * jnp.linalg.norm(state.residuals)


def _attainable(tolerance, x):
    return jnp.maximum(tolerance, 4 * jnp.finfo(x.dtype).eps)


def least_squares(
    method: LeastSquares, residuals: Callable, x0: PyTree, *, args: tuple = (), history: int = 0
) -> Solution:
    r"""$\min_x \frac12 \|r(x, \ldots)\|^2$ for ``residuals(params, *args) -> [m]`` from ``x0``, any pytree.

    As ``minimize``. Where each row of ``args`` has its own residual, ``PerExample(residual)`` makes J much cheaper.
    Raises TypeError or ValueError before compilation where ``residuals`` does not return a vector of real numbers at
    least as long as there are parameters, ``x0`` holds no real floating numbers or a number of ``method`` is out of its
    range.

    >>> import jax.numpy as jnp
    >>> from dlcore.solvers import LevenbergMarquardt, least_squares
    >>> t, y = jnp.array([0.0, 1.0, 2.0, 3.0]), jnp.array([8.0, 4.0, 2.0, 1.0])
    >>> found = least_squares(LevenbergMarquardt(), lambda p: p[0] * 2 ** (-p[1] * t) - y, jnp.ones(2))
    >>> print(found.params.round(3))
    [8. 1.]
    """
    if not isinstance(method, LeastSquares):
        got = type(method).__name__
        raise TypeError(needed("method", "a least-squares method", got, "LevenbergMarquardt()"))
    if not isinstance(method.linear, Linearization):
        raise TypeError(needed("linear", "a use of J", repr(method.linear), "Factored(by_qr) or MatrixFree(CG())"))
    check_ranges(method)
    return _least_squares(method, as_data(residuals), x0, args, history)


@partial(jax.jit, static_argnames="history")
@full_precision
def _least_squares(method, residuals, x0, args, history):
    x, unravel = ravel(x0)
    check_residuals(residuals, x0, args, x.size)
    f = in_own_units(Problem(residuals, unravel, args, x.dtype), x)
    state, rows = run(method, f, x, history)
    return _in_given_units(solution(state, rows, unravel), f.scale)


def in_own_units(f: Problem, x: Array) -> Problem:
    """``f`` times the power of two that brings its residuals at ``x`` [n] near 1: no square under- or overflows.

    Nothing is rounded by it. J is scaled as well, hence not without limit.
    """
    most = int(0.4 * jnp.finfo(f.dtype).maxexp)
    largest = jnp.max(jnp.abs(f(x)))
    _, exponent = jnp.frexp(jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1))
    return f._replace(scale=jnp.ldexp(jnp.ones_like(largest), -jnp.clip(exponent, -most, most)))


def _in_given_units(s, scale):
    rows = s.history
    if rows is not None:
        rows = rows._replace(value=rows.value / scale**2, gradient_norm=rows.gradient_norm / scale**2)
    return s._replace(value=s.value / scale**2, gradient_norm=s.gradient_norm / scale**2, history=rows)


def check_residuals(residuals: Callable, params: PyTree, args: tuple, least: int) -> None:
    """Raise TypeError or ValueError unless ``residuals`` returns at least ``least`` real numbers in a vector."""
    out = jax.eval_shape(residuals, params, *args)
    check_output("residuals", out, rank=1)
    if out.shape[0] < least:
        hint = "adding residuals, for example sqrt(penalty) * params"
        raise ValueError(needed("residuals", f"at least {least} for the parameters", out.shape[0], hint))

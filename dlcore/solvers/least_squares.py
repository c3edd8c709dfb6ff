r"""Nonlinear least squares: $\min_x f(x) = \frac12 \|r(x)\|^2$ with the residuals r [m] and their Jacobian J [m, n].

One scale throughout: $\nabla f = J^\top r$ and $\nabla^2 f \approx J^\top J$. A step solves $(J^\top J + \lambda D^2) p
= -J^\top r$, that is $\min_p \|J p + r\|^2 + \lambda \|D p\|^2$. Nocedal & Wright 2006, chapter 10.
"""

import abc
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, Scalar
from dlcore.pytrees import hyperparams
from dlcore.solvers.iterative import CG
from dlcore.solvers.jacobian import (
    Factor,
    _factor_step,
    _jacobian,
    _product_step,
    _products,
    _squared_columns,
    by_shape,
)
from dlcore.solvers.loop import Method, _as_data, _check_output, _OnVectors, _run, _solution, raveled
from dlcore.solvers.solution import Evaluations, Solution, Status, _evaluations, _first_status


class Local(NamedTuple):
    r"""f near x: gradient [n], the factor of J (or (), without), the slope $\|Q^\top r\|$ and the rounding of f.

    The last is what rounding x alone may change in f, $\epsilon \|r\| \sum_j \|J_j\| |x_j|$, and f's own. Without a
    factor the slope is that along the gradient, $g^\top g / \|J g\|$, and $\|r\| \|J x\|$ stands for the product.
    """

    gradient: Array
    factor: Factor | tuple[()]
    slope: Array
    noise: Array


class ResidualState(NamedTuple):
    """Where a least-squares run stands: point [n], residuals [m], f and what is known around it, and the damping."""

    x: Array
    residuals: Array
    value: Array
    local: Local
    scale: Array  # D² [n]
    damping: Array  # λ, and by how much it grows when a step is rejected again
    growth: Array
    step_norm: Array
    steps: Array
    evaluations: Evaluations
    status: Array

    @property
    def gradient(self) -> Array:
        """Of f, [n]."""
        return self.local.gradient


class Trial(NamedTuple):
    """A step that is tried: the point it leads to, whether that is better, and the damping for the next one."""

    p: Array
    residuals: Array
    value: Array
    predicted: Array  # the reduction of f that the linear model promised the first try
    accepted: Array
    hopeless: Array
    damping: Array
    growth: Array
    tries: Array
    products: Array


@hyperparams
class LeastSquares(Method):
    r"""Converged where $\|Q^\top r\| \le$ ``gradient_tolerance`` $\|r\|$, Q an orthonormal basis of J's columns.

    This is the sine-free measure of Bates & Watts 1988, section 2.2.3: the distance to the minimum in standard errors,
    whatever the units. With only products, J's image of the gradient stands for all columns. Also where the step s is
    so small that $\|Ds\| \le$ ``step_tolerance`` $\|Dx\|$, where f falls by less than ``value_tolerance`` f, and where
    the squares of the residuals vanish. A tolerance finer than the type means its precision.

    ``linear`` is how J is used: ``by_qr``, ``by_cholesky``, ``by_shape`` or, matrix-free, ``CG(tolerance=…)``.
    """

    max_steps: Scalar = dataclasses.field(default=5000, kw_only=True)
    gradient_tolerance: Scalar = dataclasses.field(default=1e-10, kw_only=True)
    step_tolerance: Scalar = dataclasses.field(default=1e-14, kw_only=True)
    value_tolerance: Scalar = dataclasses.field(default=0.0, kw_only=True)
    linear: Any = dataclasses.field(default=by_shape, kw_only=True)

    @abc.abstractmethod
    def try_step(self, f: Callable, state: ResidualState, solve: Callable) -> Trial:
        """The next step; ``solve`` gives (p, products) for the weights $\\lambda D^2$ [n]."""

    def first_scale(self, squares: Callable[[], Array], x: Array) -> tuple[Array, Array]:
        r"""(D², λ) at the start; ``squares()`` are the squared columns of J [n]."""
        del squares
        return jnp.zeros_like(x), jnp.zeros((), x.dtype)

    def next_scale(self, squares: Callable[[], Array], scale: Array) -> Array:
        """D² at the next point."""
        del squares
        return scale

    def start(self, f, x):
        """One Jacobian."""
        r = f(x)
        J, squares = self._jacobian(f, x)
        scale, damping = self.first_scale(squares, x)
        local, count = self._linearized(f, x, r, J, squares, damping * scale)
        value = 0.5 * (r @ r)
        zero, two = jnp.zeros_like(value), jnp.full_like(value, 2)
        count, none = count + _evaluations(function=1), jnp.int32(0)
        state = ResidualState(x, r, value, local, scale, damping, two, zero, none, count, none)
        status = _first_status(
            Status.RUNNING,
            (~jnp.isfinite(value) | ~jnp.all(jnp.isfinite(local.gradient)), Status.NOT_FINITE),
            (self._orthogonal(state), Status.CONVERGED_GRADIENT),
        )
        return state._replace(status=status)

    def step(self, f, state):
        """A step that is tried until it is accepted or hopeless, a Jacobian there, and the tests."""
        t = self.try_step(f, state, self._solver(f, state))
        x = jnp.where(t.accepted, state.x + t.p, state.x)
        r = jnp.where(t.accepted, t.residuals, state.residuals)
        J, squares = self._jacobian(f, x)
        scale = self.next_scale(squares, state.scale)
        local, count = self._linearized(f, x, r, J, squares, t.damping * scale)
        new = state._replace(
            x=x,
            residuals=r,
            value=jnp.minimum(t.value, state.value),  # a rise is accepted only within the rounding of f
            local=local,
            scale=scale,
            step_norm=jnp.linalg.norm(x - state.x),
        )
        kept = t.accepted & (~_hidden(state) | (local.slope <= 0.9 * state.local.slope))
        new = jax.tree.map(lambda a, b: jnp.where(kept, a, b), new, state)._replace(
            damping=t.damping,
            growth=t.growth,
            steps=state.steps + 1,
            evaluations=state.evaluations + count + _evaluations(function=t.tries, product=t.products),
        )
        return new._replace(status=self._tested(new, state, kept, t.predicted))

    def _tested(self, new, old, kept, predicted):
        limits = jnp.finfo(new.x.dtype)
        level = old.value - new.value < self.value_tolerance * new.value
        flat = _hidden(old) | (predicted <= limits.eps * old.value)
        return _first_status(
            Status.RUNNING,
            (~jnp.all(jnp.isfinite(new.gradient)), Status.NOT_FINITE),
            (self._orthogonal(new), Status.CONVERGED_GRADIENT),
            (new.value <= limits.tiny / limits.eps, Status.CONVERGED_VALUE),
            (self._stationary(new), Status.CONVERGED_STEP),
            (kept & level | ~kept & flat, Status.CONVERGED_VALUE),
            (~kept, Status.STALLED),
        )

    def _stationary(self, new):
        """Whether the next step, undamped, is as short as asked: a damped one may be short anywhere."""
        if isinstance(self.linear, CG):
            return jnp.asarray(False)
        R, c, weights = new.local.factor
        D = jnp.linalg.norm(R, axis=0)
        p = jax.scipy.linalg.solve_triangular(R, c)
        short = jnp.linalg.norm(D * p) <= _attainable(self.step_tolerance, p) * jnp.linalg.norm(D * new.x)
        return short & ~jnp.any(weights > 0)

    def _jacobian(self, f, x):
        """(J, or () where it is not formed, its squared columns on demand)."""
        if isinstance(self.linear, CG):
            return (), lambda: _squared_columns(f, x)
        J = _jacobian(f, x)
        return J, lambda: jnp.sum(J**2, axis=0)

    def _linearized(self, f, x, r, J, squares, weights):
        """(Local, cost) at x, made for steps with these weights or larger ones."""
        eps = jnp.finfo(x.dtype).eps
        if isinstance(self.linear, CG):
            g, Jg, Jx = _products(f, x, r)
            slope = g @ g / jnp.maximum(jnp.linalg.norm(Jg), jnp.finfo(x.dtype).tiny)
            noise = eps * (0.5 * (r @ r) + jnp.linalg.norm(r) * jnp.linalg.norm(Jx))
            return Local(g, (), slope, noise), _evaluations(gradient=1, product=3)
        factor = self.linear(J, r, weights)
        noise = eps * (0.5 * (r @ r) + jnp.linalg.norm(r) * (jnp.sqrt(squares()) @ jnp.abs(x)))
        return Local(J.T @ r, factor, jnp.linalg.norm(factor.c), noise), _evaluations(gradient=1, jacobian=1)

    def _solver(self, f, state):
        if isinstance(self.linear, CG):
            return lambda weights: _product_step(self.linear, f, state.x, state.gradient, weights)
        return lambda weights: (_factor_step(state.local.factor, weights), jnp.int32(0))

    def _orthogonal(self, state):
        """Whether the columns of J are orthogonal to r as far as asked."""
        return state.local.slope <= _attainable(self.gradient_tolerance, state.x) * jnp.linalg.norm(state.residuals)


def _hidden(state: ResidualState) -> Array:
    """Whether all that a step may still reduce is below the rounding of f, so that only the slope tells better."""
    weighted = jnp.any(state.local.factor.weights > 0) if state.local.factor else False
    return (0.5 * state.local.slope**2 <= state.local.noise) & ~jnp.asarray(weighted)


def _attainable(tolerance, x):
    return jnp.maximum(tolerance, 4 * jnp.finfo(x.dtype).eps)


@hyperparams
class GaussNewton(LeastSquares):
    r"""$J^\top J p = -J^\top r$, halved until f falls sufficiently (Armijo). Nocedal & Wright 2006, section 10.3.

    Needs a Jacobian of full rank; else it stalls, where ``LevenbergMarquardt`` goes on.
    """

    c1: Scalar = 1e-4
    max_tries: Scalar = 60

    def try_step(self, f, state, solve):
        """Solved once."""
        x, F, g = state.x, state.value, state.gradient
        p, products = solve(jnp.zeros_like(x))
        slack = jnp.where(_hidden(state), state.local.noise, 0)

        def going(t):
            return ~t.accepted & ~t.hopeless & (t.tries.astype(x.dtype) < self.max_tries)

        def halved(t):
            alpha = 0.5 * t.damping
            r = f(x + alpha * p)
            F_new = 0.5 * (r @ r)
            accepted = F_new <= slack + F + self.c1 * alpha * (g @ p)
            hopeless = ~jnp.all(jnp.isfinite(p)) | jnp.all(x + alpha * p == x) | (slack > 0)
            return Trial(alpha * p, r, F_new, t.predicted, accepted, hopeless, alpha, t.growth, t.tries + 1, products)

        no, two = jnp.asarray(False), jnp.full_like(F, 2)
        first = Trial(p, state.residuals, F, -0.5 * (g @ p), no, no, two, state.growth, jnp.int32(0), products)
        return jax.lax.while_loop(going, halved, first)


def least_squares(
    method: LeastSquares, residuals: Callable, x0: PyTree, *, args: tuple = (), history: int = 0
) -> Solution:
    r"""$\min_x \frac12 \|r(x, \ldots)\|^2$ for ``residuals(params, *args) -> [m]`` from ``x0``, any pytree.

    As ``minimize``. Where each row of ``args`` has its own residual, ``PerExample(residual)`` makes J much cheaper.
    Raises TypeError or ValueError before compilation where ``residuals`` does not return a vector of real numbers at
    least as long as there are parameters, or ``x0`` holds no real floating numbers.
    """
    if not isinstance(method, LeastSquares):
        hint = "LevenbergMarquardt()"
        raise TypeError(f"method: needed a least-squares method, got {type(method).__name__}; try {hint}")
    return _least_squares(method, _as_data(residuals), x0, args, history)


@partial(jax.jit, static_argnames="history")
def _least_squares(method, residuals, x0, args, history):
    x, unravel = raveled(x0)
    _check_residuals(residuals, x0, args, x.size)
    state, rows = _run(method, _OnVectors(residuals, unravel, args, x.dtype), x, history)
    return _solution(state, rows, unravel)


def _check_residuals(residuals: Callable, params: PyTree, args: tuple, least: int) -> None:
    """Raise TypeError or ValueError unless ``residuals`` returns at least ``least`` real numbers in a vector."""
    out = jax.eval_shape(residuals, params, *args)
    _check_output("residuals", out, rank=1)
    if out.shape[0] < least:
        hint = "adding residuals, for example sqrt(penalty) * params"
        raise ValueError(f"residuals: needed at least {least} for the parameters, got {out.shape[0]}; try {hint}")

r"""Line searches: a step $\alpha$ along a direction $p$ of descent, by the values $\phi(\alpha) = f(x + \alpha p)$.

Nocedal & Wright 2006, chapter 3. Conditions: Armijo's sufficient decrease $\phi(\alpha) \le \phi(0) + c_1 \alpha
\phi'(0)$ and the strong curvature condition $|\phi'(\alpha)| \le c_2 |\phi'(0)|$. Where values no longer differ beyond
their rounding, the slope decides instead of the decrease (Hager & Zhang 2005, eq. 4.1).
"""

import abc
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.solvers.problem import Problem, as_data, check_output, full_precision, numbers_like, ravel
from dlcore.solvers.status import Evaluations
from dlcore.tree.choose import tree_where
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams, number


class Point(NamedTuple):
    r"""A point on the line: $\alpha$, $\phi(\alpha)$, $\phi'(\alpha)$, all scalars, and the gradient there [n]."""

    alpha: Array
    value: Array
    slope: Array
    gradient: Array


class LineStep(NamedTuple):
    """Where a search ended, whether its conditions hold there (else ``alpha`` may be 0) and what it cost."""

    point: Point
    found: Array
    evaluations: Evaluations


@hyperparams
class LineSearch(abc.ABC):
    """A rule for the length of a step."""

    @abc.abstractmethod
    def search(self, f: Callable, x: Array, p: Array, origin: Point, alpha: Array) -> LineStep:
        """From ``x`` [n] along ``p`` [n], beginning with the step ``alpha``; ``origin`` is the point at 0."""


def line_search(
    method: LineSearch, f: Callable, x: PyTree, p: PyTree, *, args: tuple = (), alpha: Scalar = 1.0
) -> LineStep:
    """One search of ``method`` for ``f(params, *args)`` from ``x`` along ``p``, any pytrees of one structure.

    Begins with the step ``alpha``. Not found, with alpha 0, where ``p`` does not lead down. Raises ValueError where
    ``f`` returns no scalar, ``p`` is not like ``x`` or a number of ``method`` is out of its range.
    """
    if not isinstance(method, LineSearch):
        raise TypeError(needed("method", "a line search", type(method).__name__, "StrongWolfe() or Backtracking()"))
    check_search(method)
    if jax.tree.structure(x) != jax.tree.structure(p) or jax.tree.map(jnp.shape, x) != jax.tree.map(jnp.shape, p):
        got = f"{jax.tree.map(jnp.shape, p)} for {jax.tree.map(jnp.shape, x)}"
        raise ValueError(needed("p", "a direction like x", got))
    return _line_search(method, as_data(f), x, p, args, alpha)


@jax.jit
@full_precision
def _line_search(method, f, x0, p, args, alpha):
    check_output("f", jax.eval_shape(f, x0, *args), 0)
    x, unravel = ravel(x0)
    flat = Problem(f, unravel, args, x.dtype)
    p = ravel(p)[0].astype(x.dtype)
    value, g = jax.value_and_grad(flat)(x)
    origin = Point(jnp.zeros_like(value), value, g @ p, g)
    found = numbers_like(x, method).search(flat, x, p, origin, jnp.asarray(alpha).astype(x.dtype))
    return found._replace(evaluations=found.evaluations + Evaluations.of(function=1, gradient=1))


@hyperparams
class Backtracking(LineSearch):
    """Shortens the step by ``shrink`` until it decreases sufficiently: Nocedal & Wright, algorithm 3.1.

    Values only on the way, one gradient at the end.
    """

    c1: Scalar = number(default=1e-4, low=0, below=1)
    shrink: Scalar = number(default=0.5, above=0, below=1)
    max_steps: Scalar = number(default=50, low=1, whole=True)

    def search(self, f, x, p, origin, alpha):
        def enough(alpha, value):
            return value <= origin.value + self.c1 * alpha * origin.slope

        def going(carry):
            k, alpha, value = carry
            return ~enough(alpha, value) & (k.astype(x.dtype) < self.max_steps)

        def shorter(carry):
            k, alpha, _ = carry
            return k + 1, self.shrink * alpha, f(x + self.shrink * alpha * p)

        k, alpha, value = jax.lax.while_loop(going, shorter, (jnp.int32(1), alpha, f(x + alpha * p)))
        value, g = jax.value_and_grad(f)(x + alpha * p)
        found = enough(alpha, value) & jnp.all(jnp.isfinite(g)) & (origin.slope < 0)
        point = tree_where(found, Point(alpha, value, g @ p, g), origin)
        return LineStep(point, found, Evaluations.of(function=k + 1, gradient=1))


@hyperparams
class WolfeSearch(LineSearch):
    """A search by bracketing and interpolation for both conditions, which can be met where ``c1`` < ``c2``."""

    c1: Scalar = number(default=1e-4, low=0, below=1)
    c2: Scalar = number(default=0.9, above=0, below=1)
    max_steps: Scalar = number(default=30, low=1, whole=True)


def check_search(method: LineSearch) -> None:
    """Raise ValueError for a number out of its range, or a c1 that is not below c2; traced numbers pass."""
    check_ranges(method)
    if not isinstance(method, WolfeSearch) or any(isinstance(c, Tracer) for c in (method.c1, method.c2)):
        return
    if np.any(np.asarray(method.c1) >= np.asarray(method.c2)):
        raise ValueError(needed("c1", f"a number below c2 = {method.c2}", method.c1, "c1=1e-4, c2=0.9"))


@hyperparams
class StrongWolfe(WolfeSearch):
    """A step with sufficient decrease and a slope of at most ``c2`` times the first. Nocedal & Wright eq. 3.7."""

    def search(self, f, x, p, origin, alpha):
        b = _bracket_search(f, x, p, origin, alpha, self)
        return LineStep(b.lo, b.found, Evaluations.of(function=b.count, gradient=b.count))


@hyperparams
class Exact(WolfeSearch):
    r"""$\arg\min_\alpha \phi(\alpha)$, the nearest: the slope falls to ``c2`` of the first or to its rounding."""

    c1: Scalar = number(default=0.0, low=0, below=1)
    c2: Scalar = number(default=1e-8, above=0, below=1, log=True)
    max_steps: Scalar = number(default=100, low=1, whole=True)

    def search(self, f, x, p, origin, alpha):
        b = _bracket_search(f, x, p, origin, alpha, self)
        closed = b.hi.alpha - b.lo.alpha <= 8 * jnp.finfo(x.dtype).eps * b.lo.alpha
        return LineStep(b.lo, b.found | closed & (b.lo.alpha > 0), Evaluations.of(function=b.count, gradient=b.count))


class _Bracket(NamedTuple):
    r"""$\phi$ decreases sufficiently at ``lo`` and slopes down; at ``hi`` it rises, or decreases too little.

    Hence a point of both Wolfe conditions lies between them, for $c_1 < c_2$. ``hi`` lies at infinity until found.
    """

    lo: Point
    hi: Point  # its gradient is not kept
    alpha: Array
    width: Array
    found: Array
    count: Array


def _bracket_search(f, x, p, origin, alpha, rule):
    """The search of Nocedal & Wright, algorithms 3.5 and 3.6 in one loop: widen, then narrow ``_Bracket``."""
    slack = 10 * jnp.finfo(x.dtype).eps * jnp.abs(origin.value)

    def going(b):
        inside = (b.lo.alpha < b.alpha) & (b.alpha < b.hi.alpha)
        return ~b.found & inside & (origin.slope < 0) & (b.count.astype(x.dtype) < rule.max_steps)

    def narrow(b):
        value, g = jax.value_and_grad(f)(x + b.alpha * p)
        t = Point(b.alpha, value, g @ p, g)
        armijo = t.value <= origin.value + rule.c1 * t.alpha * origin.slope
        level = (jnp.abs(t.value - origin.value) <= slack) & (t.slope <= (2 * rule.c1 - 1) * origin.slope)
        finite = jnp.isfinite(t.value) & jnp.all(jnp.isfinite(g))
        low = finite & (armijo | level)
        found = low & (jnp.abs(t.slope) <= -rule.c2 * origin.slope)
        up = ~low | (t.slope >= 0)
        lo = tree_where(up & ~found, b.lo, t)
        hi = tree_where(up, t._replace(gradient=b.hi.gradient), b.hi)
        alpha, width = _next(b, lo, hi, finite, slack)
        return _Bracket(lo, hi, alpha, width, found, b.count + 1)

    infinity = jnp.full_like(alpha, jnp.inf)
    far = Point(infinity, infinity, infinity, jnp.zeros((), x.dtype))
    first = _Bracket(origin, far, alpha, infinity, jnp.asarray(False), jnp.int32(0))
    return jax.lax.while_loop(going, narrow, first)


def _next(b, lo, hi, finite, slack):
    """(the next trial, the width of the bracket): interpolation, bisection where that does not narrow fast enough."""
    ahead = lo.alpha - b.lo.alpha  # the factors of Moré & Thuente 1994, section 4
    wider = jnp.where(lo.slope > b.lo.slope, _secant(b.lo, lo), jnp.inf)
    wider = jnp.clip(wider, lo.alpha + 1.1 * ahead, lo.alpha + 4 * ahead)
    width = hi.alpha - lo.alpha
    safe = jnp.where(jnp.isfinite(width), width, 1)
    by_value = jnp.abs(hi.value - lo.value) > slack
    inner = jnp.where(by_value | (hi.slope < 0), _cubic(lo, hi), _secant(lo, hi))
    inner = jnp.clip(jnp.where(jnp.isfinite(inner), inner, lo.alpha), lo.alpha + 0.1 * safe, hi.alpha - 0.1 * safe)
    inner = jnp.where(safe > 0.66 * b.width, lo.alpha + 0.5 * safe, inner)
    inner = jnp.where(finite, inner, lo.alpha + 0.1 * safe)
    return jnp.where(jnp.isfinite(width), inner, wider), width


def _secant(a, b):
    """Where the slope vanishes by a straight line through two slopes; not finite where they are equal."""
    return b.alpha + (b.alpha - a.alpha) * b.slope / (a.slope - b.slope)


def _cubic(a, b):
    """The minimizer of the cubic through two values and slopes: Nocedal & Wright eq. 3.59."""
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.alpha - b.alpha)
    d2 = jnp.sqrt(jnp.maximum(d1**2 - a.slope * b.slope, 0))
    return b.alpha - (b.alpha - a.alpha) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)

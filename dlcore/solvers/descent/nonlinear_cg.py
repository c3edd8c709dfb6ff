r"""Nonlinear conjugate gradients: $p_+ = -g_+ + \beta p$, with the formulas for $\beta$ as plain functions.

Each takes the new gradient, the old one and the old direction, all [n]. Nocedal & Wright 2006, section 5.2.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.descent.method import Descent
from dlcore.solvers.descent.search import LineSearch, StrongWolfe
from dlcore.solvers.status import Evaluations
from dlcore.tree.fields import hyperparams, static


def fletcher_reeves(g: Array, g_old: Array, p: Array) -> Array:
    r"""$\beta = g^\top g / g_o^\top g_o$. Eq. 5.41a."""
    return _ratio(g @ g, g_old @ g_old)


def polak_ribiere(g: Array, g_old: Array, p: Array) -> Array:
    r"""$\beta = \max(0, g^\top (g - g_o) / g_o^\top g_o)$. Eq. 5.45."""
    return jnp.maximum(0, _ratio(g @ (g - g_old), g_old @ g_old))


def hestenes_stiefel(g: Array, g_old: Array, p: Array) -> Array:
    r"""$\beta = g^\top y / y^\top p$, $y = g - g_o$. Eq. 5.46."""
    y = g - g_old
    return _ratio(g @ y, y @ p)


def hager_zhang(g: Array, g_old: Array, p: Array) -> Array:
    r"""$\beta = (y - 2 p \, y^\top y / y^\top p)^\top g / y^\top p$, $y = g - g_o$. Eq. 5.50."""
    y = g - g_old
    yp = y @ p
    return _ratio((y - 2 * p * _ratio(y @ y, yp)) @ g, yp)


def _ratio(a, b):
    return jnp.where(b != 0, a / jnp.where(b != 0, b, 1), 0)


class Before(NamedTuple):
    """The last gradient and direction [n]."""

    g: Array
    p: Array


@hyperparams
class NonlinearCG(Descent):
    r"""$p = -g + \beta p_o$ with ``beta`` one of the functions here; -g where that does not lead down.

    Nocedal & Wright 2006, algorithm 5.4. Its line search has to be close, hence $c_2 = 0.1$.
    """

    beta: Callable[[Array, Array, Array], Array] = static(default=hager_zhang)
    line_search: LineSearch = dataclasses.field(default=StrongWolfe(c2=0.1), kw_only=True)
    unit_steps = False

    def init(self, x):
        return Before(jnp.zeros_like(x), jnp.zeros_like(x))

    def direction(self, f, x, g, memory):
        return -g + self.beta(g, memory.g, memory.p) * memory.p, Evaluations.of()

    def update(self, memory, move, reset):
        return Before(move.g, move.p)

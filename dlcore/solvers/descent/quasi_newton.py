r"""Quasi-Newton methods: $p = -H g$ with an approximation $H$ of the inverse Hessian from the steps so far.

Nocedal & Wright 2006, chapters 6 and 7. Letters: step $s = x_+ - x$, change of gradient $y = g_+ - g$; the new $H$
keeps the secant equation $H y = s$.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.descent.method import Descent
from dlcore.solvers.status import Evaluations
from dlcore.tree.fields import hyperparams, static


def inverse_hessian_update(H: Array, s: Array, y: Array) -> Array:
    r"""BFGS: $H_+ = V H V^\top + \rho s s^\top$, $V = I - \rho s y^\top$. Nocedal & Wright 2006, eq. 6.17.

    H [n, n], step s [n], change of gradient y [n]; keeps H where $y^\top s \le 0$. Multiplied out, O(n²).
    """
    sy = s @ y
    curved = _curved(s, y)
    rho = 1 / jnp.where(curved, sy, 1)
    Hy = H @ y
    a = rho * (1 + rho * (y @ Hy))
    cross = rho * jnp.outer(Hy, s)
    return jnp.where(curved, H - (cross + cross.T) + a * jnp.outer(s, s), H)


def _curved(s, y):
    """Whether the curvature along s is positive beyond rounding."""
    return s @ y > jnp.finfo(s.dtype).eps * jnp.sqrt((s @ s) * (y @ y))


def _first_scale(s, y):
    r"""$s^\top y / y^\top y$, the size of the inverse Hessian along the last step: Nocedal & Wright eq. 6.20."""
    curved = _curved(s, y)
    return jnp.where(curved, s @ y / jnp.where(curved, y @ y, 1), 1)


@hyperparams
class BFGS(Descent):
    r"""$p = -H g$ with the whole matrix $H$, O(n²) a step. Nocedal & Wright 2006, algorithm 6.1.

    The first update is of the identity in the scale of the first move.
    """

    def init(self, x):
        return jnp.eye(x.size, dtype=x.dtype)

    def direction(self, f, x, g, memory):
        return -memory @ g, Evaluations.of()

    def update(self, memory, move, reset):
        first = _first_scale(move.s, move.y) * jnp.eye(move.s.size, dtype=move.s.dtype)
        return inverse_hessian_update(jnp.where(reset, first, memory), move.s, move.y)


class Pairs(NamedTuple):
    """The last m steps and changes of gradient [m, n] in a ring, 1/(y·s) [m] (0 where empty) and the next place."""

    S: Array
    Y: Array
    rho: Array
    scale: Array
    place: Array


@hyperparams
class LBFGS(Descent):
    r"""$p = -H g$ with $H$ from the last ``memory`` pairs (s, y), O(mn) a step. Nocedal & Wright, algorithm 7.5.

    A new pair takes the place of the oldest one, unless its curvature is not positive.
    On softmax regressions, 20 pairs need a fifth fewer gradients than the usual 10 and 30 hardly fewer still.
    """

    memory: int = static(default=20, low=1, whole=True)

    def init(self, x):
        rows = jnp.zeros((self.memory, x.size), x.dtype)
        one = jnp.ones((), x.dtype)
        return Pairs(rows, rows, jnp.zeros(self.memory, x.dtype), one, jnp.int32(0))

    def direction(self, f, x, g, memory):
        return -two_loop(memory, g), Evaluations.of()

    def update(self, memory, move, reset):
        (s, y, *_), (S, Y, rho, scale, place) = move, memory
        rho = jnp.where(reset, 0, rho)
        curved = _curved(s, y)
        return Pairs(
            S.at[place].set(jnp.where(curved, s, S[place])),
            Y.at[place].set(jnp.where(curved, y, Y[place])),
            rho.at[place].set(jnp.where(curved, 1 / jnp.where(curved, s @ y, 1), rho[place])),
            jnp.where(curved, _first_scale(s, y), scale),
            jnp.where(curved, (place + 1) % self.memory, place),
        )


def two_loop(pairs: Pairs, g: Array) -> Array:
    r"""$Hg$ for the gradient g [n]: Nocedal & Wright 2006, algorithm 7.4. An empty place has $\rho = 0$, no effect."""
    S, Y, rho, scale, place = pairs
    m = rho.size

    def newest_first(i, carry):
        q, alpha = carry
        j = (place - 1 - i) % m
        a = rho[j] * (S[j] @ q)
        return q - a * Y[j], alpha.at[j].set(a)

    def oldest_first(i, r):
        j = (place + i) % m
        return r + (alpha[j] - rho[j] * (Y[j] @ r)) * S[j]

    q, alpha = jax.lax.fori_loop(0, m, newest_first, (g, jnp.zeros_like(rho)))
    return jax.lax.fori_loop(0, m, oldest_first, scale * q)

"""Factors of a matrix: a triangle without Q, the norm of the inverse by one, a shift with which one exists."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array


def triangular(A: Array, b: Array) -> tuple[Array, Array]:
    r"""(R, c): the R [n, n] of A = QR and $c = Q^\top b$ [n] by Householder QR of A [m, n] beside b, without Q."""
    n = A.shape[1]
    R = jnp.linalg.qr(jnp.concatenate([A, b[:, None]], axis=1), mode="r")
    return R[:n, :n], R[:n, n]


def equilibrated(A: Array) -> tuple[Array, Array]:
    """(A scaled, scale): columns of length 1/2 to 1 by powers of two; x of A is ``scale`` times x of the scaled A."""
    norms = jnp.linalg.norm(A, axis=0)
    _, exponent = jnp.frexp(jnp.where((norms > 0) & jnp.isfinite(norms), norms, 1))
    scale = jnp.ldexp(jnp.ones_like(norms), -exponent)
    return A * scale[None, :], scale


def rank_tolerance(A: Array) -> float:
    r"""Singular values below this times the largest are rounding: $\epsilon (n + \sqrt m)$ for A [m, n].

    Rounding of the m terms of a sum adds up as a random walk, not as its bound $\epsilon m$, by which 200 000 rows in
    float32 would leave no digit.
    """
    m, n = A.shape
    return float(jnp.finfo(A.dtype).eps) * (n + m**0.5)


def inverse_norm(back: Callable, back_transposed: Callable, n: int, dtype: Any) -> Array:
    r"""A lower bound, rarely far off, of $\|A^{-1}\|_1$ from solves with A and its transpose.

    Hager 1984 as in Higham 2002, algorithm 15.1, and his vector of alternating signs against its blind spots.
    """

    def climb(carry):
        best, v, _, steps = carry
        y = back(v)
        z = back_transposed(jnp.where(y >= 0, 1, -1).astype(dtype))
        j = jnp.argmax(jnp.abs(z))
        norm = jnp.sum(jnp.abs(y))
        top = (jnp.abs(z[j]) <= z @ v) | ~(norm > best)
        return jnp.maximum(best, norm), (jnp.arange(n) == j).astype(dtype), top, steps + 1

    start = (jnp.zeros((), dtype), jnp.full(n, 1 / n, dtype), jnp.asarray(False), 0)
    norm, *_ = jax.lax.while_loop(lambda carry: ~carry[2] & (carry[3] < 5), climb, start)
    k = jnp.arange(n)
    signs = jnp.where(k % 2 == 0, 1, -1) * (1 + k / max(n - 1, 1))
    return jnp.maximum(norm, 2 * jnp.sum(jnp.abs(back(signs.astype(dtype)))) / (3 * n))


def first_factor(factor: Callable[[Array], Array], shift: Array, least: Array | float, most: Array | float) -> Array:
    r"""The first of ``factor(shift)`` that is finite, for the shifts $\tau$, max(2 $\tau$, least) … up to ``most``."""

    def failed(carry):
        tau, L = carry
        return ~jnp.all(jnp.isfinite(L)) & (tau <= most)

    def shift_more(carry):
        tau = jnp.maximum(2 * carry[0], least)
        return tau, factor(tau)

    return jax.lax.while_loop(failed, shift_more, (shift, factor(shift)))[1]

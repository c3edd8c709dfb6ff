r"""Logarithms and exponentials less their first terms, where subtracting would leave no digits."""

import math

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, bits
from dlcore.numerics.functions import expm1, polynomial


@jax.custom_jvp
def ratio_gap(a: Array, b: Array) -> Array:
    r"""$a/b - 1 - \ln(a/b) \ge 0$ for positive a and b of one shape, with all its digits near $a = b$, where it is 0.

    The kernel of the divergences: $w^2/2 - w^3/3 + \dots$ with $w = (a - b)/b$.
    """
    check_float("a", a)
    w = (a - b) / b
    near = (w > -0.29) & (w < 0.41)
    u = jnp.where(near, w, 0)
    s = u / (2 + u)  # ln(1 + w) = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), and w - 2s = s w
    terms = 5 if bits(s) == 32 else 11
    rest = s * s * polynomial(s * s, [1 / (2 * k + 3) for k in range(terms)])
    ratio = a / b
    return jnp.where(near, s * (u - 2 * rest), ratio - 1 - jnp.log(ratio))


@ratio_gap.defjvp
def _ratio_gap_jvp(at, tangents):
    a, b = at
    da, db = tangents
    return ratio_gap(a, b), (a - b) / b * (da / a - db / b)


@jax.custom_jvp
def exp_minus_line(x: Array) -> Array:
    r"""$e^x - 1 - x \ge 0$, with all its digits near 0, where it is $x^2/2 + x^3/6 + \dots$"""
    check_float("x", x)
    near = jnp.abs(x) < 1
    u = jnp.where(near, x, 0)
    terms = 9 if bits(x) == 32 else 17
    series = u * u * polynomial(u, [1 / math.factorial(k + 2) for k in range(terms)])
    return jnp.where(near, series, expm1(x) - x)


@exp_minus_line.defjvp
def _exp_minus_line_jvp(at, tangents):
    (x,), (dx,) = at, tangents
    return exp_minus_line(x), expm1(x) * dx

r"""Elementary functions to the last bits, in float32 and float64, where XLA's own lose some.

Elementwise, [...] -> [...], dtype kept; TypeError for an integer input.
"""

import functools
import math
from collections.abc import Sequence

import jax.numpy as jnp

from dlcore.contracts import Array, elementwise, with_derivative


@elementwise
@with_derivative(jnp.exp)
def expm1(x):
    r"""$e^x - 1$."""
    terms = 10 if bits(x) == 32 else 17
    near = polynomial(jnp.clip(x, -0.7, 0.7), [1 / math.factorial(k) for k in range(2, terms + 1)])
    return jnp.where(jnp.abs(x) < 0.7, x + x * x * near, jnp.exp(x) - 1)


@elementwise
@with_derivative(lambda x: 1 / (1 + x))
def log1p(x):
    r"""$\ln(1 + x)$; NaN below -1."""
    low = x < -0.25  # there 1 + x is all but exact, and XLA's log1p in float64 a hundred ulp off
    return jnp.where(low, jnp.log(jnp.where(low, 1 + x, 1)), jnp.log1p(jnp.where(low, 0, x)))


def _tanh_slope(s) -> Array:
    return sech2(s)


def _sech2_slope(s) -> Array:
    return -2 * tanh(s) * sech2(s)


@elementwise
@with_derivative(_tanh_slope)
def tanh(s):
    r"""$\tanh s = (1 - e^{-2s}) / (1 + e^{-2s})$, near 0 by its Taylor series."""
    near = s * polynomial(jnp.square(jnp.clip(s, -0.35, 0.35)), _tanh_series(6 if bits(s) == 32 else 13))
    e, _ = decay(2 * jnp.abs(s))
    far = (1 - e) / (1 + e)
    return jnp.where(jnp.abs(s) < 0.35, near, jnp.where(s < 0, -far, far))


@elementwise
@with_derivative(_sech2_slope)
def sech2(s):
    r"""$1 - \tanh^2 s = 4 e^{-2|s|} / (1 + e^{-2|s|})^2$, which keeps the digits that $1 - \tanh^2$ loses."""
    e, again = decay(2 * jnp.abs(s))
    return (4 * e / jnp.square(1 + e)) * again


def decay(x: Array) -> tuple[Array, Array]:
    r"""$e^{-x}$, $x \ge 0$, as two factors of which the second is 1 until the first would underflow.

    A multiple of $e^{-x}$ may be a normal number where $e^{-x}$ itself is not.
    """
    deep = x > (87 if bits(x) == 32 else 708)
    e = jnp.exp(jnp.where(deep, -x / 2, -x))
    return e, jnp.where(deep, e, 1)


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    r"""$\sum_k c_k x^k$ by Horner's rule; ``coefficients`` from the lowest power."""
    return functools.reduce(lambda value, c: value * x + c, reversed(coefficients), jnp.zeros_like(x))


def bits(x: Array) -> int:
    """The width of the floating type of ``x``, which decides how many terms a series needs."""
    return jnp.finfo(x.dtype).bits


@functools.cache
def _tanh_series(terms):
    c = []  # of s, s^3, ...: tanh' = 1 - tanh^2 term by term
    for n in range(terms):
        c.append(((n == 0) - sum(c[i] * c[n - 1 - i] for i in range(n))) / (2 * n + 1))
    return tuple(c)

r"""Elementary functions to the last bits, in float32 and float64, where XLA's own lose some or take long.

Elementwise, [...] -> [...], dtype kept; TypeError for an integer input.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.derivatives import with_derivative
from dlcore.numerics.formats import Array, bits, elementwise, lifted

# (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2 by powers of r: minimax with 50 digits, to 2^-28 of e^r
_EXP_SERIES = (0.4999999343, 0.166665204, 0.04166839052, 0.008368744904, 0.001381455364)

_LN2, _LN2_REST = 0.693359375, -2.1219444005469058e-4  # ten bits: their products with small integers are exact


@elementwise
@with_derivative(jnp.exp)
def expm1(x):
    r"""$e^x - 1$."""
    low = ~(x > 64)
    return jnp.where(low, expm1_below(jnp.where(low, x, 0)), jnp.exp(x))


@elementwise
@with_derivative(lambda x: exp_below(x))
def expm1_below(x):
    r"""$e^x - 1$, $x \le 64$."""
    if bits(x) == 64:
        near = polynomial(jnp.clip(x, -0.7, 0.7), [1 / math.factorial(k) for k in range(2, 18)])
        return jnp.where(jnp.abs(x) < 0.7, x + x * x * near, jnp.exp(x) - 1)
    power, u = _exp_parts(jnp.where(x < -64, -64, x), 0)
    return power * u + (power - 1)


@elementwise
@with_derivative(lambda x: 1 / (1 + x))
def log1p(x):
    r"""$\ln(1 + x)$; NaN below -1."""
    low = x < -0.25  # there 1 + x is all but exact, and XLA's log1p in float64 a hundred ulp off
    return jnp.where(low, jnp.log(jnp.where(low, 1 + x, 1)), jnp.log1p(jnp.where(low, 0, x)))


@elementwise
@with_derivative(lambda p: 1 / p / (1 - p))
def log_odds(p):
    r"""$\ln p / (1 - p)$, next to 1/2, where it is 0, of a difference that is exact."""
    near = jnp.abs(p - 0.5) < 0.25
    u = jnp.where(near, p, 0.5)
    return jnp.where(near, log1p((2 * u - 1) / (1 - u)), jnp.log(p) - log1p(-p))


def _tanh_slope(s) -> Array:
    return sech2(s)


def _sech2_slope(s) -> Array:
    return -2 * tanh(s) * sech2(s)


@elementwise
@with_derivative(_tanh_slope)
def tanh(s):
    r"""$\tanh s = (e^{2s} - 1) / (e^{2s} + 1)$."""
    m = expm1_below(2 * jnp.where(s < -20, -20, jnp.where(s > 20, 20, s)))
    return m / (m + 2)


@elementwise
@with_derivative(_sech2_slope)
def sech2(s):
    r"""$1 - \tanh^2 s = q (1 - q / 4)$ by $q = 4 e^{-2|s|} / (1 + e^{-2|s|})$: $1 - \tanh^2$ would lose its digits."""
    e = exp_below(-2 * jnp.where(jnp.abs(s) > 400, 400, jnp.abs(s)), lift=2)
    q = e / (1 + e / 4)
    return q * (1 - q / 4)


@lifted("lift")
def exp_below(x, lift=0):
    r"""$2^k e^x$, $x \le 64$, $k$ = ``lift`` from 0 to 32: a multiple of $e^x$ may be a number where $e^x$ is none."""
    return _exp_below(x, lift)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _exp_below(x, lift):
    if bits(x) == 64:
        return jnp.exp(x) if lift == 0 else (2.0**lift * jnp.exp(x / 2)) * jnp.exp(x / 2)
    low = -88 - 0.69 * lift
    power, u = _exp_parts(jnp.where(x < low, low, x), lift)
    return power * u + power


@_exp_below.defjvp
def _exp_below_jvp(lift, primals, tangents):
    value = _exp_below(*primals, lift)
    return value, value * tangents[0]


def _exp_parts(x, lift):
    r"""$2^{n + k}$ and $e^r - 1$ of $x = n \ln 2 + r$, float32: in half the time of XLA's exponential on CPU."""
    n = jnp.round(x * (1 / math.log(2)))
    r = (x - n * _LN2) - n * _LN2_REST
    exponent = n + np.float32(1.5 * 2**23 + 127 + lift)  # the last bits of this sum are that integer
    bit_pattern = jax.lax.bitcast_convert_type(exponent, jnp.int32) << 23
    return jax.lax.bitcast_convert_type(bit_pattern, jnp.float32), r + (r * r) * polynomial(r, _EXP_SERIES)


@elementwise
@with_derivative(jnp.sign)
def absolute(x):
    r"""$|x|$ with the derivative 0 at 0, where JAX takes 1: what is 0 would not stay it."""
    return jnp.abs(x)


@elementwise
def finite(x):
    r"""x, with the largest numbers for $\pm\infty$: 0 times it is 0, what it should be for a tangent of 0."""
    limits = jnp.finfo(x.dtype)
    return jnp.clip(x, limits.min, limits.max)


@elementwise
def root(x):
    r"""$\sqrt x$ with the derivative 0 at 0, where it is infinite: what does not move there need not be NaN."""
    dead = x == 0
    return jnp.where(dead, 0, jnp.sqrt(jnp.where(dead, 1, x)))


def decay(x: Array) -> tuple[Array, Array]:
    r"""$e^{-x}$, $x \ge 0$, as two factors, the second a constant until the first would come near the smallest numbers.

    A multiple of $e^{-x}$ may be a normal number where $e^{-x}$ itself is not.
    """
    lift, last = (16, 98) if bits(x) == 32 else (0, 708)
    deep = x > last
    e = exp_below(jnp.where(deep, -x / 2, -x), lift=lift)
    return e, jnp.where(deep, e * 0.5**lift, 1) * 0.5**lift


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    r"""$\sum_k c_k x^k$ by Horner's rule; ``coefficients`` from the lowest power."""
    return functools.reduce(
        lambda value, c: value * x + c, reversed(coefficients[:-1]), jnp.full_like(x, coefficients[-1])
    )

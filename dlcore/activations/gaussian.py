r"""The GELU, to the last bits far into the tails.

With $Q(x) = 1 - \Phi(x)$ for $x \ge 0$, $e^{x^2/2} Q(x)$ is smooth and tends to $1 / (x \sqrt{2\pi})$: it is a
Chebyshev series in $t = (x - 4) / (x + 4)$ divided by $x + 4$, after Shepherd & Laframboise 1981.
Elementwise, [...] -> [...], dtype kept; TypeError for an integer input.
"""

import functools
import math

import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, elementwise, with_derivative
from dlcore.elementary import bits, exp_below, polynomial, product

# Chebyshev coefficients in t = (x - 4) / (x + 4), x >= 0, of the two smooth functions named; computed with 40 digits.
_TAIL = (  # (x + 4) e^{x^2/2} Q(x), where Q is the upper tail of the standard normal distribution
    0.9704512045660765448,
    -0.7517088168395705314,
    0.222193555675251034,
    -0.04851775326044608612,
    0.006925920496242480392,
    -0.0003205984743981499535,
    -0.0001005473916321067839,
    0.00001890336901970696361,
    1.010356885474631055e-6,
    -6.145334749397823906e-7,
    -3.381020120069175641e-9,
    2.068650806174283408e-8,
    -1.128260363246950639e-10,
    -7.774015228388694261e-10,
    -9.941424191404707484e-12,
    3.174482949858302784e-11,
    1.842480684470494022e-12,
    -1.312861646671096541e-12,
    -1.741536265265481357e-13,
    4.907274031704424104e-14,
    1.293138432616557621e-14,
    -1.218066352172634133e-15,
    -8.052147372620933008e-16,
    -2.86049414426162114e-17,
    4.057064424335354146e-17,
)
_SLOPE = (  # (e^{x^2/2} Q(x) - x / sqrt(2 pi)) / (x - r), where r is the zero of the numerator
    -0.4959547437006942475,
    0.125452486826620274,
    -0.03490510198467443606,
    0.007524010441293160966,
    -0.001156028443626337263,
    0.00009367727206401449433,
    5.659701230299688253e-6,
    -2.367730906666484271e-6,
    8.107593380313914725e-8,
    5.187774720824669329e-8,
    -4.570057475859398384e-9,
    -1.365617100370196048e-9,
    1.602660258606792131e-10,
    4.555152315040623713e-11,
    -4.927684771713830488e-12,
    -1.828653400261277981e-12,
    1.166767494573978027e-13,
    8.041463817134733546e-14,
    1.859088819063531475e-16,
    -3.518350228090694897e-15,
    -3.04911121812597367e-16,
    1.367841210303817787e-16,
    2.887512698082728011e-17,
)
_ZERO = {32: (0.7517915368080139, -1.211444945855772e-8), 64: (0.7517915246935645, -1.495675917700988e-17)}
_EDGE = 40  # e^{-x^2/2} is 0 beyond, also in float64


def _bell_slope(s) -> Array:
    return -jnp.clip(s, -_EDGE, _EDGE) * _bell(s)


@elementwise
@with_derivative(_bell_slope)
def _bell(s):
    r"""$e^{-s^2/2}$."""
    return _times_bell(1, jnp.clip(s, -_EDGE, _EDGE))


@elementwise
@with_derivative(lambda s: gelu_grad(s))
def gelu(s):
    r"""$s \Phi(s)$, $\Phi$ the standard normal CDF. Hendrycks & Gimpel 2016. Without their tanh approximation."""
    x, v = _size(s)
    tail = polynomial(v / 2 - 1, _monomials(_TAIL, 10 if bits(x) == 32 else 25))
    below = _times_bell(v * tail / 4, x)
    return jnp.where(s < 0, -below, s - below)


@elementwise
@with_derivative(lambda s: (2 - jnp.clip(s, -_EDGE, _EDGE) ** 2) * _bell(s) / math.sqrt(2 * math.pi))
def gelu_grad(s):
    r"""$\Phi(s) + s \phi(s)$; its zero at -0.7518 is factored out, so that the digits next to it are exact too."""
    x, v = _size(s)
    zero, zero_rest = _ZERO[bits(s)]
    slope = polynomial(v / 2 - 1, _monomials(_SLOPE, 9 if bits(s) == 32 else 23))
    w = (x - zero) * slope - zero_rest * slope
    below = _times_bell(w, x)
    return jnp.where(s < 0, below, 1 - below)


def _size(s):
    """x = |s| and v with t = v / 2 - 1, whose rounding error, this way, vanishes with x."""
    x = jnp.where(jnp.abs(s) > _EDGE, _EDGE, jnp.abs(s))
    return x, x / (1 + x / 4)


def _times_bell(w, x):
    square, rest = product(x, x)  # the rest would cost e^{-x^2/2} forty ulp in the tail
    return exp_below(-square / 2, lift=8) * (w - w * (rest / 2)) / 256


@functools.cache
def _monomials(chebyshev, terms):
    return tuple(np.polynomial.chebyshev.cheb2poly(chebyshev[:terms]).tolist())

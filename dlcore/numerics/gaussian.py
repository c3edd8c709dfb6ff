r"""The bell $e^{-z^2/2}$ and the tail of the normal distribution, exact as far out as numbers reach.

$e^{-z^2/2}$ multiplies the relative error of $z$ by $z^2$: the square is split into a rounded part and a small rest.
With $Q(x) = 1 - \Phi(x)$ for $x \ge 0$, $e^{x^2/2} Q(x)$ is smooth and tends to $1 / (x \sqrt{2\pi})$: it is a
Chebyshev series in $t = (x - 4) / (x + 4)$ divided by $x + 4$, after Shepherd & Laframboise 1981.
"""

import functools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from dlcore.numerics.exact import two_product
from dlcore.numerics.formats import Array, bits
from dlcore.numerics.functions import decay, polynomial

ROOT_TWO_PI = math.sqrt(2 * math.pi)
HALF_LOG_TWO_PI = math.log(2 * math.pi) / 2
FAR = 40.0  # e^(-z^2/2) is 0 beyond, in float32 and in float64

# Chebyshev coefficients in t of (x + 4) e^{x^2/2} Q(x), computed with 40 digits
_TAIL = (
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


def bell(w: Array, z: Array, r: Array) -> Array:
    r"""$w e^{-(z + r)^2/2}$, r a small part of z: a normal number also where the exponential alone is none."""
    near = ~(jnp.abs(z) > FAR)
    z, r = jnp.where(near, z, FAR), jnp.where(near, r, 0)
    square, rest = two_product(z, z)
    e, again = decay(square / 2)
    return e * (w - w * (rest / 2 + z * r)) * again


def tail(x: Array) -> Array:
    r"""$(x + 4) e^{x^2/2} Q(x)$, $x \ge 0$."""
    return series(x, _TAIL, 10 if bits(x) == 32 else 25)


def series(x: Array, chebyshev: Sequence[float], terms: int) -> Array:
    r"""$\sum_k c_k T_k(t)$, $t = (x - 4) / (x + 4)$, $x \ge 0$; its rounding error, this way, vanishes with x."""
    return polynomial(x / (1 + x / 4) / 2 - 1, _monomials(tuple(chebyshev), terms))


@functools.cache
def _monomials(chebyshev, terms):
    return tuple(np.polynomial.chebyshev.cheb2poly(chebyshev[:terms]).tolist())

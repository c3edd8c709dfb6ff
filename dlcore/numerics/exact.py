"""Arithmetic whose rounding errors are themselves numbers.

Compilers contract ``a * b + c`` to one rounding where it suits them; hence only exact products are summed.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.formats import Array, bits


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """(s, e) with s the rounded sum and s + e = a + b exactly. Elementwise. Knuth 1969; Ogita et al. 2005, alg. 3.1.

    A constant that the compiler knows has to be ``b``: XLA makes x of (x + 1) - 1, and e is lost.
    """
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    r"""$ab$ and what its rounding left over, to half as many digits. Dekker 1971, with digits cut by a mask."""
    ab, high_a, high_b = a * b, high_half(a), high_half(b)
    return ab, (high_a * high_b - ab) + (high_a * (b - high_b) + (a - high_a) * b)


def halves(a: Array) -> tuple[Array, Array]:
    """(u, v) with a = u + v, each of at most half the bits: products of halves are exact. Elementwise."""
    u = jax.lax.stop_gradient(jnp.where(jnp.isfinite(a), high_half(a), a))
    return u, a - u


def high_half(x: Array) -> Array:
    """``x`` cut to so few digits that products of two such numbers are exact. Elementwise, float32 or float64."""
    whole, low = (jnp.int32, 12) if bits(x) == 32 else (jnp.int64, 27)
    cut = jax.lax.bitcast_convert_type(x, whole) & np.asarray(-1 << low, whole)
    return jax.lax.bitcast_convert_type(cut, x.dtype)

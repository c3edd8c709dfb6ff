"""Residuals in twice the working precision, by arithmetic whose rounding errors are themselves numbers.

Compilers contract ``a * b + c`` to one rounding where it suits them; hence only exact products are summed here.
"""

import jax
import jax.numpy as jnp

from dlcore.contracts import Array
from dlcore.elementary import high_half


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """(s, e) with s the rounded sum and s + e = a + b exactly. Elementwise. Knuth 1969; Ogita et al. 2005, alg. 3.1."""
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


def _halves(a: Array) -> tuple[Array, Array]:
    """(u, v) with a = u + v, each of at most half the bits: products of _halves are exact. Elementwise."""
    u = jax.lax.stop_gradient(jnp.where(jnp.isfinite(a), high_half(a), a))
    return u, a - u


def _compensated_residual(A: Array, x: Array, b: Array, r: Array | None = None) -> Array:
    """b - Ax, or b - r - Ax, as if computed in twice the precision and rounded once.

    A [m, n], x [n], b and r [m], float32 or float64. Ogita, Rump & Oishi 2005, algorithm 5.3.
    """

    def less_column(carry, column):
        s, e = carry
        a, x_j = column
        a1, a2 = _halves(a)
        x1, x2 = _halves(jnp.broadcast_to(-x_j, a.shape))
        for product in (a1 * x1, a1 * x2, a2 * x1, a2 * x2):
            s, error = _two_sum(s, product)
            e = e + error
        return (s, e), None

    r = jnp.zeros_like(b) if r is None else r
    (s, e), _ = jax.lax.scan(less_column, _two_sum(b, -r), (A.T, x))
    return s + e

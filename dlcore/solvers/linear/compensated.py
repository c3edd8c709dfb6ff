"""Residuals in twice the working precision, by arithmetic whose rounding errors are themselves numbers.

Compilers contract ``a * b + c`` to one rounding where it suits them; hence only exact products are summed here.
"""

import jax
import jax.numpy as jnp

from dlcore.numerics.exact import halves, two_sum
from dlcore.numerics.formats import Array


def compensated_residual(A: Array, x: Array, b: Array, r: Array | None = None) -> Array:
    """b - Ax, or b - r - Ax, as if computed in twice the precision and rounded once.

    A [m, n], x [n], b and r [m], float32 or float64. Ogita, Rump & Oishi 2005, algorithm 5.3.
    """

    def less_column(carry, column):
        s, e = carry
        a, x_j = column
        a1, a2 = halves(a)
        x1, x2 = halves(jnp.broadcast_to(-x_j, a.shape))
        for product in (a1 * x1, a1 * x2, a2 * x1, a2 * x2):
            s, error = two_sum(s, product)
            e = e + error
        return (s, e), None

    r = jnp.zeros_like(b) if r is None else r
    (s, e), _ = jax.lax.scan(less_column, two_sum(b, -r), (A.T, x))
    return s + e

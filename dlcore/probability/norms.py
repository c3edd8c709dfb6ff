r"""Vector norms $\|x\|_0$, $\|x\|_1$, $\|x\|_2$ and the curves on which they are 1."""

import jax.numpy as jnp

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, lifted
from dlcore.numerics.functions import absolute
from dlcore.numerics.norms import norm


@lifted()
def l0_norm(x: Array) -> Array:
    r"""The number of elements that are not 0: a measure of sparsity, no norm, as $\|2x\|_0 = \|x\|_0$.

    x [..., d] -> [...], in the dtype of ``x``.
    """
    return jnp.sum(x != 0, -1).astype(x.dtype)


@lifted()
def l1_norm(x: Array) -> Array:
    r"""$\sum_i |x_i|$: x [..., d] -> [...]; its gradient is sign x, 0 at 0."""
    return jnp.sum(absolute(x), -1)


def l2_norm(x: Array) -> Array:
    r"""$\sqrt{\sum_i x_i^2}$: x [..., d] -> [...]; its gradient at 0 is taken as 0.

    No square overflows or vanishes on the way.
    """
    return norm(x, -1)


def unit_contour(p: float, angles: Array) -> Array:
    r"""Points [..., 2] of the plane with $(|x_1|^p + |x_2|^p)^{1/p} = 1$ in the directions ``angles`` [...], $p > 0$.

    For p = 2 the circle, for p = 1 the diamond, for p = inf the square; toward p = 0 it closes in on the axes.
    Raises ValueError for a p that is not positive: where $\|x\|_0 = 1$ are the axes themselves, without the origin.
    """
    check_float("angles", angles)
    if not p > 0:
        raise ValueError(f"p: needed a positive number, got {p}; try: the two axes, on which the 0-norm is 1")
    x = jnp.stack([jnp.cos(angles), jnp.sin(angles)], -1)
    size = jnp.abs(x)
    largest = jnp.max(size, -1, keepdims=True)
    norm = largest if p == jnp.inf else largest * jnp.sum((size / largest) ** p, -1, keepdims=True) ** (1 / p)
    return x / norm

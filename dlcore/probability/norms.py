r"""Vector norms $\|x\|_0$, $\|x\|_1$, $\|x\|_2$ and the curves on which they are 1."""

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, at_least_f32, check_float, with_derivative


@with_derivative(jnp.sign)
def absolute(x: Array) -> Array:
    r"""$|x|$ with the derivative sign x, 0 at 0, where JAX has 1."""
    check_float("x", x)
    return jnp.abs(x)


def l0_norm(x: Array) -> Array:
    r"""The number of elements that are not 0: a measure of sparsity, no norm, as $\|2x\|_0 = \|x\|_0$.

    x [..., d] -> [...], in the dtype of ``x``.
    """
    check_float("x", x)
    return jnp.sum(x != 0, -1).astype(x.dtype)


def l1_norm(x: Array) -> Array:
    r"""$\sum_i |x_i|$: x [..., d] -> [...]; its gradient is sign x, 0 at 0."""
    check_float("x", x)
    return jnp.sum(absolute(x), -1)


def l2_norm(x: Array) -> Array:
    r"""$\sqrt{\sum_i x_i^2}$: x [..., d] -> [...]; its gradient at 0 is taken as 0.

    Squares neither overflow nor vanish: the largest element is divided out before.
    """
    check_float("x", x)
    wide = x.astype(at_least_f32(x.dtype))
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(wide), -1, keepdims=True, initial=0))
    safe = (largest > 0) & (largest < jnp.inf)
    squares = jnp.sum(jnp.square(jnp.where(safe, wide, 1) / jnp.where(safe, largest, 1)), -1)
    norm = jnp.where(safe, largest, 1)[..., 0] * jnp.sqrt(jnp.where(safe[..., 0], squares, 1))
    return jnp.where(safe[..., 0], norm, largest[..., 0]).astype(x.dtype)


def unit_contour(p: float, angles: Array) -> Array:
    r"""Points [..., 2] of the plane with $(|x_1|^p + |x_2|^p)^{1/p} = 1$ in the directions ``angles`` [...], $p > 0$.

    For p = 2 the circle, for p = 1 the diamond, for p = inf the square; towards p = 0 it closes in on the axes.
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

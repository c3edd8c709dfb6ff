r"""What a least-squares step needs of the Jacobian J [m, n]: its triangular factor, or only products with it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array
from dlcore.solvers.iterative import CG, _conjugate_gradients


class Factor(NamedTuple):
    r"""R [n, n] of $J = QR$ and $c = Q^\top r$ [n], the part of the residuals that J can remove."""

    R: Array
    c: Array


def by_qr(J: Array, r: Array) -> Factor:
    """Householder QR of J [m, n] beside r [m], whose Q is never formed."""
    n = J.shape[1]
    R = jnp.linalg.qr(jnp.concatenate([J, r[:, None]], axis=1), mode="r")
    return Factor(R[:n, :n], R[:n, n])


def by_cholesky(J: Array, r: Array) -> Factor:
    r"""$R^\top R = J^\top J$, half the work of ``by_qr``: precise while $\kappa^2(J) \epsilon$ is small, else NaN."""
    d = jnp.linalg.norm(J, axis=0)
    scaled = J / jnp.where(d > 0, d, 1)[None, :]
    L = jnp.linalg.cholesky(scaled.T @ scaled, symmetrize_input=False)
    c = jax.scipy.linalg.solve_triangular(L, scaled.T @ r, lower=True)
    return Factor(L.T * d[None, :], c)


def by_shape(J: Array, r: Array) -> Factor:
    """``by_cholesky`` where m is at least 4 n and the scaled columns are well conditioned, else ``by_qr``."""
    if J.shape[0] < 4 * J.shape[1]:
        return by_qr(J, r)
    quick = by_cholesky(J, r)
    d = jnp.linalg.norm(J, axis=0)
    pivots = jnp.abs(jnp.diagonal(quick.R)) / jnp.where(d > 0, d, 1)
    safe = jnp.all(pivots > jnp.finfo(J.dtype).eps ** 0.25)  # half the digits of R are then right, and NaN is not
    return jax.lax.cond(safe, lambda: quick, lambda: by_qr(J, r))


def _factor_step(factor: Factor, weights: Array) -> Array:
    r"""p [n] of $\min_p \|R p + c\|^2 + \sum_i w_i p_i^2$ by QR of the stacked system, ``weights`` [n] not negative."""
    R, c = factor
    top = jnp.concatenate([R, -c[:, None]], axis=1)
    bottom = jnp.pad(jnp.diag(jnp.sqrt(weights)), ((0, 0), (0, 1)))
    n = len(c)
    stacked = jnp.linalg.qr(jnp.concatenate([top, bottom]), mode="r")
    return jax.scipy.linalg.solve_triangular(stacked[:n, :n], stacked[:n, n])


def _product_step(method: CG, f: Callable, x: Array, g: Array, weights: Array) -> tuple[Array, Array]:
    r"""(p, products) of $(J^\top J + \operatorname{diag} w) p = -g$ by conjugate gradients, J never formed."""
    _, push = jax.linearize(f, x)
    pull = jax.linear_transpose(push, x)

    def product(v):
        return pull(push(v))[0] + weights * v

    p, steps, _ = _conjugate_gradients(product, -g, jnp.zeros_like(g), lambda r: r, method.reached(g), method.limit())
    return p, 2 * (steps + 1)


def _products(f: Callable, x: Array, r: Array) -> tuple[Array, Array, Array]:
    r"""$g = J^\top r$ [n], $J g$ and $J x$ [m] at ``x``."""
    _, push = jax.linearize(f, x)
    g = jax.linear_transpose(push, x)(r)[0]
    return g, push(g), push(x)


def _squared_columns(f: Callable, x: Array) -> Array:
    r"""$\operatorname{diag} J^\top J$ [n] by n products, one after another: no memory, but n times the work of f."""
    _, push = jax.linearize(f, x)

    def squared(i):
        column = push((jnp.arange(x.size) == i).astype(x.dtype))
        return column @ column

    return jax.lax.map(squared, jnp.arange(x.size))

"""Triangular factors of the Jacobian J [m, n] for least-squares steps, and the step by one of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.linear.factors import triangular
from dlcore.tree.choose import tree_where


class Factor(NamedTuple):
    r"""R [n, n] with $R^\top R = J^\top J + \operatorname{diag} w$, $c = R^{-\top} J^\top r$ [n], and w [n], often 0.

    Where w is 0, $J = QR$ and $c = Q^\top r$, the part of the residuals that J can remove.
    """

    R: Array
    c: Array
    weights: Array


def by_qr(J: Array, r: Array, weights: Array) -> Factor:
    """Householder QR of J [m, n] beside r [m], whose Q is never formed; without the ``weights``."""
    return Factor(*triangular(J, r), jnp.zeros_like(weights))


def by_cholesky(J: Array, r: Array, weights: Array) -> Factor:
    r"""$R^\top R = J^\top J$, half the work of ``by_qr``: precise while $\kappa^2(J) \epsilon$ is small, else NaN."""
    return _gram_factor(J.T @ J, J.T @ r, jnp.zeros_like(weights))


def by_shape(J: Array, r: Array, weights: Array) -> Factor:
    r"""The cheapest factor that keeps half the digits of R: that of $J^\top J + \operatorname{diag} w$ where m ≥ 4n.

    The weights [n] improve the condition but hide the last of what J can remove: near the minimum they are left out,
    and where the columns are then ill conditioned it is ``by_qr``.
    """
    if J.shape[0] < 4 * J.shape[1]:
        return by_qr(J, r, weights)
    G, g = J.T @ J, J.T @ r
    damped, plain = _gram_factor(G, g, weights), _gram_factor(G, g, jnp.zeros_like(weights))
    far = jnp.linalg.norm(damped.c) > jnp.finfo(J.dtype).eps ** 0.25 * jnp.linalg.norm(r)
    quick = tree_where(far, damped, plain)
    return jax.lax.cond(_precise(quick, G), lambda: quick, lambda: by_qr(J, r, weights))


def _gram_factor(G, g, weights):
    """By Cholesky of the matrix scaled to a diagonal of ones."""
    square = jnp.diagonal(G) + weights
    d = jnp.sqrt(jnp.where(square > 0, square, 1))
    L = jnp.linalg.cholesky((G + jnp.diag(weights)) / (d[:, None] * d[None, :]), symmetrize_input=False)
    return Factor(L.T * d[None, :], jax.scipy.linalg.solve_triangular(L, g / d, lower=True), weights)


def _precise(factor, G):
    """Whether no pivot lost more than half the digits; a pivot that is NaN did."""
    pivots = jnp.diagonal(factor.R) ** 2 / (jnp.diagonal(G) + factor.weights)
    return jnp.all(pivots > jnp.sqrt(jnp.finfo(G.dtype).eps))


def factor_step(factor: Factor, weights: Array) -> Array:
    r"""p [n] of $\min_p \|J p + r\|^2 + \sum_i w_i p_i^2$, by QR of the stacked system where w [n] is not in R yet."""
    R, c, included = factor
    extra = jnp.maximum(weights - included, 0)

    def stacked():
        both = jnp.concatenate([R, jnp.diag(jnp.sqrt(extra))])
        return jax.scipy.linalg.solve_triangular(*triangular(both, jnp.pad(-c, (0, len(c)))))

    return jax.lax.cond(jnp.any(extra > 0), stacked, lambda: -jax.scipy.linalg.solve_triangular(R, c))

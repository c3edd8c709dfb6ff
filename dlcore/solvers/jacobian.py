r"""What a least-squares step needs of the Jacobian J [m, n]: J itself, its triangular factor, or only products."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array
from dlcore.pytrees import hyperparams
from dlcore.solvers.iterative import CG, _conjugate_gradients
from dlcore.solvers.linear import _triangular
from dlcore.solvers.loop import _OnVectors


@hyperparams
class PerExample:
    """Residuals by the formula for one example, ``residual(params, *row) -> scalar or [k]``.

    Called as ``(params, *args)`` it maps over the first axis of all ``args`` and returns them as one vector. A solver
    then takes J row by row, in reverse: the work of a few gradients of f and the memory of J, where the J of a function
    of all examples costs n products, each with the memory of all that ``residual`` computes on the way.
    """

    residual: Any

    def __call__(self, params, *args):
        """The residuals of all examples, [m] or [m k]."""
        return jax.vmap(self.residual, in_axes=(None, *[0] * len(args)))(params, *args).ravel()


def _jacobian(f: Callable, x: Array) -> Array:
    """J [m, n] of the residuals ``f`` at the vector ``x`` [n]: forward, column by column, or as ``PerExample`` says."""
    if not (isinstance(f, _OnVectors) and isinstance(f.f, PerExample)):
        return jax.jacfwd(f)(x)

    def one(x, *row):
        return f.f.residual(f.unravel(x), *row).astype(f.dtype)

    # examples last, as they are in the columns of jacfwd: the products with J's transpose are then faster
    columns = jax.vmap(jax.jacrev(one), in_axes=(None, *[0] * len(f.args)), out_axes=-1)(x, *f.args)
    return jnp.moveaxis(columns, -1, 0).reshape(-1, x.size)


class Factor(NamedTuple):
    r"""R [n, n] with $R^\top R = J^\top J + \operatorname{diag} w$, $c = R^{-\top} J^\top r$ [n], and w [n], often 0.

    Where w is 0, $J = QR$ and $c = Q^\top r$, the part of the residuals that J can remove.
    """

    R: Array
    c: Array
    weights: Array


def by_qr(J: Array, r: Array, weights: Array) -> Factor:
    """Householder QR of J [m, n] beside r [m], whose Q is never formed; without the ``weights``."""
    return Factor(*_triangular(J, r), jnp.zeros_like(weights))


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
    quick = jax.tree.map(lambda a, b: jnp.where(far, a, b), damped, plain)
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


def _factor_step(factor: Factor, weights: Array) -> Array:
    r"""p [n] of $\min_p \|J p + r\|^2 + \sum_i w_i p_i^2$, by QR of the stacked system where w [n] is not in R yet."""
    R, c, included = factor
    extra = jnp.maximum(weights - included, 0)

    def stacked():
        both = jnp.concatenate([R, jnp.diag(jnp.sqrt(extra))])
        return jax.scipy.linalg.solve_triangular(*_triangular(both, jnp.pad(-c, (0, len(c)))))

    return jax.lax.cond(jnp.any(extra > 0), stacked, lambda: -jax.scipy.linalg.solve_triangular(R, c))


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

r"""Do gradients vanish or explode on their way back? Jacobians from layer to layer, and norms per layer.

$\delta_1 = \delta_L \, \partial a_L / \partial a_{L-1} \cdots \partial a_2 / \partial a_1$: where every factor has a
norm below 1 the product vanishes with depth; it can explode only where norms exceed 1. Hochreiter 1991;
Pascanu, Mikolov & Bengio 2013, section 2.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.backprop.mlp import ActivationAndGrad, with_grad
from dlcore.numerics.formats import Array, PyTree, at_least_f32
from dlcore.numerics.norms import global_norm, norm


class JacobianNorms(NamedTuple):
    r"""$\|\partial a_{l+1} / \partial a_l\|$ of every example, [n]; ``spectral`` bounds the growth of a gradient."""

    spectral: Array
    frobenius: Array


def layer_jacobians(W: Array, a: Array, phi: ActivationAndGrad) -> Array:
    r"""$\partial a_{l+1} / \partial a_l = W_{l+1}^\top \operatorname{diag} \phi'(a_l)$.

    W [M_l, M_{l+1}], a [n, M_l] -> [n, M_{l+1}, M_l]. Weights of shape [outputs, inputs] appear without the transpose.
    """
    if phi.derivative is not None:
        return W.T[None] * phi.derivative(a)[:, None, :]
    return jax.vmap(jax.jacrev(lambda row: phi.value(row) @ W))(a)


def jacobian_norms(
    params: Sequence[tuple[Array, Array]], a: Sequence[Array], phi: Callable[[Array], Array] | ActivationAndGrad
) -> list[JacobianNorms]:
    r"""Norms of $\partial a_{l+1} / \partial a_l$ for $l = 1, \dots, L-1$, with one activation in all hidden layers.

    params (W, b) per layer and a_1 … a_L as in ``backpropagate``; the Jacobians of one layer are held at a time.
    """
    pairs = zip(params[1:], a[:-1], strict=True)
    return [_norms(layer_jacobians(W, a_l, with_grad(phi))) for (W, _), a_l in pairs]


def _norms(J):
    wide = J.astype(at_least_f32(J.dtype))
    spectral = jnp.linalg.norm(wide, ord=2, axis=(-2, -1))
    return JacobianNorms(spectral.astype(J.dtype), norm(wide, (-2, -1)).astype(J.dtype))


def layer_norms(tree: PyTree) -> Array:
    r"""$\ell_2$ norm of each part directly below the root, in JAX's order: the layers of a gradient -> [L].

    ``layer_norms(jax.grad(loss)(params))`` for any model whose parameters are a list, tuple or dict of layers.
    Raises ValueError where there is no layer.
    """
    leaves = _floating(tree)
    if not leaves:
        raise ValueError("tree: needed layers of floating arrays, got none; try the gradient of the parameters")
    dtype = max((jnp.finfo(leaf.dtype).dtype for leaf in leaves), key=lambda d: jnp.finfo(d).bits)
    parts = jax.tree.leaves(tree, is_leaf=lambda node: node is not tree)
    return jnp.stack([global_norm(_floating(part)).astype(dtype) for part in parts])


def _floating(tree):
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def growth_rate(norms: Array) -> Array:
    r"""$(\|g_1\| / \|g_L\|)^{1/(L-1)}$: growth per layer of a gradient on its way back, [..., L] -> [...].

    Below 1 it vanishes, above 1 it explodes; 0 where nothing arrives at the first layer. Of norms of error vectors or
    of gradients per layer. Raises ValueError for fewer than two layers.
    """
    if norms.ndim == 0 or norms.shape[-1] < 2:
        raise ValueError(f"norms: needed [..., L] with two layers or more, got {list(norms.shape)}")
    first, last = norms[..., 0], norms[..., -1]
    alive = (first > 0) & (last > 0)
    log_ratio = jnp.log(jnp.where(alive, first, 1)) - jnp.log(jnp.where(alive, last, 1))
    return jnp.where(alive, jnp.exp(log_ratio / (norms.shape[-1] - 1)), 0)

r"""Regularisation: penalties $\lambda R(\theta)$ that are added to the loss, max-norm projection, dropout.

Penalties and projections act on weights only, unless another ``mask(path, leaf) -> bool`` says otherwise; ``path`` is
the tuple of keys that ``jax.tree_util.tree_map_with_path`` gives.
"""

import abc
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import (
    Array,
    PyTree,
    Scalar,
    at_least_f32,
    check_between,
    check_float,
    in_dtype_of,
)
from dlcore.elementary import absolute
from dlcore.pytrees import hyperparams, static

Mask: TypeAlias = Callable[[tuple[Any, ...], Array], bool]


def weights_only(path: tuple[Any, ...], leaf: Array) -> bool:
    """False for a leaf whose innermost name is "bias" or "scale": biases and normalisation parameters stay free."""
    del leaf
    names = [getattr(key, "key", getattr(key, "name", None)) for key in path]
    named = [name for name in names if isinstance(name, str)]
    return not named or named[-1] not in ("bias", "scale")


def everything(path: tuple[Any, ...], leaf: Array) -> bool:
    """True for every leaf: the lectures' penalties, which run over all of $\theta$."""
    del path, leaf
    return True


def l1(params: PyTree, strength: Scalar = 1.0, mask: Mask = weights_only) -> Array:
    r"""$\lambda \sum_i |\theta_i|$ over the leaves that ``mask`` selects; prefers sparse parameters. -> scalar."""
    return _penalty(absolute, params, strength, mask)


def l2(params: PyTree, strength: Scalar = 1.0, mask: Mask = weights_only, *, half: bool = False) -> Array:
    r"""$\lambda \sum_i \theta_i^2$, or half of it with ``half``: its gradient is $\lambda \theta$. -> scalar."""
    return _penalty(_half_square if half else jnp.square, params, strength, mask)


def elastic_net(params: PyTree, l1_strength: Scalar, l2_strength: Scalar, mask: Mask = weights_only) -> Array:
    r"""$\lambda_1 \sum_i |\theta_i| + \lambda_2 \sum_i \theta_i^2$. Zou & Hastie 2005, eq. 3. -> scalar."""
    return l1(params, l1_strength, mask) + l2(params, l2_strength, mask)


def max_norm(x: Array, maximum: Scalar, axis: int | tuple[int, ...] | None = None) -> Array:
    r"""Projection on $\|w\|_2 \le m$: $w \min(1, m / \|w\|_2)$ for every unit's weights w. Srebro & Shraibman 2005.

    ``axis`` holds the weights of one unit: all axes but the last of a kernel [..., n_out], and a whole vector, where
    it is not given. Raises ValueError for a negative ``maximum``.
    """
    check_float("x", x)
    check_between(0, np.inf, maximum=maximum)
    if axis is None:
        axis = tuple(range(max(x.ndim - 1, min(x.ndim, 1))))
    wide = x.astype(at_least_f32(x.dtype))
    m = in_dtype_of(wide, maximum)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(wide), axis, keepdims=True, initial=0))
    unit = jnp.where(largest > 0, largest, 1)  # squares of w / unit neither overflow nor vanish
    squares = jnp.sum(jnp.square(wide / unit), axis, keepdims=True)
    norm = jnp.where(largest > 0, largest * jnp.sqrt(jnp.where(largest > 0, squares, 1)), 0)
    outside = norm > m
    return (wide * jnp.where(outside, m / jnp.where(outside, norm, 1), 1)).astype(x.dtype)


def dropout(key: Array, x: Array, rate: Scalar, *, train: bool) -> Array:
    r"""In training 0 with probability $p$ ``rate``, else $x / (1 - p)$, so that the mean stays; else ``x`` itself.

    Elementwise and independent, [...] -> [...]. Raises ValueError for a rate outside [0, 1]. Srivastava et al. 2014.
    """
    check_float("x", x)
    check_between(0, 1, rate=rate)
    if not train:
        return x
    keep_rate = 1 - jnp.asarray(rate, at_least_f32(x.dtype))
    keep = jax.random.bernoulli(key, keep_rate, x.shape)
    divisor = jnp.where(keep_rate > 0, keep_rate, 1)
    return jnp.where(keep, x / divisor.astype(x.dtype), 0)


@hyperparams
class Penalty(abc.ABC):
    """What is added to the loss: a function of the parameters; ``mask`` says of which."""

    mask: Mask = static(default=weights_only, kw_only=True)

    @abc.abstractmethod
    def __call__(self, params: PyTree) -> Array:
        """The penalty of ``params``, a scalar of at least float32."""


@hyperparams
class L1(Penalty):
    r"""``l1``: $\lambda \sum_i |\theta_i|$."""

    strength: Scalar = 1e-4

    def __call__(self, params):
        """``l1`` with this strength."""
        return l1(params, self.strength, self.mask)


@hyperparams
class L2(Penalty):
    r"""``l2``: $\lambda \sum_i \theta_i^2$, or $\frac\lambda2 \sum_i \theta_i^2$ with ``half``."""

    strength: Scalar = 1e-4
    half: bool = static(default=False, kw_only=True)

    def __call__(self, params):
        """``l2`` with this strength."""
        return l2(params, self.strength, self.mask, half=self.half)


@hyperparams
class ElasticNet(Penalty):
    r"""``elastic_net``: $\lambda_1 \sum_i |\theta_i| + \lambda_2 \sum_i \theta_i^2$."""

    l1: Scalar = 1e-4
    l2: Scalar = 1e-4

    def __call__(self, params):
        """``elastic_net`` with these strengths."""
        return elastic_net(params, self.l1, self.l2, self.mask)


@hyperparams
class MaxNorm:
    r"""``max_norm`` of every selected leaf: called on the parameters after a step."""

    maximum: Scalar = 3.0
    mask: Mask = static(default=weights_only, kw_only=True)

    def __call__(self, params: PyTree) -> PyTree:
        """``params`` with every unit's weights inside the ball."""

        def project(path, leaf):
            return max_norm(leaf, self.maximum) if self.mask(path, leaf) else leaf

        return jax.tree_util.tree_map_with_path(project, params)


def _penalty(term, params, strength, mask):
    check_between(0, np.inf, strength=strength)
    chosen = [(path, leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params) if mask(path, leaf)]
    for path, leaf in chosen:
        check_float(f"params{jax.tree_util.keystr(path)}", leaf)
    dtype = np.result_type(np.float32, *(at_least_f32(leaf.dtype) for _, leaf in chosen))
    total = sum((jnp.sum(term(leaf.astype(dtype))) for _, leaf in chosen), jnp.zeros((), dtype))
    return in_dtype_of(total, strength) * total


def _half_square(x):
    return jnp.square(x) / 2

r"""Regularization: penalties $\lambda R(\theta)$ that are added to the loss, max-norm projection.

Penalties and projections act on weights only, unless ``where`` chooses other leaves; ``dlcore.tree.leaves`` says how.
"""

import abc

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_between, check_float
from dlcore.numerics.formats import Array, PyTree, Scalar, at_least_f32, in_dtype_of
from dlcore.numerics.functions import absolute
from dlcore.numerics.norms import norm
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams, number, static
from dlcore.tree.leaves import Choice, chosen, everything, weights_only
from dlcore.tree.names import leaf_names

__all__ = [
    "L1",
    "L2",
    "ElasticNet",
    "MaxNorm",
    "Penalty",
    "everything",
    "max_norm",
    "weights_only",
]


@hyperparams
class Penalty(abc.ABC):
    """What is added to the loss: the sum of a ``term`` over all entries of the leaves that ``where`` chooses."""

    where: Choice = static(default=weights_only, kw_only=True)

    def __call__(self, params: PyTree) -> Array:
        """The penalty of ``params``, a scalar of at least float32.

        Raises ValueError for a strength below 0, TypeError for a chosen leaf of integers.
        """
        check_ranges(self)
        places = zip(leaf_names(params), jax.tree.leaves(params), chosen(self.where, params), strict=True)
        leaves = {name: leaf for name, leaf, yes in places if yes}
        for name, leaf in leaves.items():
            check_float(f"params {name}".strip(), leaf)
        dtype = np.result_type(np.float32, *(at_least_f32(leaf.dtype) for leaf in leaves.values()))
        rule = jax.tree.map(lambda strength: in_dtype_of(dtype, strength), self)
        return sum((jnp.sum(rule.term(leaf.astype(dtype))) for leaf in leaves.values()), jnp.zeros((), dtype))

    @abc.abstractmethod
    def term(self, x: Array) -> Array:
        """Elementwise."""


@hyperparams
class L1(Penalty):
    r"""$\lambda \sum_i |\theta_i|$ with $\lambda$ ``strength``; prefers sparse parameters."""

    strength: Scalar = number(1e-4, low=0, log=True)

    def term(self, x):
        return self.strength * absolute(x)


@hyperparams
class L2(Penalty):
    r"""$\lambda \sum_i \theta_i^2$ by ``strength`` $\lambda$; ``half`` of it has the gradient $\lambda \theta$.

    >>> import jax.numpy as jnp
    >>> from dlcore.regularizers import L2
    >>> print(L2(0.5)({"kernel": jnp.full((1, 2), 3.0), "bias": jnp.ones(2)}))  # weights alone
    9.0
    """

    strength: Scalar = number(1e-4, low=0, log=True)
    half: bool = static(default=False, kw_only=True)

    def term(self, x):
        return self.strength * x**2 / 2 if self.half else self.strength * x**2


@hyperparams
class ElasticNet(Penalty):
    r"""$\lambda_1 \sum_i |\theta_i| + \lambda_2 \sum_i \theta_i^2$. Zou & Hastie 2005, eq. 3."""

    l1: Scalar = number(1e-4, low=0, log=True)
    l2: Scalar = number(1e-4, low=0, log=True)

    def term(self, x):
        return self.l1 * absolute(x) + self.l2 * x**2


@hyperparams
class MaxNorm:
    r"""``max_norm`` of every chosen leaf: called on the parameters after a step."""

    maximum: Scalar = number(3.0, above=0, log=True)
    where: Choice = static(default=weights_only, kw_only=True)

    def __call__(self, params: PyTree) -> PyTree:
        """``params`` with every unit's weights inside the ball."""
        leaves, treedef = jax.tree.flatten(params)
        each = zip(leaves, chosen(self.where, params), strict=True)
        return treedef.unflatten([max_norm(leaf, self.maximum) if yes else leaf for leaf, yes in each])


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
    size = norm(wide, axis, keepdims=True)
    outside = size > m
    return (wide * jnp.where(outside, m / jnp.where(outside, size, 1), 1)).astype(x.dtype)

"""Which leaves of a parameter tree something is for: a rule, one of its numbers, a penalty, a fresh start.

A choice is a function ``(path, leaf) -> bool`` of the keys that lead to a leaf, or a tuple of names: "layers[0]"
names all leaves below it, "layers[0].bias" one of them; or ``AllBut`` such a tuple.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.tree.fields import StandIn, hyperparams, stand_in, static
from dlcore.tree.names import at_or_below, leaf_names, name_of, nearest_first


def weights_only(path: tuple[Any, ...], leaf: Array) -> bool:
    """False for a leaf whose innermost name is "bias" or "scale": biases and normalization parameters stay free."""
    names = [getattr(key, "key", getattr(key, "name", None)) for key in path]
    named = [name for name in names if isinstance(name, str)]
    return not named or named[-1] not in ("bias", "scale")


def everything(path: tuple[Any, ...], leaf: Array) -> bool:
    r"""True for every leaf: the lectures' penalties, which run over all of $\theta$."""
    return True


@hyperparams
class AllBut:
    """All leaves but those at or below ``names``: ``Frozen(Adam(), AllBut(("[2]",)))`` trains one layer."""

    names: tuple[str, ...] = static()


Choice: TypeAlias = Callable[[tuple[Any, ...], Array], bool] | tuple[str, ...] | AllBut


@hyperparams
class OnLeaves(StandIn):
    """A hyperparameter that is ``value`` on the leaves that ``where`` chooses, and ``otherwise`` on all others.

    ``AdamW(weight_decay=OnLeaves(1e-4))`` spares biases and scales; ``SGD(OnLeaves(1e-3, 1e-1, where=("body",)))``
    trains the body more slowly than the rest.
    """

    value: Scalar = stand_in()
    otherwise: Scalar = stand_in(0.0)
    where: Choice = static(default=weights_only, kw_only=True)


def chosen(where: Choice, tree: PyTree, *, missing: bool = False) -> list[bool]:
    """For every leaf of ``tree``, in their order, whether ``where`` chooses it; with ``missing`` names may be absent.

    Raises ValueError for a name that no leaf stands at or below, TypeError for a choice of another kind.
    """
    if isinstance(where, AllBut):
        return [not yes for yes in chosen(where.names, tree, missing=missing)]
    if callable(where):
        return [bool(where(path, leaf)) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    if not (isinstance(where, tuple) and all(isinstance(name, str) for name in where)):
        what = "a function (path, leaf) -> bool or a tuple of names"
        raise TypeError(needed("where", what, repr(where), f"({where!r},)"))
    if not missing:
        _check_names(where, tree)
    return [any(at_or_below(name, leaf) for name in where) for leaf in leaf_names(tree)]


def _check_names(names: tuple[str, ...], tree: PyTree) -> None:
    # A leaf that another rule took out of the tree is None in it: its name is still a name.
    places = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda node: node is None)
    there = [name_of(path) for path, _ in places]
    for name in names if there else ():
        if not any(at_or_below(name, leaf) for leaf in there):
            raise ValueError(f"no leaf at or below {name!r}; {nearest_first(name, there)}")


def only(keep: list[bool], tree: PyTree) -> PyTree:
    """``tree`` with None, an empty tree to JAX, for every leaf that is not to be kept."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef.unflatten([leaf if kept else None for kept, leaf in zip(keep, leaves, strict=True)])


def fill(first: PyTree, second: PyTree) -> PyTree:
    """``first`` with its None filled from ``second``."""
    return jax.tree.map(lambda a, b: b if a is None else a, first, second, is_leaf=lambda node: node is None)


def per_leaf(rule: Any, tree: PyTree) -> list[Any]:
    """``rule`` as it stands for each leaf of ``tree``: every ``OnLeaves`` in it becomes one of its two numbers."""
    nodes, treedef = jax.tree.flatten(rule, is_leaf=_is_on_leaves)
    count = len(jax.tree.leaves(tree))
    if not any(map(_is_on_leaves, nodes)):
        return [rule] * count
    columns = [
        [node.value if yes else node.otherwise for yes in chosen(node.where, tree)]
        if _is_on_leaves(node)
        else [node] * count
        for node in nodes
    ]
    return [treedef.unflatten(row) for row in zip(*columns, strict=True)]


def _is_on_leaves(node):
    return isinstance(node, OnLeaves)

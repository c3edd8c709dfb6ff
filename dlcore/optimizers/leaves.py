"""Which leaves of a parameter tree a rule or one of its hyperparameters is for.

A choice is a function ``mask(path, leaf) -> bool`` of the keys that lead to a leaf, or a tuple of names: "layers[0]"
names all leaves below it, "layers[0].bias" one of them; or ``AllBut`` such a tuple.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from dlcore.contracts import Array, PyTree, Scalar
from dlcore.pytrees import hyperparams, nearest, static
from dlcore.regularizers import weights_only


@hyperparams
class AllBut:
    """All leaves but those at or below ``names``: ``Frozen(Adam(), AllBut(("[2]",)))`` trains one layer."""

    names: tuple[str, ...] = static()


Choice: TypeAlias = Callable[[tuple[Any, ...], Array], bool] | tuple[str, ...] | AllBut


@hyperparams
class OnLeaves:
    """A hyperparameter that is ``value`` on the leaves that ``where`` chooses, and ``otherwise`` on all others.

    ``AdamW(weight_decay=OnLeaves(1e-4))`` spares biases and scales; ``SGD(OnLeaves(1e-3, 1e-1, where=("body",)))``
    trains the body more slowly than the rest.
    """

    value: Scalar
    otherwise: Scalar = 0.0
    where: Choice = static(default=weights_only, kw_only=True)


def _name_of(path: tuple[Any, ...]) -> str:
    """The name of a place in a tree, "layers[0].bias", from the keys that lead there."""
    return "".join(_step(key) for key in path).removeprefix(".")


def _step(key):
    if isinstance(key, (jax.tree_util.SequenceKey, jax.tree_util.FlattenedIndexKey)):
        return f"[{key.idx if isinstance(key, jax.tree_util.SequenceKey) else key.key}]"
    return f".{getattr(key, 'name', getattr(key, 'key', key))}"


def _chosen(where: Choice, tree: PyTree) -> list[bool]:
    """For every leaf of ``tree``, in their order, whether ``where`` chooses it.

    Raises ValueError for a name that no leaf stands at or below, TypeError for a choice of another kind.
    """
    if isinstance(where, AllBut):
        return [not chosen for chosen in _chosen(where.names, tree)]
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    if callable(where):
        return [bool(where(path, leaf)) for path, leaf in leaves]
    if not (isinstance(where, tuple) and all(isinstance(name, str) for name in where)):
        raise TypeError(
            f"where: needed a function (path, leaf) -> bool or a tuple of names, got {where!r}; try ({where!r},)"
        )
    # A leaf that another rule took out of the tree is None in it: its name is still a name.
    everything = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda node: node is None)
    names = [_name_of(path) for path, _ in everything]
    for name in where if names else ():
        if not any(_below(name, leaf) for leaf in names):
            raise ValueError(
                f"no leaf at or below {name!r}; nearest first, there are: {', '.join(nearest(name, names))}"
            )
    return [any(_below(name, _name_of(path)) for name in where) for path, _ in leaves]


def _below(name, leaf):
    return leaf == name or leaf.startswith((f"{name}.", f"{name}["))


def _only(keep: list[bool], tree: PyTree) -> PyTree:
    """``tree`` with None, an empty tree to JAX, for every leaf that is not to be kept."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef.unflatten([leaf if kept else None for kept, leaf in zip(keep, leaves, strict=True)])


def _fill(first: PyTree, second: PyTree) -> PyTree:
    """``first`` with its None filled from ``second``."""
    return jax.tree.map(lambda a, b: b if a is None else a, first, second, is_leaf=lambda node: node is None)


def _per_leaf(rule: Any, tree: PyTree) -> list[Any]:
    """``rule`` as it stands for each leaf of ``tree``: every ``OnLeaves`` in it becomes one of its two numbers."""
    nodes, treedef = jax.tree.flatten(rule, is_leaf=_is_on_leaves)
    count = len(jax.tree.leaves(tree))
    if not any(map(_is_on_leaves, nodes)):
        return [rule] * count
    columns = [
        [node.value if yes else node.otherwise for yes in _chosen(node.where, tree)]
        if _is_on_leaves(node)
        else [node] * count
        for node in nodes
    ]
    return [treedef.unflatten(row) for row in zip(*columns, strict=True)]


def _is_on_leaves(node):
    return isinstance(node, OnLeaves)

"""Every place in a tree has a name: its path, ``optimizer.learning_rate.initial`` or ``model.layers[2].rate``.

With ``[*]`` for a number, ``model.layers[*].rate``, a path names that place in every layer that has it.
"""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, TypeVar

import jax

T = TypeVar("T")
EVERY = "[*]"  # in a path: every place of a list, or a tuple


def children(node: Any) -> dict[str, Any]:
    """What stands directly below ``node``, static choices included, by the step that leads there."""
    if isinstance(node, jax.tree_util.Partial):
        return {f".{name}": value for name, value in node.keywords.items()}
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return {f".{f.name}": getattr(node, f.name) for f in dataclasses.fields(node)}
    if isinstance(node, tuple) and (names := getattr(node, "_fields", ())):
        return {f".{name}": value for name, value in zip(names, node, strict=True)}
    if isinstance(node, dict):
        return {f".{key}": value for key, value in node.items()}
    if isinstance(node, (tuple, list)):
        return {f"[{i}]": value for i, value in enumerate(node)}
    return {}


def _rebuilt(node, step, value):
    values = {key: value if key == step else old for key, old in children(node).items()}
    if isinstance(node, jax.tree_util.Partial):
        return jax.tree_util.Partial(node.func, *node.args, **dict(zip(node.keywords, values.values(), strict=True)))
    if isinstance(node, dict):
        return type(node)(zip(node, values.values(), strict=True))
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return dataclasses.replace(node, **{step.removeprefix("."): value})
    kind: Any = type(node)
    return kind(*values.values()) if hasattr(node, "_fields") else kind(values.values())


def paths(tree: Any) -> dict[str, Any]:
    """Every place of ``tree`` that holds a value, by its path: numbers and static choices alike."""

    def walk(prefix, node):
        below = children(node)
        if not below:
            yield prefix.removeprefix("."), node
        for step, value in below.items():
            yield from walk(prefix + step, value)

    return dict(walk("", tree))


def name_of(path: tuple[Any, ...]) -> str:
    """The name of a place in a tree, "layers[0].bias", from the keys that lead there."""
    return "".join(map(_step, path)).removeprefix(".")


def leaf_names(tree: Any) -> list[str]:
    """The path of every leaf, in the order of ``jax.tree.leaves``; "" where ``tree`` itself is the leaf."""
    return [name_of(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def at_or_below(name: str, leaf: str) -> bool:
    """Whether the place ``leaf`` is ``name`` or stands below it."""
    return leaf == name or leaf.startswith((f"{name}.", f"{name}["))


def _step(key: Any) -> str:
    if isinstance(key, jax.tree_util.SequenceKey):
        return f"[{key.idx}]"
    if isinstance(key, jax.tree_util.FlattenedIndexKey):
        return f"[{key.key}]"
    return f".{getattr(key, 'name', getattr(key, 'key', key))}"


def _find(node: Any, path: str) -> list[tuple[Any, str]] | None:
    """The nodes on the way to ``path`` below ``node``, each with the step that is taken there; None for no such place.

    A key may itself have dots or brackets: every step that ``path`` begins with is tried.
    """
    if not path:
        return []
    for step, below in children(node).items():
        rest = path.removeprefix(step)
        if at_or_below(step, path) and (way := _find(below, rest)) is not None:
            return [(node, step), *way]
    return None


def _begun(path: str) -> str:
    return path if path.startswith("[") or not path else f".{path}"


def _way(tree: Any, path: str) -> list[tuple[Any, str]]:
    way = _find(tree, _begun(path))
    if way is None:
        raise ValueError(f"no hyperparameter at {path!r}; {nearest_first(path, paths(tree))}")
    return way


def places(tree: Any, path: str) -> list[str]:
    """The paths of the places that ``path`` names: several with a ``[*]``, none where there is no such place."""
    if _find(tree, _begun(path)) is not None:
        return [path]
    before, every, after = path.partition(EVERY)
    if not every or _find(tree, _begun(before)) is None:
        return []
    steps = [step for step in children(get(tree, before)) if step.startswith("[")]
    return [place for step in steps for place in places(tree, f"{before}{step}{after}")]


def get(tree: Any, path: str) -> Any:
    """The value at ``path``, of several the first; raises ValueError with the paths there are, nearest first."""
    place, *_ = places(tree, path) or [path]
    way = _way(tree, place)
    return children(way[-1][0])[way[-1][1]] if way else tree


def replace(tree: T, path: str, value: Any) -> T:
    """``tree`` with ``value`` at ``path``, of several at each; raises ValueError as ``get`` does."""
    made: Any = tree
    for place in places(tree, path) or [path]:
        new = value
        for node, step in reversed(_way(made, place)):
            new = _rebuilt(node, step, new)
        made = new
    return made


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """``words``, those most like ``word`` first."""
    return sorted(words, key=lambda w: -difflib.SequenceMatcher(None, word, w).ratio())


def nearest_first(word: str, words: Iterable[str], most: int = 12) -> str:
    """What an error says of the ``words`` there are, of which ``word`` is none: at ``most`` so many by their names."""
    there = nearest(word, words)
    more = f" and {len(there) - most} more" if len(there) > most else ""
    return f"nearest first, there are: {', '.join(there[:most])}{more}"

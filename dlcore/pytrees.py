"""Hyperparameters as pytrees: numbers are leaves, code and shapes are static, and every place has a name.

The name of a place is its path from the root, ``optimizer.learning_rate.initial`` or ``model.layers[2].rate``.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np
from jax.core import Tracer

T = TypeVar("T")


def static(*, default: Any = dataclasses.MISSING, kw_only: bool = False) -> Any:
    """Mark a field of a ``hyperparams`` class that selects code or shapes: a change of it compiles anew."""
    return dataclasses.field(default=default, metadata={"static": True}, kw_only=kw_only)


def is_code(value: Any) -> bool:
    """Whether ``value`` is a plain function: it selects code, so it is static wherever it stands."""
    return callable(value) and jax.tree_util.all_leaves([value])


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(static, dataclasses.field))
def hyperparams(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen dataclass and a pytree whose leaves are its numbers.

    Fields made with ``static`` and fields that hold a plain function belong to the tree's structure.
    Two objects are equal when their structures are and all their numbers are.
    """
    made: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    fixed = {f.name for f in dataclasses.fields(made) if f.metadata.get("static")}
    names = [f.name for f in dataclasses.fields(made)]

    def split(node):
        code = tuple((n, getattr(node, n)) for n in names if n in fixed or is_code(getattr(node, n)))
        skip = {n for n, _ in code}
        return [n for n in names if n not in skip], code

    def flatten(node):
        data, code = split(node)
        return [getattr(node, n) for n in data], (tuple(data), code)

    def flatten_with_keys(node):
        data, code = split(node)
        return [(jax.tree_util.GetAttrKey(n), getattr(node, n)) for n in data], (tuple(data), code)

    def unflatten(structure, values):
        data, code = structure
        node = object.__new__(made)  # JAX also fills trees with markers that are no numbers: nothing may check them
        for name, value in (*code, *zip(data, values, strict=True)):
            object.__setattr__(node, name, value)
        return node

    jax.tree_util.register_pytree_with_keys(made, flatten_with_keys, unflatten, flatten)
    for name, method in {"__eq__": _equal, "__hash__": _hash, "__repr__": _repr}.items():
        if name not in made.__dict__:
            setattr(made, name, method)
    return made


def _equal(self, other) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    a, a_structure = jax.tree.flatten(self)
    b, b_structure = jax.tree.flatten(other)
    return a_structure == b_structure and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def _hash(self) -> int:
    leaves, structure = jax.tree.flatten(self)
    return hash((structure, tuple(np.asarray(x).tobytes() for x in leaves)))


def _repr(self) -> str:
    shown = [
        f"{f.name}={_short(getattr(self, f.name))}"
        for f in dataclasses.fields(self)
        if not _is_default(f, getattr(self, f.name))
    ]
    return f"{type(self).__name__}({', '.join(shown)})"


def _is_default(field: dataclasses.Field, value: Any) -> bool:
    if isinstance(value, Tracer) or field.default is dataclasses.MISSING:
        return False
    return type(value) is type(field.default) and bool(np.all(value == field.default))


def _short(value: Any) -> str:
    if is_code(value):
        return getattr(value, "__name__", repr(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))}{',' * (len(value) == 1)})"
    if isinstance(value, (jax.Array, np.ndarray)) and not isinstance(value, Tracer):
        return f"{value.item():.6g}" if value.size == 1 else f"{value.dtype}{list(value.shape)}"
    return repr(value)


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
    name = step.strip(".[]")
    if isinstance(node, jax.tree_util.Partial):
        return jax.tree_util.Partial(node.func, *node.args, **(node.keywords | {name: value}))
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return dataclasses.replace(node, **{name: value})
    if isinstance(node, dict):
        return node | {name: value}
    values = [value if key == step else old for key, old in children(node).items()]
    kind: Any = type(node)
    return kind(*values) if hasattr(node, "_fields") else kind(values)


def paths(tree: Any) -> dict[str, Any]:
    """Every place of ``tree`` that holds a value, by its path: numbers and static choices alike."""

    def walk(prefix, node):
        below = children(node)
        if not below:
            yield prefix.removeprefix("."), node
        for step, value in below.items():
            yield from walk(prefix + step, value)

    return dict(walk("", tree))


def leaf_names(tree: Any) -> list[str]:
    """The path of every leaf, in the order of ``jax.tree.leaves``; "" where ``tree`` itself is the leaf."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return ["".join(map(_step, path)).removeprefix(".") for path, _ in flat]


def _step(key: Any) -> str:
    if isinstance(key, jax.tree_util.SequenceKey):
        return f"[{key.idx}]"
    if isinstance(key, jax.tree_util.FlattenedIndexKey):
        return f"[{key.key}]"
    return f".{key.name}" if isinstance(key, jax.tree_util.GetAttrKey) else f".{key.key}"


def _steps(path: str) -> list[str]:
    return re.findall(r"\[\d+\]|\.[^.\[\]]+", path if path.startswith("[") else f".{path}")


def get(tree: Any, path: str) -> Any:
    """The value at ``path``; raises ValueError with the paths there are, nearest first."""
    node = tree
    for step in _steps(path):
        below = children(node)
        if step not in below:
            raise _unknown(tree, path)
        node = below[step]
    return node


def replace(tree: T, path: str, value: Any) -> T:
    """``tree`` with ``value`` at ``path``; raises ValueError with the paths there are, nearest first."""

    def put(node: Any, steps: list[str]) -> Any:
        if not steps:
            return value
        below = children(node)
        if steps[0] not in below:
            raise _unknown(tree, path)
        return _rebuilt(node, steps[0], put(below[steps[0]], steps[1:]))

    return put(tree, _steps(path))


def _unknown(tree: Any, path: str) -> ValueError:
    there = nearest(path, paths(tree))
    return ValueError(f"no hyperparameter at {path!r}; nearest first, there are: {', '.join(there)}")


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """``words``, those most like ``word`` first."""
    return sorted(words, key=lambda w: -difflib.SequenceMatcher(None, word, w).ratio())

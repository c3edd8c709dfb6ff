"""Spaces of setups: lists of assignments, each a dictionary from the path of a place in the setup to its value."""

import dataclasses
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import tree
from dlcore.numerics.errors import needed
from dlcore.training import Setup, as_arrays, check_setup
from dlcore.tree.names import EVERY, get, places, replace

T = TypeVar("T")
Assignment = dict[str, Any]


class Space(list[Assignment]):
    """A list of assignments; ``a | b`` has those of both, each once."""

    def __or__(self, other: Iterable[Assignment]) -> "Space":
        return Space({identity(assignment): assignment for assignment in [*self, *other]}.values())


def grid(axes: Mapping[str, Iterable[Any]]) -> Space:
    """Every combination of the values of ``axes``, a list by path; the last path varies fastest.

    Numbers may be those of Python, NumPy or JAX. Raises TypeError for what is no list of values, and ValueError for an
    empty one or one that has a value twice.

    >>> from dlcore import grid
    >>> space = grid({"optimizer.learning_rate": [1e-3, 1e-2], "epochs": [10, 20]})
    >>> len(space), space[0]
    (4, {'optimizer.learning_rate': 0.001, 'epochs': 10})
    """
    lists = {path: _values(path, values) for path, values in axes.items()}
    return Space(dict(zip(lists, values, strict=True)) for values in product(*lists.values()))


def _values(path, values):
    one = isinstance(values, (str, Mapping)) or not isinstance(values, Iterable)
    if one or (isinstance(values, (np.ndarray, jax.Array)) and values.ndim == 0):
        raise TypeError(needed(f"grid: {path}", "a list of values", repr(values), f"[{values!r}]"))
    found = [plain(value) for value in values]
    if not found:
        raise ValueError(needed(f"grid: {path}", "at least one value", "an empty list", "to leave the path out"))
    seen: set[Hashable] = set()
    for value in found:
        if identity(value) in seen:
            raise ValueError(needed(f"grid: {path}", "every value once", f"{value!r} twice", "to drop one"))
        seen.add(identity(value))
    return found


def plain(value: Any) -> Any:
    """A number of NumPy or JAX as one of Python; anything else as it is."""
    return np.asarray(value).item() if _is_numeric(value) and np.shape(value) == () else value


def identity(value: Any) -> Hashable:
    """What two values have in common when they are the same: structure and numbers, arrays and their order included."""
    leaves, structure = jax.tree.flatten(value)
    return structure, tuple(map(_identity, leaves))


def _identity(leaf):
    if _is_numeric(leaf):
        return np.shape(leaf), (np.asarray(leaf, np.float64) + 0.0).tobytes()  # + 0.0: -0 is 0
    return leaf if isinstance(leaf, Hashable) else id(leaf)


def _is_numeric(leaf):
    dtype = np.dtype(type(leaf)) if isinstance(leaf, (bool, int, float)) else getattr(leaf, "dtype", None)
    return dtype is not None and (jnp.issubdtype(dtype, jnp.number) or dtype == np.bool_)


def assign(setup: T, assignment: Mapping[str, Any]) -> T:
    """``setup`` with every value of ``assignment`` at its path; raises ValueError for a path that does not exist.

    A path below another one is put in after it: a new optimizer, then its learning rate. ``model.layers[*].rate`` is
    that place in every layer that has it, and one of them may still have a value of its own.
    """
    for path in sorted(assignment, key=lambda path: (path.count(".") + path.count("["), EVERY not in path)):
        get(setup, path)
        setup = replace(setup, path, assignment[path])
    return setup


def setups_of(setup: Setup, space: Sequence[Assignment], data: Any) -> list[Setup]:
    """The setups of ``space``, ready for ``data``: checked, and with arrays for numbers.

    ``data`` are arrays. Raises ValueError or TypeError for the first that cannot be trained on them, before anything is
    compiled.
    """
    setups = [assign(setup, assignment) for assignment in space]
    known = set()
    for one in setups:
        leaves, structure = jax.tree.flatten(one)
        kind = structure, tuple(map(np.shape, leaves))
        tree.check_ranges(one) if kind in known else check_setup(one, data)  # a structure meets the data once
        known.add(kind)
    return [as_arrays(one) for one in setups]


def axes_of(assignments: Iterable[Assignment]) -> dict[str, list[Any]]:
    """The different values of every path, in the order of their first appearance."""
    axes: dict[str, dict[Hashable, Any]] = {}
    for assignment in assignments:
        for path, value in assignment.items():
            axes.setdefault(path, {}).setdefault(identity(value), plain(value))
    return {path: list(values.values()) for path, values in axes.items()}


def range_of(setup: Any, path: str) -> tree.Range | None:
    """The range that the field at ``path`` of ``setup`` declares, or that of the place of what stands in for it."""
    node: Any = setup
    declared = None
    place, *_ = places(setup, path) or [path]
    for step in re.findall(r"\[\d+\]|[^.\[\]]+", place):
        is_class = dataclasses.is_dataclass(node) and not isinstance(node, type)
        metadata = {f.name: f.metadata for f in dataclasses.fields(node)}.get(step, {}) if is_class else {}
        declared = (metadata["range"] or declared) if "range" in metadata else None
        below = tree.children(node)
        node = below.get(step, below.get(f".{step}"))
    return declared

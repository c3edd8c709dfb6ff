"""Hyperparameters as pytrees: numbers are leaves, code and shapes are static."""

import dataclasses
import math
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.ranges import Range

T = TypeVar("T")


class StandIn:
    """What stands where a number is declared and becomes one: a schedule, a number for some leaves and one for others.

    Its own fields made with ``stand_in`` hold numbers of the range of the place where it stands.
    """


def number(
    default: Any = dataclasses.MISSING,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    log: bool = False,
    whole: bool = False,
    many: bool = False,
    kw_only: bool = False,
) -> Any:
    """Declare a field of a ``hyperparams`` class as a number with its ``Range``, or ``many`` of them in a tuple.

    One walk, ``check_ranges``, reads it. A method ``conditions`` may say what numbers of several fields must fulfil
    together: what is needed, in words, and whether it holds.
    """
    metadata = {"range": Range(low, high, above, below, log, whole), "many": many}
    return dataclasses.field(default=default, metadata=metadata, kw_only=kw_only)


def stand_in(default: Any = dataclasses.MISSING, *, many: bool = False, kw_only: bool = False) -> Any:
    """Declare a field of a ``StandIn`` as a number, or another stand-in, of the range of the place where it stands."""
    return dataclasses.field(default=default, metadata={"range": None, "many": many}, kw_only=kw_only)


def static(
    *,
    default: Any = dataclasses.MISSING,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
    kw_only: bool = False,
) -> Any:
    """Mark a field of a ``hyperparams`` class that selects code or shapes: a change of it compiles anew.

    With bounds, or ``whole``, it is a number, such as a count, or a tuple of them.
    """
    allowed = Range(low, high, whole=whole)
    ranged = {} if allowed == Range() else {"range": allowed, "many": True}
    return dataclasses.field(default=default, metadata={"static": True, **ranged}, kw_only=kw_only)


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
        f"{f.name}={short(getattr(self, f.name))}"
        for f in dataclasses.fields(self)
        if not _is_default(f, getattr(self, f.name))
    ]
    return f"{type(self).__name__}({', '.join(shown)})"


def _is_default(field: dataclasses.Field, value: Any) -> bool:
    if isinstance(value, Tracer) or field.default is dataclasses.MISSING:
        return False
    return type(value) is type(field.default) and bool(np.all(value == field.default))


def short(value: Any) -> str:
    """``value`` as it is written, arrays by their type and shape."""
    if is_code(value):
        return getattr(value, "__name__", repr(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))}{',' * (len(value) == 1)})"
    if isinstance(value, (jax.Array, np.ndarray)) and not isinstance(value, Tracer):
        one = value.size == 1 and jnp.issubdtype(value.dtype, jnp.number)
        return f"{value.item():.6g}" if one else f"{value.dtype}{list(value.shape)}"
    return repr(value)

"""The one walk that checks the numbers of a tree of hyperparameters against the ranges that their fields declare."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.errors import needed
from dlcore.tree.fields import Range, StandIn, short
from dlcore.tree.names import children, get


def check_ranges(tree: Any, path: str = "") -> None:
    """Check every number of ``tree``, Python's, NumPy's and JAX's alike, NaN included; traced ones are data and pass.

    Raises ValueError for a number that its field's ``Range`` does not hold and for numbers that do not go together,
    TypeError for what is no number where one is declared.
    """
    _walk(tree, path, Range())


def numbers_at(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The numbers, each with its own path, that stand at ``path``: one, or those of what stands in for it."""
    yield from _standing(path, get(tree, path))


def _standing(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, (StandIn, tuple)):
        yield path, value
        return
    below = children(value)
    if isinstance(value, StandIn) and dataclasses.is_dataclass(value):
        below = {
            f".{f.name}": below[f".{f.name}"] for f in dataclasses.fields(value) if f.metadata.get("range", f) is None
        }
    for step, node in below.items():
        yield from _standing(path + step, node)


def _walk(node: Any, path: str, allowed: Range) -> None:
    """Check what stands below ``node``, which itself stands where numbers are ``allowed``."""
    fields = {}
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = {f".{f.name}": f for f in dataclasses.fields(node) if "range" in f.metadata}
    for step, value in children(node).items():
        place = (path + step).removeprefix(".")
        if step not in fields:
            _walk(value, place, Range())
            continue
        here = fields[step].metadata["range"] or allowed
        for below, number in _numbers(value, fields[step]):
            if isinstance(number, StandIn):
                _walk(number, place + below, here)
            else:
                _check_number(place + below, number, here, fields[step])
    if hasattr(node, "conditions") and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(node)):
        _check_together(node, path)


def _numbers(value: Any, field: dataclasses.Field) -> Iterator[tuple[str, Any]]:
    if value is None and "None" in str(field.type):
        return
    if field.metadata.get("many") and isinstance(value, tuple):
        yield from children(value).items()
    else:
        yield "", value


def _check_number(place: str, value: Any, allowed: Range, field: dataclasses.Field) -> None:
    if isinstance(value, Tracer):
        return
    hint = "one of these" if field.default is dataclasses.MISSING else f"the default, {short(field.default)}"
    dtype = np.result_type(value) if isinstance(value, (bool, int, float)) else getattr(value, "dtype", None)
    if dtype is None or not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)):
        raise TypeError(needed(place, str(allowed), short(value), hint))
    counts = field.metadata.get("static") and allowed.whole  # a size of arrays: 2.0 is none
    if counts and not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(needed(place, str(allowed), short(value), hint))
    outside = np.asarray(value)[~allowed.holds(value)]
    if outside.size:
        raise ValueError(needed(place, str(allowed), outside.flat[0], hint))


def _check_together(node: Any, path: str) -> None:
    for what, holds in node.conditions().items():
        if not np.all(holds):
            raise ValueError(needed(path or type(node).__name__, what, short(node), "others"))

"""Setups as plain dictionaries for JSON, and back: names and numbers only, nothing is executed when one is read."""

import dataclasses
import importlib
from typing import Any

import jax
import numpy as np

from dlcore.pytrees import is_code


def to_config(node: Any) -> Any:
    """``node`` in dictionaries, lists, strings and numbers.

    Raises TypeError for a function without a name of its own, such as a lambda: it could not be found again.
    """
    if node is None or isinstance(node, (bool, int, str)):
        return node
    if isinstance(node, float):
        return node if np.isfinite(node) else {"$float": str(node)}
    if isinstance(node, jax.tree_util.Partial):
        return {"$partial": _name(node.func), **{k: to_config(v) for k, v in node.keywords.items()}}
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = {f.name: to_config(getattr(node, f.name)) for f in dataclasses.fields(node)}
        return {"$type": _name(type(node)), **fields}
    if is_code(node):
        return {"$function": _name(node)}
    if isinstance(node, (tuple, list)):
        return [to_config(item) for item in node]
    if isinstance(node, dict):
        return {"$dict": {key: to_config(value) for key, value in node.items()}}
    array = np.asarray(node)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"to_config: needed numbers, functions and hyperparameters, got {type(node).__name__}")
    return {"$array": array.tolist(), "dtype": str(array.dtype)}


def from_config(config: Any, trusted: tuple[str, ...] = ("dlcore",)) -> Any:
    """What ``to_config`` was given; lists become tuples.

    Raises ValueError for a name that does not exist or whose package is not in ``trusted``: a file must not choose
    what is imported.
    """
    if isinstance(config, list):
        return tuple(from_config(item, trusted) for item in config)
    if not isinstance(config, dict):
        return config
    inner = {key: from_config(value, trusted) for key, value in config.items() if key not in _MARKS}
    if "$type" in config:
        return _find(config["$type"], trusted)(**inner)
    if "$partial" in config:
        return jax.tree_util.Partial(_find(config["$partial"], trusted), **inner)
    if "$function" in config:
        return _find(config["$function"], trusted)
    if "$array" in config:
        return np.asarray(config["$array"], config["dtype"])
    if "$float" in config:
        return float(config["$float"])
    return {key: from_config(value, trusted) for key, value in config["$dict"].items()}


_MARKS = ("$type", "$partial")


def _name(thing):
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    if not module or not name or "<" in name:
        raise TypeError(f"to_config: needed a function with a name, got {thing!r}; try def instead of lambda")
    return f"{module}.{name}"


def _find(name, trusted):
    if name.split(".")[0] not in trusted:
        raise ValueError(
            f"from_config: {name!r} is not of {', '.join(trusted)}; try trusted={(*trusted, name.split('.')[0])}"
        )
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"from_config: there is no {name!r}; was it written by another version?") from error

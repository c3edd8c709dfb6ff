"""Setups as plain dictionaries for JSON, and back: public names and numbers, nothing is executed when one is read.

What is saved of a class or function is its public name, "optimizers.Adam": its package below ``dlcore`` and its name in
that package's ``__all__``, never a file. Moving code from one file or room to another leaves saved setups as they are.
"""

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.tree.fields import is_code

FORMAT = 2  # 1 named files, "dlcore.optimizers.adam.Adam", and had no version
PACKAGES = (
    *("activations", "losses", "initializers", "regularizers", "schedules", "optimizers", "layers", "classics"),
    *("probability", "solvers", "training", "tuning", "data", "interop.optax", "interop.flax", "interop.sklearn"),
)
# The one table of what had another name: a thing by its room and name, a field by its class.
RENAMED = {
    "initializers.Constant": "initializers.constant",
    "initializers.Normal": "initializers.normal",
    "initializers.Uniform": "initializers.uniform",
    **{f"regularizers.{penalty}.mask": "where" for penalty in ("L1", "L2", "ElasticNet", "MaxNorm")},
    "models.perceptron": "classics.perceptron",
    "optimizers.Accumulate": "optimizers.MultiSteps",
    "optimizers.Averaged": "optimizers.EMA",
    "optimizers.GradientMomentum": "optimizers.SGDMomentum",
    "optimizers.GradientNesterov": "optimizers.SGDNesterov",
    "optimizers.MultiSteps.steps": "every",
}


def to_config(tree: Any) -> dict[str, Any]:
    """``tree`` in dictionaries, lists, strings and numbers, with the version of their format.

    Raises TypeError for what could not be found again, such as a lambda.
    """
    plain = _plain(tree)
    return {"$format": FORMAT, **(plain if isinstance(plain, dict) else {"$value": plain})}


def from_config(config: Any, trusted: tuple[str, ...] = ()) -> Any:
    """What ``to_config`` was given; lists become tuples. Reads what earlier versions saved, too.

    Raises ValueError for a name that is not public in dlcore, unless its package is in ``trusted``: a file must not
    choose what is imported.
    """
    version = config.get("$format", 1) if isinstance(config, dict) else 1
    if version not in (1, FORMAT):
        raise ValueError(needed("from_config", f"format 1 or {FORMAT}", version, "the dlcore that wrote it"))
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key != "$format"}
    return _made(config, trusted)


def configured(config: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers and names of a saved form: (path, value), lists of numbers whole."""
    if isinstance(config, dict):
        for key, value in config.items():
            where = path if key.startswith("$") else f"{path}.{key}" if path else key
            yield from configured(value, where)
    elif isinstance(config, list) and any(isinstance(item, (dict, list)) for item in config):
        for i, item in enumerate(config):
            yield from configured(item, f"{path}[{i}]")
    elif path:
        yield path, config


def packages_of(config: Any) -> tuple[str, ...]:
    """The packages outside of dlcore that a saved form names: for who wrote it, to trust them."""
    if isinstance(config, list):
        return tuple(sorted({package for item in config for package in packages_of(item)}))
    if not isinstance(config, dict):
        return ()
    names = [config[key] for key in ("$type", "$partial", "$function") if key in config]
    outside = {name.split(".")[0] for name in names if name.rpartition(".")[0] not in PACKAGES}
    return tuple(sorted(outside.union(packages_of(list(config.values())))))


def public_name(thing: Any) -> str:
    """The public name of a class or function, "optimizers.Adam"; outside dlcore its module and name.

    Raises TypeError for one without a name of its own, such as a lambda, or that dlcore does not make public.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    if not module or not name or "<" in name:
        raise TypeError(needed("to_config", "a function with a name", repr(thing), "def instead of lambda"))
    if module.split(".")[0] != "dlcore":
        return f"{module}.{name}"
    for package in _packages(module.removeprefix("dlcore.")):
        names = [n for n, there in _public(package).items() if there is thing]
        if names:
            return f"{package}.{name if name in names else names[0]}"
    raise TypeError(needed("to_config", "what dlcore makes public", f"{module}.{name}"))


def _public(package: str) -> dict[str, Any]:
    """What ``__all__`` of a package below dlcore names, by name."""
    module = importlib.import_module(f"dlcore.{package}")
    return {name: getattr(module, name) for name in getattr(module, "__all__", ())}


def _packages(place: str) -> list[str]:
    """All public packages, that of the module ``place`` first; those of other libraries only where these are in use."""
    at_home = {package: f"{place}.".startswith(f"{package}.") for package in PACKAGES}
    used = [p for p in PACKAGES if at_home[p] or not p.startswith("interop.") or f"dlcore.{p}" in sys.modules]
    return sorted(used, key=lambda package: not at_home[package])


def _plain(node: Any) -> Any:
    if node is None or isinstance(node, (bool, int, str)):
        return node
    if isinstance(node, float):
        return node if np.isfinite(node) else {"$float": str(node)}
    if isinstance(node, jax.tree_util.Partial):
        return {"$partial": public_name(node.func), **{k: _plain(v) for k, v in node.keywords.items()}}
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = {f.name: _plain(getattr(node, f.name)) for f in dataclasses.fields(node)}
        return {"$type": public_name(type(node)), **fields}
    if is_code(node):
        return {"$function": public_name(node)}
    if isinstance(node, (tuple, list)) and not hasattr(node, "_fields"):
        return [_plain(item) for item in node]
    if isinstance(node, dict) and all(isinstance(key, str) for key in node):
        return {"$dict": {key: _plain(value) for key, value in node.items()}}
    dtype = getattr(node, "dtype", None)
    if dtype is None or not (jnp.issubdtype(dtype, jnp.number) or jnp.issubdtype(dtype, jnp.bool_)):
        raise TypeError(needed("to_config", "numbers, functions and hyperparameters", type(node).__name__))
    return {"$array": _plain(np.asarray(node).tolist()), "dtype": str(dtype)}


def _made(config: Any, trusted: tuple[str, ...]) -> Any:
    if isinstance(config, list):
        return tuple(_made(item, trusted) for item in config)
    if not isinstance(config, dict):
        return config
    inner = {key: _made(value, trusted) for key, value in config.items() if not key.startswith("$")}
    match next((key for key in config if key.startswith("$")), None):
        case "$type":
            return _instance(config["$type"], inner, trusted)
        case "$partial":
            return jax.tree_util.Partial(_function(config["$partial"], trusted), **inner)
        case "$function":
            return _function(config["$function"], trusted)
        case "$array":
            return np.asarray(_made(config["$array"], trusted), jnp.dtype(inner["dtype"]))
        case "$float":
            return float(config["$float"])
        case "$value":
            return _made(config["$value"], trusted)
        case "$dict":
            return {key: _made(value, trusted) for key, value in config["$dict"].items()}
    raise ValueError(needed("from_config", "what to_config gives", f"a dictionary of {', '.join(config) or 'nothing'}"))


def _instance(name: str, fields: dict[str, Any], trusted: tuple[str, ...]) -> Any:
    kind: Any = _find(name, trusted)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise ValueError(needed("from_config", "a class of hyperparameters", repr(name)))
    now = public_name(kind)
    try:
        return kind(**{RENAMED.get(f"{now}.{field}", field): value for field, value in fields.items()})
    except TypeError as error:
        raise ValueError(f"from_config: {name!r}: {error}; was it written by another version?") from error


def _function(name, trusted):
    function = _find(name, trusted)
    if not is_code(function):
        raise ValueError(needed("from_config", "a function", repr(name)))
    return function


def _find(name, trusted):
    """The thing called ``name``: public in dlcore, or in a package that is trusted."""
    module, _, attribute = name.rpartition(".")
    root, place = name.split(".")[0], module.removeprefix("dlcore.")
    if root in trusted and root != "dlcore":
        return _outside(module, attribute)
    if root != "dlcore" and place not in PACKAGES:
        raise ValueError(needed("from_config", "a public name of dlcore", repr(name), f"trusted=({root!r},)"))
    renamed = RENAMED.get(f"{place.split('.')[0]}.{attribute}")
    place, _, attribute = (renamed or f"{place}.{attribute}").rpartition(".")
    things = {package: names[attribute] for package in _packages(place) if attribute in (names := _public(package))}
    at_home = [thing for package, thing in things.items() if f"{place}.".startswith(f"{package}.")]
    if not at_home and not renamed and len({id(thing) for thing in things.values()}) == 1:
        at_home = list(things.values())  # in another room now: it is clear where
    if not at_home:
        raise ValueError(f"from_config: there is no {name!r} in dlcore; was it written by another version?")
    return at_home[0]


def _outside(module, attribute):
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"from_config: there is no {module}.{attribute}: {error}") from error


_NAMES = ("$type", "$partial", "$function", "$array")


def differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, one, other) of every place in which two configurations differ."""
    if isinstance(a, dict) and isinstance(b, dict) and all(a.get(n) == b.get(n) for n in _NAMES):
        for step in [*a, *(set(b) - set(a))]:
            below = f"{path}.{step}".removeprefix(".").replace(".$dict", "")
            yield from differences(a.get(step), b.get(step), below)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, pair in enumerate(zip(a, b, strict=True)):
            yield from differences(*pair, f"{path}[{i}]")
    elif a != b:
        yield path, _said(a), _said(b)


def _said(value):
    if isinstance(value, dict):
        return next((str(value[n]) for n in _NAMES if n in value), str(value))
    return f"{len(value)} parts" if isinstance(value, list) else str(value)

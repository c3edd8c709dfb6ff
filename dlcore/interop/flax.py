"""Flax both ways: Linen and NNX modules as models of dlcore, and the parameters of dlcore's layers in Flax's names.

A module is static: what stands in it selects code, so that another number in it is another program. Modules compute as
they were written, under JAX's usual promotion of types.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx

from dlcore.layers import BatchNorm, Conv, Dense, Layer, LayerNorm, Residual, Sequential
from dlcore.numerics.formats import PyTree
from dlcore.tree.fields import hyperparams, static
from dlcore.tree.names import nearest

__all__ = ["LinenModule", "NNXModule", "from_flax", "from_linen", "from_nnx", "to_flax"]

NOT_TRAINING = ("deterministic", "use_running_average")  # arguments of Linen modules that are true in evaluation
TRAINING = ("train", "training", "is_training")


def from_linen(
    module: nn.Module, *, train_argument: str | None = None, rng_streams: tuple[str, ...] = ("dropout",)
) -> "LinenModule":
    """A Linen module as a layer: ``Setup(model=from_linen(CNN(features=32)), ...)``; its ``__call__`` takes a batch.

    The variables in "params" are parameters, all other collections, such as "batch_stats", are state. Whether it is
    trained is told through the arguments of ``__call__`` named "train", "training", "is_training", and, inverted,
    "deterministic" and "use_running_average"; ``train_argument`` names another one that is true in training.
    ``rng_streams`` are the random streams it draws from in training. Fields of the module are swept by their path,
    "model.module.features", a program each.

    Raises TypeError for what is no Linen module or holds lists, ValueError for an argument that it does not take.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"from_linen: needed a Linen module, got {type(module).__name__}; try from_nnx for NNX")
    try:
        hash(module)
    except TypeError as error:
        raise TypeError(
            f"from_linen: needed a module of hashable fields, got {type(module).__name__} with others; "
            "try tuples instead of lists and dictionaries"
        ) from error
    taken = tuple(inspect.signature(type(module).__call__).parameters)
    if train_argument is not None and train_argument not in taken:
        raise ValueError(
            f"train_argument: needed one of {', '.join(nearest(train_argument, taken[1:]))}, got {train_argument!r}"
        )
    return LinenModule(module, train_argument, rng_streams)


@hyperparams
class LinenModule(Layer):
    """A Linen module as a layer, see ``from_linen``."""

    module: nn.Module = static()
    train_argument: str | None = static(default=None)
    rng_streams: tuple[str, ...] = static(default=("dropout",))

    def init(self, key, input_shape):
        """(variables in "params", all other collections)."""
        streams = ("params", *self.rng_streams)
        x = jnp.zeros((1, *input_shape))
        with _usual_promotion():
            variables = dict(self.module.init(self._rngs(key, streams), x, **self._mode(train=False)))
        variables.pop("intermediates", None)  # what ``sow`` leaves is for people: no state of the next step
        return variables.pop("params", {}), variables

    def apply(self, params, state, x, *, key, train):
        """The module's output; in training the state that it leaves, in the types that it had."""
        variables = {"params": params, **state}
        rngs = self._rngs(key, self.rng_streams) if train and key is not None else None
        with _usual_promotion():
            if not train:
                return self.module.apply(variables, x, **self._mode(train=False)), state
            y, after = self.module.apply(variables, x, rngs=rngs, mutable=list(state), **self._mode(train=True))
        return y, _in_types_of(state, {name: after.get(name, state[name]) for name in state})

    def _mode(self, train: bool) -> dict[str, Any]:
        taken = inspect.signature(type(self.module).__call__).parameters
        names = [name for name in (*TRAINING, *NOT_TRAINING, self.train_argument) if name is not None and name in taken]
        return {name: train != (name in NOT_TRAINING) for name in names}

    @staticmethod
    def _rngs(key, streams):
        return {name: jax.random.fold_in(key, i) for i, name in enumerate(streams)}


def from_nnx(make: Callable[[nnx.Rngs], nnx.Module]) -> "NNXModule":
    """An NNX module as a layer, by the function that makes it: ``from_nnx(lambda rngs: CNN(32, rngs=rngs))``.

    Its ``nnx.Param`` are parameters, all other variables state, both as plain dictionaries; ``train()`` and ``eval()``
    of the module say whether it is trained. Random streams start anew from the key of each call.
    Raises TypeError where ``make`` is a module already: a layer must be able to make another one for another key.
    """
    if isinstance(make, nnx.Module) or not callable(make):
        raise TypeError(
            f"from_nnx: needed a function of nnx.Rngs that makes a module, got {type(make).__name__}; "
            "try lambda rngs: Model(rngs=rngs)"
        )
    return NNXModule(make)


@hyperparams
class NNXModule(Layer):
    """An NNX module as a layer, see ``from_nnx``."""

    make: Callable[[nnx.Rngs], nnx.Module] = static()

    def init(self, key, input_shape):
        """(``nnx.Param``, all other variables without the random streams), as dictionaries."""
        del input_shape
        with _usual_promotion():
            _, params, _, state = _split(self.make(nnx.Rngs(key)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def apply(self, params, state, x, *, key, train):
        """The module's output; in training the state that it leaves, in the types that it had."""
        with _usual_promotion():
            graph, *kinds = _split(nnx.eval_shape(lambda: self.make(nnx.Rngs(0))))
            values = (params, _streams(nnx.to_pure_dict(kinds[1]), key), state)
            for kind, value in zip(kinds, values, strict=True):
                nnx.replace_by_pure_dict(kind, value)
            module: Any = nnx.merge(graph, *kinds)
            module.train() if train else module.eval()
            y = module(x)
            nnx.pop(module, nnx.Intermediate)  # what ``sow`` leaves is for people: no state of the next step
            after = nnx.to_pure_dict(_split(module)[3])
        return y, _in_types_of(state, after) if train else state


def _split(module: nnx.Module) -> Any:
    return nnx.split(module, nnx.Param, nnx.RngState, ...)


def _streams(shapes: PyTree, key: Any) -> PyTree:
    """Counters at 0 and, in the order of the leaves, keys made from ``key``; a module in evaluation draws nothing."""
    key = jax.random.key(0) if key is None else key
    leaves, structure = jax.tree.flatten(shapes)
    is_key = [jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in leaves]
    made = [
        jax.random.split(jax.random.fold_in(key, i), leaf.shape) if of_key else jnp.zeros(leaf.shape, leaf.dtype)
        for i, (leaf, of_key) in enumerate(zip(leaves, is_key, strict=True))
    ]
    return jax.tree.unflatten(structure, made)


def to_flax(model: Layer, params: PyTree, state: PyTree = ()) -> dict[str, Any]:
    """{"params": {"Dense_0": ..., "BatchNorm_0": ...}, "batch_stats": ...} from those of ``model``.

    The names are those that a Linen module with ``nn.compact`` gives to the layers that it calls in the same order,
    parts of residual blocks included, the layers before their shortcut. "batch_stats" is there where ``model``
    normalizes over batches. Raises TypeError for a layer with parameters that Flax does not have.
    """
    places = _places(model)
    variables = {"params": {name: _at(params, path) for name, path, _ in places}}
    running = {name: _at(state, path) for name, path, layer in places if isinstance(layer, BatchNorm)}
    return variables | ({"batch_stats": running} if running else {})


def from_flax(model: Layer, variables: Any) -> tuple[PyTree, PyTree]:
    """(params, state) of ``model`` from the variables of a Linen module that names its layers as ``to_flax`` does.

    Raises ValueError where the module has other layers than ``model``, TypeError as ``to_flax`` does.
    """
    places = _places(model)
    given = {collection: dict(variables.get(collection, {})) for collection in ("params", "batch_stats")}
    needed = {name for name, _, _ in places}
    if needed != set(given["params"]):
        raise ValueError(
            f"from_flax: needed layers {', '.join(sorted(needed))}, got {', '.join(sorted(given['params']))}; "
            "try a model of the same layers in the same order"
        )
    params = {path: dict(given["params"][name]) for name, path, _ in places}
    state = {path: dict(given["batch_stats"][name]) for name, path, layer in places if isinstance(layer, BatchNorm)}
    return _filled(model, params), _filled(model, state)


def _places(model: Layer) -> list[tuple[str, tuple, Layer]]:
    """(Flax's name, path, layer) of every layer with parameters."""
    counts: dict[str, int] = {}
    places = []
    for path, layer in _layers(model, ()):
        if type(layer) in (Dense, Conv, BatchNorm, LayerNorm):
            kind = type(layer).__name__
            places.append((f"{kind}_{counts.setdefault(kind, 0)}", path, layer))
            counts[kind] += 1
        elif type(layer).init is not Layer.init:
            raise TypeError(
                f"needed Dense, Conv, BatchNorm, LayerNorm and layers without parameters, got {type(layer).__name__}"
            )
    return places


def _layers(model: Layer, path: tuple) -> Iterator[tuple[tuple, Layer]]:
    if isinstance(model, (Sequential, Residual)):
        for step, part in _parts(model):
            yield from _layers(part, (*path, step))
    else:
        yield path, model


def _parts(model: Sequential | Residual) -> list[tuple[Any, Layer]]:
    if isinstance(model, Sequential):
        return list(enumerate(model.layers))
    return [("layer", model.layer)] + ([] if model.shortcut is None else [("shortcut", model.shortcut)])


def _filled(model: Layer, values: dict[tuple, PyTree], path: tuple = ()) -> PyTree:
    """The tree of ``model`` with ``values`` by path and nothing elsewhere."""
    if not isinstance(model, (Sequential, Residual)):
        return values.get(path, {})
    parts = {step: _filled(part, values, (*path, step)) for step, part in _parts(model)}
    return tuple(parts.values()) if isinstance(model, Sequential) else parts


def _at(tree: PyTree, path: tuple) -> PyTree:
    for step in path:
        tree = tree[step]
    return tree


def _in_types_of(old: PyTree, new: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: b if a.dtype == b.dtype else b.astype(a.dtype), old, new)


@contextlib.contextmanager
def _usual_promotion() -> Iterator[None]:
    """Flax's layers were not written for strict promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield

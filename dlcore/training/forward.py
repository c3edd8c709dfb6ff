"""From a batch to the outputs of a model, and from outputs and labels to one value per example."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, at_least_f32, in_precision_of
from dlcore.training.setup import Setup


def outputs_of(
    setup: Setup, params: PyTree, model_state: PyTree, x: Array, *, key: Array | None, train: bool
) -> tuple[Array, PyTree]:
    """(outputs, model state) for x [n, ...]. Whole numbers, such as bytes of images, become floating ones here.

    A model that takes only whole numbers, as one that looks up tokens, gets them. With ``setup.compute_dtype`` its
    layers get parameters and inputs of that type; outputs and state have the types of parameters and state.
    """
    if setup.compute_dtype is None:
        return _applied(setup.model, params, model_state, x, key, train)
    narrow = partial(in_precision_of, jnp.dtype(setup.compute_dtype))
    found = _applied(setup.model, jax.tree.map(narrow, params), model_state, narrow(x), key, train)
    return jax.tree.map(lambda a, like: in_precision_of(like.dtype, a), found, (_like(params), model_state))


def _applied(model, params, model_state, x, key, train):
    def apply(x):
        return model.apply(params, model_state, x, key=key, train=train)

    return apply(x if jnp.issubdtype(x.dtype, jnp.inexact) else _taken(apply, x, precision_of(params)))


def _like(params):
    return jax.ShapeDtypeStruct((), precision_of(params))


def precision_of(params: PyTree) -> Any:
    """The floating type of parameters; the usual one where there are none."""
    floating = [leaf.dtype for leaf in jax.tree.leaves(params) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return floating[0] if floating else jnp.result_type(float)


def _taken(apply, x, dtype):
    floating = x.astype(dtype)
    try:
        jax.eval_shape(apply, floating)
    except (TypeError, ValueError) as refusal:
        try:
            jax.eval_shape(apply, x)
        except (TypeError, ValueError):
            raise refusal from None
        return x
    return floating


def per_example(name: str, f: Callable[[Array, Array], Array], outputs: Array, y: Array) -> Array:
    """``f(outputs, y)`` as one value per example [n], in at least float32; a value per labeled pixel by its mean.

    One output [n, 1] and labels [n], or the other way round, are brought to one shape unless ``f`` takes them as they
    are. Raises ValueError, with ``name``, where ``f`` gives anything else.
    """
    y = _beside(f, outputs, y)
    values = jnp.asarray(f(outputs, y))
    values = values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(at_least_f32(outputs.dtype))
    n, places = outputs.shape[0], y.shape
    values = values.astype(at_least_f32(values.dtype))
    if values.shape[:1] == (n,) and values.size == n:
        return values.reshape(n)
    if values.shape == places == outputs.shape[:-1]:
        return jnp.mean(values.reshape(n, -1), 1)
    got = f"{list(values.shape)} from outputs {list(outputs.shape)} and labels {list(places)}"
    hint = ".sum(-1) at its end" if values.shape[:1] == (n,) else "a function without a mean or sum over the examples"
    raise ValueError(needed(name, f"one value per example, [{n}]", got, hint))


def _beside(f, outputs, y):
    """Labels in the shape of the outputs where a last axis of 1 parts them and ``f`` would broadcast, or refuse."""
    if outputs.shape != (*y.shape, 1) and y.shape != (*outputs.shape, 1):
        return y
    try:
        with jax.numpy_rank_promotion("raise"):
            jax.eval_shape(f, outputs, y)
    except (TypeError, ValueError):
        return y.reshape(outputs.shape)
    return y


def weighed(values: Array, weights: Array | None) -> Array:
    """$w_i v_i$ of values [n], or the values where there are no weights; 0 where the weight is, be the value NaN."""
    if weights is None:
        return values
    w = weights.astype(values.dtype)
    return jnp.where(w == 0, 0, w * values)


def mean_over(values: Array, counts: Array | None) -> Array:
    """The mean of values [n], or of those where ``counts`` [n] is true."""
    if counts is None:
        return jnp.mean(values)
    return jnp.sum(jnp.where(counts, values, 0)) / jnp.sum(counts, dtype=values.dtype)

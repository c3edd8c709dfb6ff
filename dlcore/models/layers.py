"""Layers: plain functions on parameters first, thin frozen dataclasses above them.

A layer has ``init(key, input_shape) -> (params, state)`` and ``apply(params, state, x, *, key, train) -> (y, state)``.
``input_shape`` is the shape of one example, ``x`` [n, *input_shape] a batch. Parameters are named as Flax names them.
"""

import abc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore import regularizers
from dlcore.contracts import Array, PyTree, Scalar, at_least_f32, in_dtype_of
from dlcore.initializers import Initializer, he_normal, zeros
from dlcore.pytrees import hyperparams, is_code, static

Shape = tuple[int, ...]


def dense(params: dict[str, Array], x: Array) -> Array:
    r"""$xW + b$: x [..., d], kernel [d, m], bias [m] where there is one -> [..., m].

    Raises ValueError when the last axis of ``x`` is not the kernel's first.
    """
    kernel = params["kernel"]
    if x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"dense: needed x [..., {kernel.shape[0]}], got x {list(x.shape)}; try: flatten the examples to one axis"
        )
    y = jnp.matmul(x, kernel)
    return y + _per_feature(params["bias"], y) if "bias" in params else y


def batch_norm(params: dict[str, Array], mean: Array, var: Array, x: Array, eps: Scalar = 1e-5) -> Array:
    r"""$\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$. Ioffe & Szegedy 2015, algorithm 1, last lines.

    x [..., d], mean, var, scale $\gamma$ and bias $\beta$ [d] -> [..., d].
    """
    inverse = params["scale"] * jax.lax.rsqrt(var + in_dtype_of(var, eps))
    return (x - _per_feature(mean, x)) * _per_feature(inverse, x) + _per_feature(params["bias"], x)


def batch_moments(x: Array, axis_name: str | None = None) -> tuple[Array, Array]:
    """Mean and (biased) variance [d] over all axes of x [..., d] but the last, and over devices of ``axis_name``."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    if axis_name is not None:
        mean = jax.lax.pmean(mean, axis_name)
    var = jnp.mean(jnp.square(x - _per_feature(mean, x)), axes)
    return mean, var if axis_name is None else jax.lax.pmean(var, axis_name)


def _per_feature(v: Array, x: Array) -> Array:
    return v.reshape((1,) * (x.ndim - 1) + (-1,))


@hyperparams
class Layer(abc.ABC):
    """A part of a network: frozen hyperparameters and two pure functions."""

    def init(self, key: Array, input_shape: Shape) -> tuple[PyTree, PyTree]:
        """(params, state) for examples of ``input_shape``; nothing unless the layer says otherwise."""
        del key, input_shape
        return {}, {}

    @abc.abstractmethod
    def apply(self, params: PyTree, state: PyTree, x: Array, *, key: Array | None, train: bool) -> tuple[Array, PyTree]:
        """(y, state) for the batch x [n, ...]; ``key`` is needed by random layers in training only."""


@hyperparams
class Dense(Layer):
    """``dense``: $xW + b$ with ``units`` outputs."""

    units: int = static()
    use_bias: bool = static(default=True)
    kernel_init: Initializer = he_normal
    bias_init: Initializer = zeros

    def init(self, key, input_shape):
        """Kernel [d, units] and bias [units]."""
        kernel_key, bias_key = jax.random.split(key)
        params = {"kernel": self.kernel_init(kernel_key, (input_shape[-1], self.units))}
        if self.use_bias:
            params["bias"] = self.bias_init(bias_key, (self.units,))
        return params, {}

    def apply(self, params, state, x, *, key, train):
        """``dense`` of the last axis."""
        del key, train
        return dense(params, x), state


@hyperparams
class Activation(Layer):
    """A function without parameters; one with numbers of its own is a ``jax.tree_util.Partial``."""

    function: Callable[[Array], Array]

    def apply(self, params, state, x, *, key, train):
        """The function of ``x``."""
        del params, key, train
        return self.function(x), state


@hyperparams
class Dropout(Layer):
    """``dropout`` with probability ``rate`` in training, the identity in evaluation."""

    rate: Scalar = 0.5

    def apply(self, params, state, x, *, key, train):
        """Raises ValueError when training without a key."""
        del params
        if not train:
            return x, state
        if key is None:
            raise ValueError("Dropout: needed a key in training, got None; try key=jax.random.key(0)")
        return regularizers.dropout(key, x, self.rate, train=train), state


@hyperparams
class BatchNorm(Layer):
    """``batch_norm`` with the batch's statistics in training and their running averages in evaluation.

    ``momentum`` is the weight of the past in the averages; with ``axis_name`` the statistics are those of the whole
    batch over the devices of that axis. Computed in at least float32, as variances of 16-bit values lose their digits.
    """

    momentum: Scalar = 0.9
    eps: Scalar = 1e-5
    axis_name: str | None = static(default=None)

    def init(self, key, input_shape):
        """Scale 1 and bias 0; running mean 0 and variance 1."""
        del key
        ones, nought = jnp.ones(input_shape[-1:]), jnp.zeros(input_shape[-1:])
        return {"scale": ones, "bias": nought}, {"mean": nought, "var": ones}

    def apply(self, params, state, x, *, key, train):
        """Normalise over all axes but the last."""
        del key
        wide = x.astype(at_least_f32(x.dtype))
        scale_and_shift = jax.tree.map(lambda p: p.astype(wide.dtype), params)
        mean, var = jax.tree.map(lambda s: s.astype(wide.dtype), (state["mean"], state["var"]))
        if train:
            momentum = in_dtype_of(wide, self.momentum)
            batch_mean, batch_var = batch_moments(wide, self.axis_name)
            past = {"mean": mean, "var": var}
            now = {"mean": batch_mean, "var": batch_var}
            state = jax.tree.map(lambda a, b, s: (momentum * a + (1 - momentum) * b).astype(s.dtype), past, now, state)
            mean, var = batch_mean, batch_var
        return batch_norm(scale_and_shift, mean, var, wide, self.eps).astype(x.dtype), state


@hyperparams
class Flatten(Layer):
    """Every example as one vector: [n, ...] -> [n, d]."""

    def apply(self, params, state, x, *, key, train):
        """Reshape."""
        del params, key, train
        return x.reshape(x.shape[0], -1), state


@hyperparams
class Sequential(Layer):
    """``layers`` one after another; parameters and states are tuples in their order."""

    layers: tuple[Layer, ...]

    def init(self, key, input_shape):
        """Each layer for the shape that the ones before it give."""
        params, states = [], []
        for i, layer in enumerate(self.layers):
            p, s = layer.init(jax.random.fold_in(key, i), input_shape)
            input_shape = output_shape(layer, p, s, input_shape)
            params.append(p)
            states.append(s)
        return tuple(params), tuple(states)

    def apply(self, params, state, x, *, key, train):
        """Through all layers, each with a key of its own."""
        after = []
        for i, (layer, p, s) in enumerate(zip(self.layers, params, state, strict=True)):
            x, new = layer.apply(p, s, x, key=None if key is None else jax.random.fold_in(key, i), train=train)
            after.append(new)
        return x, tuple(after)


def sequential(*layers: Layer | Callable[[Array], Array]) -> Sequential:
    """The ``Sequential`` of ``layers``; a function among them, such as ``relu``, becomes an ``Activation``."""
    return Sequential(tuple(_as_layer(layer) for layer in layers))


def _as_layer(layer: Any) -> Layer:
    if isinstance(layer, jax.tree_util.Partial) or is_code(layer):
        return Activation(layer)
    if not hasattr(layer, "apply"):
        raise TypeError(f"sequential: needed layers or functions, got {layer!r}; try: sequential(Dense(64), relu)")
    return layer


def output_shape(layer: Layer, params: PyTree, state: PyTree, input_shape: Shape) -> Shape:
    """The shape of one example after ``layer``, without computing anything."""
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.result_type(float))
    y, _ = jax.eval_shape(lambda p, s, v: layer.apply(p, s, v, key=None, train=False), params, state, x)
    return y.shape[1:]


def count_parameters(params: PyTree) -> int:
    """The number of numbers in ``params``."""
    return sum(x.size for x in jax.tree.leaves(params))

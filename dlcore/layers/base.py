"""Layers: plain functions on parameters first, thin frozen dataclasses above them.

A layer has ``init(key, input_shape) -> (params, state)`` and ``apply(params, state, x, *, key, train) -> (y, state)``.
``input_shape`` is the shape of one example, ``x`` [n, *input_shape] a batch. Parameters are named as Flax names them.
Matrix products run at the backend's default precision, which on TPU is bfloat16 and on recent GPUs TF32:
``jax.default_matmul_precision("highest")`` around a call asks for more.
"""

import abc
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from dlcore import activations
from dlcore.initializers import Initializer, he_normal, zeros
from dlcore.numerics.errors import check_between, check_count, check_float, needed
from dlcore.numerics.formats import Array, PyTree, Scalar, at_least_f32
from dlcore.tree.fields import hyperparams, number, static

Shape = tuple[int, ...]


def dense(params: dict[str, Array], x: Array) -> Array:
    r"""$xW + b$: x [..., d], kernel [d, m], bias [m] where there is one -> [..., m]; [...] for a kernel [d], bias [].

    Raises ValueError when the last axis of ``x`` is not the kernel's first.
    """
    kernel = params["kernel"]
    if jnp.ndim(x) == 0 or jnp.shape(x)[-1] != kernel.shape[0]:
        hint = "the features that the parameters were made for, or Flatten() as the first layer"
        raise ValueError(needed("dense", f"x [..., {kernel.shape[0]}]", list(jnp.shape(x)), hint))
    return add_bias(params, jnp.matmul(x, kernel))


def add_bias(params: dict[str, Array], y: Array) -> Array:
    """y [..., m] plus the bias [m] of ``params``, where there is one; y [...] plus a bias []."""
    return y + per_feature(params["bias"], y) if "bias" in params else y


def per_feature(v: Array, x: Array) -> Array:
    """v [m] as [1, ..., 1, m], to stand beside x [..., m]."""
    return v.reshape((1,) * (x.ndim - v.ndim) + v.shape)


def dropout(key: Array, x: Array, rate: Scalar, *, train: bool) -> Array:
    r"""In training 0 with probability $p$ ``rate``, else $x / (1 - p)$, so that the mean stays; else ``x`` itself.

    Elementwise and independent, [...] -> [...]. Raises ValueError for a rate outside [0, 1]. Srivastava et al. 2014.
    """
    check_float("x", x)
    check_between(0, 1, rate=rate)
    if not train:
        return x
    keep_rate = 1 - jnp.asarray(rate, at_least_f32(x.dtype))
    keep = jax.random.bernoulli(key, keep_rate, x.shape)
    divisor = jnp.where(keep_rate > 0, keep_rate, 1)
    return jnp.where(keep, x / divisor.astype(x.dtype), 0)


def needed_key(name: str, key: Array | None) -> Array:
    """``key``; raises ValueError where a random layer has none in training."""
    if key is None:
        raise ValueError(needed(name, "a key in training", None, "key=jax.random.key(0)"))
    return key


@hyperparams
class Layer(abc.ABC):
    """A part of a network: frozen hyperparameters and two pure functions."""

    def init(self, key: Array, input_shape: Shape) -> tuple[PyTree, PyTree]:
        """(params, state) for examples of ``input_shape``; nothing unless the layer says otherwise."""
        return {}, {}

    @abc.abstractmethod
    def apply(self, params: PyTree, state: PyTree, x: Array, *, key: Array | None, train: bool) -> tuple[Array, PyTree]:
        """(y, state) for the batch x [n, ...]; ``key`` is needed by random layers in training only."""


def kernel_and_bias(
    key: Array, shape: Shape, kernel_init: Initializer, bias_init: Initializer | None
) -> dict[str, Array]:
    """Parameters of a layer with a kernel of ``shape`` [..., m] and, unless ``bias_init`` is None, a bias [m]."""
    kernel_key, bias_key = jax.random.split(key)
    params = {"kernel": kernel_init(kernel_key, shape)}
    return params if bias_init is None else params | {"bias": bias_init(bias_key, shape[-1:])}


@hyperparams
class Dense(Layer):
    """``dense``: $xW + b$ with ``units`` outputs."""

    units: int = static()
    use_bias: bool = static(default=True)
    kernel_init: Initializer = he_normal
    bias_init: Initializer = zeros

    def init(self, key, input_shape):
        """Kernel [d, units] and bias [units]."""
        check_count("Dense.units", self.units)
        bias_init = self.bias_init if self.use_bias else None
        return kernel_and_bias(key, (input_shape[-1], self.units), self.kernel_init, bias_init), {}

    def apply(self, params, state, x, *, key, train):
        return dense(params, x), state


@hyperparams
class Maxout(Layer):
    """``maxout``: ``units`` outputs, each the largest of ``pieces`` linear functions."""

    units: int = static()
    pieces: int = static(default=2)
    kernel_init: Initializer = he_normal
    bias_init: Initializer = zeros

    def init(self, key, input_shape):
        """Kernel [pieces, d, units] and bias [pieces, units]; each piece is initialized as a dense layer of its own."""
        check_count("Maxout.units", self.units)
        check_count("Maxout.pieces", self.pieces)
        kernel_key, bias_key = jax.random.split(key)
        kernels = [
            self.kernel_init(piece, (input_shape[-1], self.units))
            for piece in jax.random.split(kernel_key, self.pieces)
        ]
        return {"kernel": jnp.stack(kernels), "bias": self.bias_init(bias_key, (self.pieces, self.units))}, {}

    def apply(self, params, state, x, *, key, train):
        return activations.maxout(x, params["kernel"], params["bias"]), state


@hyperparams
class Activation(Layer):
    """A function without parameters; one with numbers of its own is a ``jax.tree_util.Partial``."""

    function: Callable[[Array], Array]

    def apply(self, params, state, x, *, key, train):
        return self.function(x), state


@hyperparams
class Dropout(Layer):
    """``dropout`` with probability ``rate`` in training, the identity in evaluation."""

    rate: Scalar = number(0.5, low=0, high=1)

    def apply(self, params, state, x, *, key, train):
        """Raises ValueError when training without a key."""
        if not train:
            return x, state
        return dropout(needed_key("Dropout", key), x, self.rate, train=True), state


@hyperparams
class Flatten(Layer):
    """Every example as one vector: [n, ...] -> [n, d]."""

    def apply(self, params, state, x, *, key, train):
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), state


@hyperparams
class Reshape(Layer):
    """Every example in ``shape``: rows as images with ``Reshape(dataset.image_shape)``, [n, d] -> [n, h, w, c]."""

    shape: Shape = static()

    def apply(self, params, state, x, *, key, train):
        """Reshape; raises ValueError where the sizes differ."""
        if math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ValueError(
                f"Reshape: needed examples of {math.prod(self.shape)} numbers for {list(self.shape)}, got "
                f"{list(x.shape[1:])}; try another shape"
            )
        return x.reshape(x.shape[0], *self.shape), state

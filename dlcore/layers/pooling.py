"""Pooling of images: the largest or the mean value of every window.

Written as elementwise operations on shifted views, one axis after the other. On CPUs the gradient of XLA's own window
reduction for maxima takes ten times as long, forty times where a sweep maps over it.
"""

import functools

import jax.numpy as jnp
import numpy as np

from dlcore.layers.base import Layer
from dlcore.layers.windows import Pair, check_images, pair, place, views
from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, at_least_f32
from dlcore.tree.fields import hyperparams, static


def max_pool(x: Array, window: Pair = 2, strides: Pair | None = None, padding: str = "VALID") -> Array:
    r"""$\max_{ij} x_{ij}$ of every window: x [n, h, w, c] -> [n, h', w', c]; ``strides`` are ``window`` unless given.

    Of equal values the first in reading order, row by row, is the one that learns, as in PyTorch; NaN stays NaN.
    Raises ValueError for what is no image, no window or no padding "SAME" or "VALID".
    """
    check_float("x", x)
    for axis, w, t in _axes("max_pool", x, window, strides):
        x = functools.reduce(_first_largest, views(x, axis, range(w), t, place(x.shape[axis], w, t, padding), -np.inf))
    return x


def avg_pool(
    x: Array,
    window: Pair = 2,
    strides: Pair | None = None,
    padding: str = "VALID",
    *,
    count_include_pad: bool = False,
) -> Array:
    """The mean of every window: x [n, h, w, c] -> [n, h', w', c]; ``strides`` are ``window`` unless given.

    Under "SAME" padding it is the mean of the pixels that there are, or, with ``count_include_pad``, of as many as the
    window has places, those outside the image being 0. Summed in at least float32. Raises as ``max_pool`` does.
    """
    check_float("x", x)
    dtype, x = x.dtype, x.astype(at_least_f32(x.dtype))
    for axis, w, t in _axes("avg_pool", x, window, strides):
        placed = place(x.shape[axis], w, t, padding)
        starts = np.arange(placed.count) * t - placed.low
        there = np.minimum(starts + w, x.shape[axis]) - np.maximum(starts, 0)
        share = 1 / (np.full(placed.count, w) if count_include_pad else there)
        column = jnp.asarray(share, x.dtype).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        x = column * functools.reduce(jnp.add, views(x, axis, range(w), t, placed, 0))
    return x.astype(dtype)


def _axes(name, x, window, strides):
    """(axis, window, stride), columns first: then the first of equal rows and, in it, column wins."""
    check_images(name, x)
    window = pair("window", window)
    strides = window if strides is None else pair("strides", strides)
    return [(2, window[1], strides[1]), (1, window[0], strides[0])]


def _first_largest(a, b):
    return jnp.where((b > a) | jnp.isnan(b), b, a)


@hyperparams
class MaxPool(Layer):
    """``max_pool``; ``strides`` are ``window`` unless given."""

    window: Pair = static(default=2)
    strides: Pair | None = static(default=None)
    padding: str = static(default="VALID")

    def apply(self, params, state, x, *, key, train):
        return max_pool(x, self.window, self.strides, self.padding), state


@hyperparams
class AvgPool(Layer):
    """``avg_pool``; ``strides`` are ``window`` unless given."""

    window: Pair = static(default=2)
    strides: Pair | None = static(default=None)
    padding: str = static(default="VALID")
    count_include_pad: bool = static(default=False)

    def apply(self, params, state, x, *, key, train):
        y = avg_pool(x, self.window, self.strides, self.padding, count_include_pad=self.count_include_pad)
        return y, state

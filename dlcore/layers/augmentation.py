"""Data augmentation: changes of an image that leave its label, drawn anew for every image and every batch.

An image is [h, w, c], floating, and keeps its shape and dtype; what comes in from outside is 0, the mean of normalized
inputs. Each change is a plain function of its numbers; those that draw them take a key first, ``f(key, image)``, and
``augment`` puts such functions on a batch.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.layers.base import Layer, needed_key
from dlcore.numerics.errors import check_between, check_float
from dlcore.numerics.formats import Array, Scalar, at_least_f32, in_dtype_of
from dlcore.tree.fields import hyperparams

Augmentation: TypeAlias = Callable[[Array, Array], Array]


def flip(image: Array) -> Array:
    """Left and right exchanged: [h, w, c] -> [h, w, c]."""
    _check_image("flip", image)
    return image[:, ::-1]


def shift(image: Array, dy: Scalar, dx: Scalar) -> Array:
    """Moved down by ``dy`` and right by ``dx`` whole pixels: [h, w, c] -> [h, w, c].

    Raises TypeError for pixels that are not integers.
    """
    _check_image("shift", image)
    for name, pixels in {"dy": dy, "dx": dx}.items():
        if not jnp.issubdtype(jnp.result_type(pixels), jnp.integer):
            raise TypeError(f"shift: needed whole pixels {name}, got {jnp.result_type(pixels)}; try {name}.astype(int)")
    i, j = _rows_and_columns(image, jnp.int32)
    return _pixels(image, i - jnp.asarray(dy, i.dtype), j - jnp.asarray(dx, j.dtype))


def rotate(image: Array, degrees: Scalar) -> Array:
    r"""Turned counterclockwise about the middle: [h, w, c] -> [h, w, c].

    The pixel at (x, y) from the middle, y downwards, is taken from $(x \cos\phi - y \sin\phi, x \sin\phi + y \cos\phi)$
    by bilinear interpolation.
    """
    _check_image("rotate", image)
    i, j = _rows_and_columns(image, at_least_f32(image.dtype))
    middle = [(size - 1) / 2 for size in image.shape[:2]]
    y, x = i - middle[0], j - middle[1]
    phi = jnp.deg2rad(jnp.asarray(degrees, x.dtype))
    cos, sin = jnp.cos(phi), jnp.sin(phi)
    return _bilinear(image, x * sin + y * cos + middle[0], x * cos - y * sin + middle[1])


def cutout(image: Array, row: Scalar, column: Scalar, size: Scalar) -> Array:
    """0 in the square of ``size`` pixels a side whose middle is at (row, column): [h, w, c] -> [h, w, c].

    The square may reach beyond the image. DeVries & Taylor 2017, section 3.2.
    """
    _check_image("cutout", image)
    check_between(0, np.inf, size=size)
    i, j = _rows_and_columns(image, jnp.float32)
    row, column, size = in_dtype_of(i, row, column, size)
    before = jnp.floor(jnp.asarray(size, i.dtype) / 2)
    top, left = row - before, column - before
    inside = (i >= top) & (i < top + size) & (j >= left) & (j < left + size)
    return jnp.where(inside[..., None], 0, image)


def random_flip(key: Array, image: Array, rate: Scalar = 0.5) -> Array:
    """``flip`` with probability ``rate``."""
    check_between(0, 1, rate=rate)
    return jnp.where(jax.random.bernoulli(key, jnp.asarray(rate, jnp.float32)), flip(image), image)


def random_crop(key: Array, image: Array, padding: Scalar = 4) -> Array:
    """A random part, of its own size, of the image in a frame of ``padding`` zeros: a ``shift``.

    A padding between two whole numbers is the lower. He et al. 2016, section 4.2.
    """
    check_between(0, np.inf, padding=padding)
    most = jnp.asarray(padding).astype(jnp.int32)
    dy, dx = jax.random.randint(key, (2,), -most, most + 1, jnp.int32)
    return shift(image, dy, dx)


def random_rotation(key: Array, image: Array, max_degrees: Scalar = 15.0) -> Array:
    """``rotate`` by an angle uniform between ``-max_degrees`` and ``max_degrees``."""
    check_between(0, np.inf, max_degrees=max_degrees)
    most = jnp.asarray(max_degrees, jnp.float32)
    return rotate(image, most * jax.random.uniform(key, (), jnp.float32, -1, 1))


def random_noise(key: Array, image: Array, std: Scalar = 0.1) -> Array:
    r"""$x + \sigma \varepsilon$, $\varepsilon \sim N(0, 1)$ for every number: the square grows by $\sigma^2$."""
    _check_image("random_noise", image)
    check_between(0, np.inf, std=std)
    wide = image.astype(at_least_f32(image.dtype))
    noise = jax.random.normal(key, image.shape, wide.dtype)
    return (wide + in_dtype_of(wide, std) * noise).astype(image.dtype)


def random_cutout(key: Array, image: Array, size: Scalar = 8) -> Array:
    """``cutout`` around a pixel that is uniform over the image."""
    _check_image("random_cutout", image)
    height, width = image.shape[:2]
    vertical, horizontal = jax.random.split(key)
    row = jax.random.randint(vertical, (), 0, height, jnp.int32)
    column = jax.random.randint(horizontal, (), 0, width, jnp.int32)
    return cutout(image, row, column, size)


def augment(key: Array, x: Array, *functions: Augmentation) -> Array:
    """Every image of x [n, h, w, c] through ``functions``, each ``f(key, image)``, with keys of its own.

    Numbers are bound by ``functools.partial(random_crop, padding=2)``.
    """
    _check_batch("augment", x)

    def one(key, image):
        for i, function in enumerate(functions):
            image = function(jax.random.fold_in(key, i), image)
        return image

    return jax.vmap(one)(jax.random.split(key, x.shape[0]), x)


def mixup(key: Array, x: Array, y: Array, alpha: Scalar = 0.2) -> tuple[Array, Array]:
    r"""$\lambda x_i + (1 - \lambda) x_j$ and $\lambda y_i + (1 - \lambda) y_j$ with $\lambda \sim$ Beta(α, α).

    x [n, ...], y [n, ...] floating: distributions over the classes, or values -> the same. One $\lambda$ for the batch,
    as in the paper's code, and every $x_i$ with the $x_j$ of a random order; α = 0 changes nothing. Raises TypeError
    for class numbers, ValueError where x and y differ in n. Zhang et al. 2018, eq. 1.
    """
    check_float("x", x)
    check_between(0, np.inf, alpha=alpha)
    if not jnp.issubdtype(y.dtype, jnp.floating):
        raise TypeError(f"mixup: needed y as distributions over the classes, got {y.dtype}; try one_hot(y, c)")
    if x.shape[:1] != y.shape[:1] or x.ndim == 0:
        raise ValueError(
            f"mixup: needed as many labels as examples, got x {list(x.shape)}, y {list(y.shape)}; try: align them"
        )
    order_key, share_key = jax.random.split(key)
    order = jax.random.permutation(order_key, x.shape[0])
    a = jnp.asarray(alpha, jnp.float32)
    safe = jnp.where(a > 0, a, 1)
    share = jnp.where(a > 0, jax.random.beta(share_key, safe, safe, dtype=jnp.float32), 1)
    return _mixed(x, order, share), _mixed(y, order, share)


@hyperparams
class Augment(Layer):
    """``augment`` by ``function`` in training, the identity in evaluation: first in a network, one for each change.

    A function with numbers of its own is a ``jax.tree_util.Partial(random_crop, padding=2)``; they can be swept.
    """

    function: Augmentation

    def apply(self, params, state, x, *, key, train):
        """Raises ValueError when training without a key."""
        if not train:
            return x, state
        return augment(needed_key("Augment", key), x, self.function), state


def _mixed(values, order, share):
    wide = values.astype(at_least_f32(values.dtype))
    share = share.astype(wide.dtype)
    return (share * wide + (1 - share) * wide[order]).astype(values.dtype)


def _rows_and_columns(image, dtype):
    """The places of the pixels: rows [h, 1] and columns [1, w]."""
    height, width = image.shape[:2]
    return jnp.arange(height, dtype=dtype)[:, None], jnp.arange(width, dtype=dtype)[None, :]


def _pixels(image, i, j):
    """The pixels at rows and columns i, j, integers that broadcast to [h, w]; 0 outside."""
    height, width = image.shape[:2]
    inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
    return jnp.where(inside[..., None], image[jnp.clip(i, 0, height - 1), jnp.clip(j, 0, width - 1)], 0)


def _bilinear(image, i, j):
    """The image at real places i, j [h, w]: the four pixels around them, weighted by nearness."""
    top, left = jnp.floor(i), jnp.floor(j)
    down, right = i - top, j - left
    wide = image.astype(i.dtype)
    total = jnp.zeros_like(wide)
    for a, across in ((0, 1 - down), (1, down)):
        for b, along in ((0, 1 - right), (1, right)):
            near = _pixels(wide, top.astype(jnp.int32) + a, left.astype(jnp.int32) + b)
            total = total + (across * along)[..., None] * near
    return total.astype(image.dtype)


def _check_image(name, image):
    check_float("image", image)
    if jnp.ndim(image) != 3:
        hint = {2: "image[..., None]", 4: "augment, or jax.vmap"}.get(jnp.ndim(image), "reshape it")
        raise ValueError(f"{name}: needed an image [h, w, c], got {list(jnp.shape(image))}; try {hint}")


def _check_batch(name, x):
    check_float("x", x)
    if x.ndim != 4:
        hint = {2: "images(x, image_shape)", 3: "x[..., None] or x[None]"}.get(x.ndim, "reshape it")
        raise ValueError(f"{name}: needed images [n, h, w, c], got {list(x.shape)}; try {hint}")

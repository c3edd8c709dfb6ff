"""Convolutions of images [n, h, w, c] with kernels [k_h, k_w, c_in, c_out], as Flax and TensorFlow lay them out.

Products run at the backend's default precision, as in all layers.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dlcore.initializers import Initializer, he_normal, zeros
from dlcore.layers.base import Layer, add_bias, kernel_and_bias
from dlcore.layers.windows import Pair, check_images, pair, place, views
from dlcore.numerics.errors import check_count, check_float
from dlcore.numerics.formats import Array
from dlcore.tree.fields import hyperparams, static


def conv2d(params: dict[str, Array], x: Array, strides: Pair = 1, padding: str = "SAME", dilation: Pair = 1) -> Array:
    r"""$y_{pq} = b + \sum_{ij} x_{tp + di,\, tq + dj} K_{ij}$ with stride t and dilation d, $x = 0$ outside the image.

    x [n, h, w, c_in], kernel K [k_h, k_w, c_in, c_out], bias [c_out] where there is one -> [n, h', w', c_out].
    What the field calls convolution; with K turned round it would be the mathematical one. Raises ValueError for
    shapes that do not fit and padding other than "SAME" or "VALID". Goodfellow et al. 2016, eq. 9.6.
    """
    kernel = params["kernel"]
    (t, d), _ = _geometry(kernel, x, strides, padding, dilation)
    y = jax.lax.conv_general_dilated(x, kernel, t, padding, rhs_dilation=d, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return add_bias(params, y)


def conv2d_by_patches(
    params: dict[str, Array], x: Array, strides: Pair = 1, padding: str = "SAME", dilation: Pair = 1
) -> Array:
    """``conv2d`` as one matrix product: every window of x as a row [k_h k_w c_in].

    Takes the memory of k_h k_w copies of ``x``. Where kernels are mapped over, as in a sweep, XLA has no fast
    convolution on CPUs: there this is two to four times as fast, and as fast without for few input channels.
    """
    kernel = params["kernel"]
    (t, d), placed = _geometry(kernel, x, strides, padding, dilation)
    rows, columns = ([range(0, k * step, step)] for k, step in zip(kernel.shape[:2], d, strict=True))
    patches = jnp.concatenate(
        [
            patch
            for row in views(x, 1, rows[0], t[0], placed[0], 0)
            for patch in views(row, 2, columns[0], t[1], placed[1], 0)
        ],
        axis=-1,
    )
    return add_bias(params, jnp.matmul(patches, kernel.reshape(-1, kernel.shape[-1])))


def _geometry(kernel, x, strides, padding, dilation):
    check_float("x", x)
    check_images("conv2d", x)
    if kernel.ndim != 4 or kernel.shape[2] != x.shape[3]:
        raise ValueError(
            f"conv2d: needed x [n, h, w, c] and a kernel [k_h, k_w, c, c_out], got {list(x.shape)} and "
            f"{list(kernel.shape)}; try: channels last in both"
        )
    t, d = pair("strides", strides), pair("dilation", dilation)
    windows = [(k - 1) * step + 1 for k, step in zip(kernel.shape[:2], d, strict=True)]
    placed = [place(*sizes, padding) for sizes in zip(x.shape[1:3], windows, t, strict=True)]
    return (t, d), placed


@hyperparams
class Conv(Layer):
    """``channels`` images from every image, by ``convolve``: ``conv2d_by_patches``, or ``conv2d``.

    Patches are for sweeps, where they are faster and every supported JAX takes them: JAX 0.7 cannot map gradients of
    its own convolution inside ``shard_map``. On a GPU or TPU one training with many channels is faster, and smaller, by
    ``conv2d``. On a CPU it is not: XLA brings convolutions into the layout of its fast kernels outside loops alone, and
    within the loop of a training gradients of ``conv2d`` take many times as long.
    """

    channels: int = static()
    kernel_size: Pair = static(default=3)
    strides: Pair = static(default=1)
    padding: str = static(default="SAME")
    dilation: Pair = static(default=1)
    use_bias: bool = static(default=True)
    convolve: Callable[..., Array] = conv2d_by_patches
    kernel_init: Initializer = he_normal
    bias_init: Initializer = zeros

    def init(self, key, input_shape):
        """Kernel [k_h, k_w, c_in, channels] and bias [channels]."""
        check_count("Conv.channels", self.channels)
        shape = (*pair("kernel_size", self.kernel_size), input_shape[-1], self.channels)
        return kernel_and_bias(key, shape, self.kernel_init, self.bias_init if self.use_bias else None), {}

    def apply(self, params, state, x, *, key, train):
        return self.convolve(params, x, self.strides, self.padding, self.dilation), state

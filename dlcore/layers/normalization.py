"""Normalization inside networks: over the batch, or over the features of each example.

Statistics are computed in at least float32, as variances of 16-bit values lose their digits.
"""

import jax
import jax.numpy as jnp

from dlcore.layers.base import Layer, per_feature
from dlcore.numerics.formats import Array, Scalar, at_least_f32, in_dtype_of
from dlcore.tree.fields import hyperparams, number, static


def batch_norm(params: dict[str, Array], mean: Array, var: Array, x: Array, eps: Scalar = 1e-5) -> Array:
    r"""$\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$. Ioffe & Szegedy 2015, algorithm 1, last lines.

    x [..., d], mean, var, scale $\gamma$ and bias $\beta$ [d] -> [..., d].
    """
    inverse = params["scale"] * jax.lax.rsqrt(var + in_dtype_of(var, eps))
    return (x - per_feature(mean, x)) * per_feature(inverse, x) + per_feature(params["bias"], x)


def batch_moments(x: Array, axis_name: str | None = None) -> tuple[Array, Array]:
    """Mean and (biased) variance [d] over all axes of x [..., d] but the last, and over devices of ``axis_name``.

    Devices hold equally many examples. The variance is that around the common mean: exact, where the mean of squares
    minus the square of the mean would cancel.
    """
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    if axis_name is not None:
        mean = jax.lax.pmean(mean, axis_name)
    var = jnp.mean(jnp.square(x - per_feature(mean, x)), axes)
    return mean, var if axis_name is None else jax.lax.pmean(var, axis_name)


def layer_norm(params: dict[str, Array], x: Array, eps: Scalar = 1e-6) -> Array:
    r"""$\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$ with $\mu, \sigma^2$ over the last axis of each example.

    x [..., d], scale $\gamma$ and bias $\beta$ [d] -> [..., d]. Ba et al. 2016, eq. 3 and 4. Raises ValueError where
    scale and x differ in d.
    """
    _check_features("layer_norm", params["scale"], x)
    wide = x.astype(at_least_f32(x.dtype))
    scale, bias = in_dtype_of(wide, params["scale"], params["bias"])
    centered = wide - jnp.mean(wide, -1, keepdims=True)
    var = jnp.mean(jnp.square(centered), -1, keepdims=True)
    y = centered * jax.lax.rsqrt(var + in_dtype_of(var, eps))
    return (per_feature(scale, y) * y + per_feature(bias, y)).astype(x.dtype)


def _check_features(name, scale, x):
    if x.shape[-1:] != scale.shape:
        raise ValueError(
            f"{name}: needed x [..., {scale.size}], got {list(x.shape)}; try: init the layer for examples of this shape"
        )


@hyperparams
class BatchNorm(Layer):
    """``batch_norm`` with the batch's statistics in training and their running averages in evaluation.

    ``momentum`` is the weight of the past in the averages; with ``axis_name`` the statistics are those of the whole
    batch over the devices of that axis. The averaged variance is the biased one that training divides by, as in Flax
    and TensorFlow; Ioffe & Szegedy's algorithm 2 and PyTorch average $m / (m - 1)$ times it.
    """

    momentum: Scalar = number(0.9, low=0, high=1)
    eps: Scalar = number(1e-5, low=0, log=True)
    axis_name: str | None = static(default=None)

    def init(self, key, input_shape):
        """Scale 1 and bias 0; running mean 0 and variance 1."""
        ones, zeros = jnp.ones(input_shape[-1:]), jnp.zeros(input_shape[-1:])
        return {"scale": ones, "bias": zeros}, {"mean": zeros, "var": ones}

    def apply(self, params, state, x, *, key, train):
        """Normalize over all axes but the last; raises ValueError where that has another size than at ``init``."""
        _check_features("BatchNorm", params["scale"], x)
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
class LayerNorm(Layer):
    """``layer_norm`` of the last axis: the same in training and evaluation."""

    eps: Scalar = number(1e-6, low=0, log=True)

    def init(self, key, input_shape):
        """Scale 1 and bias 0."""
        return {"scale": jnp.ones(input_shape[-1:]), "bias": jnp.zeros(input_shape[-1:])}, {}

    def apply(self, params, state, x, *, key, train):
        return layer_norm(params, x, self.eps), state

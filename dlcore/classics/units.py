"""Units of data: their mean and size, so that no fit depends on where the origin lies or how large the unit is."""

from typing import NamedTuple

import jax.numpy as jnp

from dlcore.numerics.formats import Array


class Units(NamedTuple):
    """Mean and size [...] of the data [n, ...] that were measured; a size is a power of two, and 1 for constants."""

    mean: Array
    size: Array


def power_of_two(x: Array) -> Array:
    """The largest power of two up to x [...], so that dividing by it is exact; 1 for 0 and what is not finite."""
    _, exponent = jnp.frexp(jnp.where((x > 0) & jnp.isfinite(x), x, 1))
    return jnp.ldexp(jnp.ones_like(x), exponent - 1)


def units_of(x: Array) -> Units:
    """Of every column of x [n, ...]: its mean and the power of two nearest below its deviation.

    Squares neither overflow nor vanish, and the mean is corrected once by that of what it leaves, so that far from
    the origin no digit of the deviation is lost.
    """
    largest = power_of_two(jnp.max(jnp.abs(x), axis=0))
    scaled = x / largest[None]
    rough = jnp.mean(scaled, axis=0)
    mean = rough + jnp.mean(scaled - rough[None], axis=0)
    deviation = jnp.sqrt(jnp.mean(jnp.square(scaled - mean[None]), axis=0))
    return Units(mean * largest, jnp.where(deviation > 0, power_of_two(deviation) * largest, 1))


def centered(x: Array, units: Units) -> Array:
    """x [n, ...] around its mean."""
    return x - units.mean[None]


def in_units(params: dict[str, Array], units: Units) -> dict[str, Array]:
    r"""$xw + b$ of x from parameters for $(x - \\mu) / \\sigma$: kernel [d] or [d, k] and bias."""
    kernel = per_size(params["kernel"], units)
    return {"kernel": kernel, "bias": params["bias"] - jnp.matmul(units.mean, kernel, precision="highest")}


def per_size(kernel: Array, units: Units) -> Array:
    """The weights [d] or [d, k] of features divided by their size."""
    return kernel / units.size.reshape((-1,) + (1,) * (kernel.ndim - 1))

"""Convolutions and pools."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.initializers import Normal
from dlcore.layers import (
    AvgPool,
    Conv,
    MaxPool,
    avg_pool,
    conv2d,
    conv2d_by_patches,
    max_pool,
    output_shape,
)
from tests.layers.problems import KEY, assert_same, evaluated, normal

CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "strides": (2, 1), "padding": "VALID"},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 3, "dilation": (1, 2), "use_bias": False},
    {"kernel_size": (1, 4), "strides": 3},
]


@pytest.mark.parametrize("convolve", [conv2d, conv2d_by_patches])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_convolutions_are_those_of_flax(options, convolve):
    layer = Conv(4, **options, convolve=convolve, bias_init=Normal(1.0))
    params, state = layer.init(KEY, (7, 6, 3))
    flax = dict(options, kernel_dilation=options.get("dilation", 1))
    flax.pop("dilation", None)
    if isinstance(flax["kernel_size"], int):
        flax["kernel_size"] = (flax["kernel_size"],) * 2
    theirs = nn.Conv(4, **flax)
    x = normal(2, 7, 6, 3)
    assert evaluated(layer, params, state, x).shape[1:] == output_shape(layer, params, state, (7, 6, 3))
    assert_same(lambda p, x: evaluated(layer, p, {}, x), lambda p, x: theirs.apply({"params": p}, x), params, x)


def test_a_convolution_is_its_sum():
    """The plain twin: four loops."""
    x, kernel, bias = normal(2, 5, 6, 2), normal(2, 3, 2, 4, seed=1), normal(4, seed=2)
    expected = np.zeros((2, 2, 2, 4)) + np.asarray(bias)
    for p in range(2):
        for q in range(2):
            for i in range(2):
                for j in range(3):
                    expected[:, p, q] += np.asarray(x[:, 2 * p + i, 2 * q + j] @ kernel[i, j])
    y = conv2d({"kernel": kernel, "bias": bias}, x, strides=2, padding="VALID")
    np.testing.assert_allclose(y, expected, rtol=1e-12)


POOLS = [
    {"window": 2},
    {"window": (3, 2), "strides": (1, 2)},
    {"window": 3, "strides": 2, "padding": "SAME"},
    {"window": (2, 3), "strides": 1, "padding": "SAME"},
    {"window": (7, 6)},
    {"window": 1, "strides": 3, "padding": "SAME"},
]


@pytest.mark.parametrize("options", POOLS, ids=str)
def test_pools_are_those_of_flax(options):
    def flax(pool, **more):
        window = options["window"] if isinstance(options["window"], tuple) else (options["window"],) * 2
        strides = options.get("strides", window)
        strides = strides if isinstance(strides, tuple) else (strides,) * 2
        return lambda x: pool(x, window, strides, options.get("padding", "VALID"), **more)

    x = normal(2, 7, 6, 3)
    assert_same(lambda x: evaluated(MaxPool(**options), {}, {}, x), flax(nn.max_pool), x)
    for count in (False, True):
        ours = AvgPool(**options, count_include_pad=count)
        assert_same(lambda x, ours=ours: evaluated(ours, {}, {}, x), flax(nn.avg_pool, count_include_pad=count), x)


def test_the_first_of_equal_values_in_reading_order_learns():
    x = jnp.asarray([[1.0, 3.0, 0.0], [3.0, 3.0, 0.0], [0.0, 0.0, 0.0]])[None, :, :, None]
    slope = jax.grad(lambda x: max_pool(x, 3).sum())(x)[0, :, :, 0]
    np.testing.assert_array_equal(slope, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    slope = jax.grad(lambda x: max_pool(x, 2, 1).sum())(jnp.zeros((1, 3, 3, 1)))[0, :, :, 0]
    np.testing.assert_array_equal(slope, [[1, 1, 0], [1, 1, 0], [0, 0, 0]])


def test_padding_never_wins_and_nan_stays():
    x = -jnp.ones((1, 3, 3, 1))
    np.testing.assert_array_equal(max_pool(x, 2, 2, "SAME"), -1)
    np.testing.assert_array_equal(avg_pool(x, 2, 2, "SAME"), -1)
    for place in range(4):
        hidden = jnp.zeros((1, 4)).at[0, place].set(jnp.nan).reshape(1, 2, 2, 1)
        assert np.isnan(max_pool(hidden, 2)).all()

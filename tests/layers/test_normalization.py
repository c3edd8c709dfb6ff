"""Batch and layer normalization."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from dlcore import layers
from dlcore.activations import relu
from dlcore.layers import (
    BatchNorm,
    Conv,
    Flatten,
    LayerNorm,
    Reshape,
    sequential,
)
from tests.layers.problems import KEY, assert_same, evaluated, loosely, normal


@pytest.mark.parametrize("shape", [(16, 3), (4, 5, 6, 3)])
def test_batch_norm_is_that_of_flax(shape):
    layer, theirs = BatchNorm(momentum=0.8, eps=1e-3), nn.BatchNorm(momentum=0.8, epsilon=1e-3)
    params = {"scale": normal(3, seed=1), "bias": normal(3, seed=2)}
    state = {"mean": normal(3, seed=3), "var": normal(3, seed=4) ** 2}
    x = 2 + normal(*shape)

    @loosely
    def flax(p, x, train):
        return theirs.apply(
            {"params": p, "batch_stats": state}, x, use_running_average=not train, mutable=["batch_stats"]
        )

    _, after = layer.apply(params, state, x, key=None, train=True)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-12), after, flax(params, x, True)[1]["batch_stats"]
    )
    for train_ in (True, False):
        assert_same(
            lambda p, x, train_=train_: layer.apply(p, state, x, key=None, train=train_)[0],
            lambda p, x, train_=train_: flax(p, x, train_)[0],
            params,
            x,
        )


def test_evaluation_leaves_the_running_statistics_alone():
    layer = BatchNorm()
    params, state = layer.init(KEY, (3,))
    assert layer.apply(params, state, normal(8, 3), key=None, train=False)[1] is state


def test_layer_norm_is_that_of_flax():
    layer, theirs = LayerNorm(eps=1e-3), nn.LayerNorm(epsilon=1e-3)
    params = {"scale": normal(5, seed=1), "bias": normal(5, seed=2)}
    assert_same(
        lambda p, x: evaluated(layer, p, {}, x), lambda p, x: theirs.apply({"params": p}, x), params, normal(4, 2, 5)
    )


def test_the_usual_numbers_of_normalization_show():
    """On values so small that eps decides; running averages move by a tenth."""
    x = 1e-3 * normal(4, 5)
    for layer, axis, eps in ((LayerNorm(), 1, 1e-6), (BatchNorm(), 0, 1e-5)):
        params, state = layer.init(KEY, (5,))
        y, after = layer.apply(params, state, x, key=None, train=True)
        centered = x - x.mean(axis, keepdims=True)
        np.testing.assert_allclose(y, centered / np.sqrt(x.var(axis, keepdims=True) + eps), rtol=1e-10)
    np.testing.assert_allclose(after["mean"], 0.1 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(after["var"], 0.9 + 0.1 * x.var(0), rtol=1e-12)
    params, _ = LayerNorm().init(KEY, (5,))
    np.testing.assert_allclose(layers.layer_norm(params, x), evaluated(LayerNorm(), params, {}, x), rtol=1e-12)
    np.testing.assert_allclose(
        layers.batch_norm(params, x.mean(0), x.var(0), x), layers.batch_norm(params, x.mean(0), x.var(0), x, 1e-5)
    )


def test_normalization_of_16_bit_values_keeps_their_digits():
    """Around 1000 the square of a bfloat16 number has no digit left for a variance of 1."""
    x = (1000 + 8 * normal(64, 64)).astype(jnp.bfloat16)
    exact = np.asarray(x, np.float64)
    for layer, axis in ((BatchNorm(), 0), (LayerNorm(), 1)):
        params, state = jax.tree.map(lambda a: a.astype(jnp.bfloat16), layer.init(KEY, (64,)))
        y, after = layer.apply(params, state, x, key=None, train=True)
        expected = (exact - exact.mean(axis, keepdims=True)) / exact.std(axis, keepdims=True)
        assert {a.dtype for a in (y, *jax.tree.leaves(after))} == {jnp.dtype(jnp.bfloat16)}
        np.testing.assert_allclose(np.asarray(y, np.float64), expected, rtol=2**-7, atol=2**-7)


def _network():
    return sequential(
        Reshape((4, 4, 1)), Conv(3), BatchNorm(axis_name="batch"), relu, Flatten(), BatchNorm(axis_name="batch")
    )


@pytest.mark.parametrize("how", ["shard_map", "vmap"])
def test_statistics_over_devices_are_those_of_the_whole_batch(how):
    """Eight shards of other means each: outputs, running statistics and gradients equal those of one device."""
    model = _network()
    params, state = model.init(KEY, (16,))
    x = normal(32, 16) + jnp.arange(32.0)[:, None]
    alone = sequential(*(BatchNorm() if isinstance(layer, BatchNorm) else layer for layer in model.layers))

    def on_a_shard(params, state, x):
        return model.apply(params, state, x, key=None, train=True)

    if how == "vmap":
        mapped = jax.vmap(on_a_shard, (None, None, 0), (0, None), axis_name="batch")

        def together(params, state, x):
            y, after = mapped(params, state, x.reshape(8, 4, 16))
            return y.reshape(32, -1), after
    else:
        everywhere, here = PartitionSpec(), PartitionSpec("batch")
        mesh = Mesh(np.asarray(jax.devices()), ("batch",))
        together = jax.shard_map(
            on_a_shard, mesh=mesh, in_specs=(everywhere, everywhere, here), out_specs=(here, everywhere)
        )

    def loss(apply):
        def value(params, x):
            y, after = apply(params, state, x)
            return jnp.sum(jnp.sin(y)), (y, after)

        return jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True))

    ours = loss(together)(params, x)
    whole = loss(functools.partial(alone.apply, key=None, train=True))(params, x)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-10), ours, whole)


def test_statistics_of_a_shard_alone_would_differ():
    x = normal(32, 3) + jnp.arange(32.0)[:, None]
    layer = BatchNorm()
    params, state = layer.init(KEY, (3,))
    whole, _ = layer.apply(params, state, x, key=None, train=True)
    shard, _ = layer.apply(params, state, x[:4], key=None, train=True)
    assert np.abs(np.asarray(whole[:4] - shard)).max() > 1

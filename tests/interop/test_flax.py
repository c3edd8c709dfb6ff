"""Linen and NNX modules in trainings and sweeps, and parameters to and from Flax with equal outputs."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dlcore.activations import relu
from dlcore.diagnosis.compilations import count_compilations
from dlcore.initializers import Normal
from dlcore.interop.flax import from_flax, from_linen, from_nnx, to_flax
from dlcore.layers import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    Maxout,
    MaxPool,
    count_multiplications,
    output_shape,
    residual,
    sequential,
)
from dlcore.losses import softmax_cross_entropy
from dlcore.optimizers import SGD
from dlcore.training import Setup, fit, predict
from dlcore.tree.names import paths
from dlcore.tuning import grid, sweep
from tests.problems import blobs, small_setup

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(6, 16)), jnp.float32)


class CNN(nn.Module):
    """All that a module may want: batch statistics, dropout, a flag, something sown for people."""

    features: int = 4
    rate: float = 0.2

    @nn.compact
    def __call__(self, x, train):
        x = x.reshape(-1, 4, 4, 1)
        x = nn.Conv(self.features, (3, 3))(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = nn.max_pool(nn.relu(x), (2, 2), (2, 2))
        self.sow("intermediates", "pooled", x)
        x = nn.Dropout(self.rate, deterministic=not train)(x.reshape(x.shape[0], -1))
        return nn.Dense(3)(x)


class Noisy(nn.Module):
    """A flag of another name and a random stream of its own."""

    @nn.compact
    def __call__(self, x, noise_on, deterministic):
        x = nn.Dropout(0.5, rng_collection="mine")(x, deterministic=deterministic)
        return x + 100 if noise_on else x


class NNXNet(nnx.Module):
    def __init__(self, rngs, width=8):
        self.inner = nnx.Linear(16, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.outer = nnx.Linear(width, 3, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.inner(x)))
        self.hidden = nnx.Intermediate(x)
        return self.outer(self.dropout(x))


def make_nnx(rngs):
    return NNXNet(rngs)


class OneHiddenLayer(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.tanh(nn.Dense(self.features)(x)))


MODELS = {"linen": from_linen(CNN()), "nnx": from_nnx(make_nnx)}
SWEPT = {"linen": from_linen(OneHiddenLayer(4)), "nnx": MODELS["nnx"]}
STATISTICS = {"linen": ("batch_stats", "BatchNorm_0"), "nnx": ("norm",)}


def data():
    return blobs(n=48, features=16)


def close(a, b, rtol=1e-10):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=rtol, atol=rtol), a, b)


@pytest.mark.parametrize("name", MODELS)
def test_modules_are_trained(name):
    """Loss falls, batch statistics move, types stay, and the best parameters give the outputs that they gave."""
    setup = small_setup(model=MODELS[name], epochs=10)
    run = fit(setup, data(), KEY)
    assert run.history.train_loss[-1] < 0.5 * run.history.train_loss[0]
    assert {a.dtype for a in jax.tree.leaves((run.params, run.model_state))} == {jnp.dtype(float)}
    before = setup.model.init(KEY, (16,))[1]
    assert jax.tree.structure(before) == jax.tree.structure(run.model_state)
    old, new = before, run.model_state
    for step in STATISTICS[name]:
        old, new = old[step], new[step]
    assert np.abs(np.asarray(new["mean"]) - np.asarray(old["mean"])).min() > 1e-3
    assert predict(setup, run.params, run.model_state, data().validation.x).shape == (20, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_a_sweep_of_numbers_is_one_program(name):
    """Other numbers compile nothing, and a row is the training that it stands for."""
    setup, given = small_setup(model=SWEPT[name], epochs=10), data()
    one_device = functools.partial(sweep, data=given, key=KEY, devices=jax.devices()[:1])
    assert len(one_device(setup, grid({"optimizer.learning_rate": [1e-1, 1e-2]})).plans) == 1
    with count_compilations() as compiled:
        study = one_device(setup, grid({"optimizer.learning_rate": [2e-2, 1e-2]}))
    assert compiled.count == 0
    alone = fit(setup, given, jax.random.fold_in(KEY, 0))
    np.testing.assert_allclose(
        study.rows.history.train_loss[1, 0], alone.history.train_loss, rtol=1e-6
    )  # Flax's float32


@pytest.mark.slow
def test_the_fields_of_a_linen_module_are_swept_by_their_path():
    setup = small_setup(model=from_linen(OneHiddenLayer(4)), epochs=1)
    assert paths(setup)["model.module.features"] == 4
    study = sweep(setup, grid({"model.module.features": [2, 3]}), data(), KEY, devices=jax.devices()[:1])
    assert len(study.plans) == 2
    assert study.rows.history.train_loss[0, 0] != study.rows.history.train_loss[1, 0]


@pytest.mark.parametrize("name", MODELS)
def test_evaluation_is_the_modules_own_and_keeps_the_state(name):
    layer = MODELS[name]
    params, state = layer.init(KEY, (16,))
    y, after = layer.apply(params, state, X, key=None, train=False)
    assert after is state
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        if name == "linen":
            expected = CNN().apply({"params": params, **state}, X, train=False)
        else:
            module = make_nnx(nnx.Rngs(KEY))
            module.eval()
            expected = module(X)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert output_shape(layer, params, state, (16,)) == (3,)
    assert (
        count_multiplications(layer, params, state, (16,))
        == {"linen": 9 * 16 * 4 + 16 * 3, "nnx": 16 * 8 + 8 * 3}[name]
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_key_is_a_noise(name):
    layer = MODELS[name]
    params, state = layer.init(KEY, (16,))
    apply = jax.jit(lambda key: layer.apply(params, state, X, key=key, train=True))
    first, again, other = (apply(jax.random.key(i)) for i in (1, 1, 2))
    close(first, again)
    assert not np.allclose(first[0], other[0])
    close(first[1], other[1])  # the statistics are taken before the dropout
    assert jax.tree.structure(first[1]) == jax.tree.structure(state)


def test_keys_are_initial_parameters():
    for layer in MODELS.values():
        (a, _), (b, _) = layer.init(jax.random.key(1), (16,)), layer.init(jax.random.key(2), (16,))
        assert any(not np.allclose(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_flags_and_streams_of_other_names():
    layer = from_linen(Noisy(), train_argument="noise_on", rng_streams=("mine",))
    y, _ = layer.apply({}, {}, X, key=KEY, train=True)
    assert 0 < np.mean(np.asarray(y) == 100) < 1
    np.testing.assert_array_equal(layer.apply({}, {}, X, key=None, train=False)[0], X)


def network():
    bias = Normal(1.0)
    return sequential(
        Conv(4, (3, 2), bias_init=bias), BatchNorm(), relu, residual(Conv(4), LayerNorm(), relu), MaxPool(), Flatten(),
        sequential(Dense(5, bias_init=bias), jnp.tanh), Dropout(0.5), residual(Dense(3), shortcut=Dense(3)),
    )  # fmt: skip


class SameInLinen(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Conv(4, (3, 2))(x))
        x = nn.relu(x)
        x = x + nn.relu(nn.LayerNorm()(nn.Conv(4, (3, 3))(x)))
        x = nn.max_pool(x, (2, 2), (2, 2)).reshape(x.shape[0], -1)
        x = nn.Dropout(0.5, deterministic=not train)(nn.tanh(nn.Dense(5)(x)))
        return nn.Dense(3)(x) + nn.Dense(3)(x)


IMAGES = X.reshape(6, 4, 4, 1).astype(float)


def in_linen(variables):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.jit(lambda v: SameInLinen().apply(v, IMAGES, train=False))(variables)


def in_dlcore(params, state):
    def apply(params, state):
        return network().apply(params, state, IMAGES, key=None, train=False)[0]

    return jax.jit(apply)(params, state)


def test_parameters_to_flax_give_equal_outputs():
    model = network()
    params, state = jax.jit(lambda: model.init(KEY, (4, 4, 1)))()
    state = jax.tree.map(lambda s: s + 0.5, state)
    np.testing.assert_allclose(in_dlcore(params, state), in_linen(to_flax(model, params, state)), rtol=1e-12)


def test_parameters_from_flax_give_equal_outputs_and_go_back():
    """The numbers of every array differ, so that none can stand in another's place."""
    model = network()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        shapes = jax.eval_shape(lambda: SameInLinen().init(KEY, IMAGES, train=False))
    r = np.random.default_rng(0)
    variables = jax.tree.map(lambda a: jnp.asarray(r.uniform(0.5, 1.5, a.shape)), shapes)
    params, state = from_flax(model, variables)
    fresh = jax.eval_shape(lambda: model.init(KEY, (4, 4, 1)))
    assert jax.tree.map(jnp.shape, (params, state)) == jax.tree.map(lambda a: a.shape, fresh)
    np.testing.assert_allclose(in_dlcore(params, state), in_linen(variables), rtol=1e-12)
    close(to_flax(model, params, state), variables)


def test_a_model_without_batch_norm_has_no_statistics():
    model = sequential(Dense(2))
    params, state = model.init(KEY, (3,))
    assert list(to_flax(model, params)) == ["params"]
    close(from_flax(model, to_flax(model, params)), (params, state))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: from_linen(make_nnx), TypeError, "needed a Linen module, got function; try from_nnx"),
        (lambda: from_linen(nn.Sequential([nn.Dense(3)])), TypeError, "try tuples instead of lists"),
        (lambda: from_linen(CNN(), train_argument="training"), ValueError, "needed one of train, x, got 'training'"),
        (lambda: from_nnx(make_nnx(nnx.Rngs(0))), TypeError, "try lambda rngs"),
        (lambda: to_flax(sequential(Maxout(3)), ({},)), TypeError, "got Maxout"),
        (
            lambda: from_flax(sequential(Dense(2), Dense(2)), {"params": {"Dense_0": {}}}),
            ValueError,
            "needed layers Dense_0, Dense_1, got Dense_0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_linen_sequential_of_a_tuple_is_a_model():
    model = from_linen(nn.Sequential((nn.Dense(8), nn.tanh, nn.Dense(3))))
    setup = Setup(model, softmax_cross_entropy, SGD(0.1), epochs=2)
    run = fit(setup, blobs(), KEY)
    assert run.history.train_loss[1] < run.history.train_loss[0]

"""Layers together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import layers
from dlcore.activations import relu
from dlcore.data import images
from dlcore.initializers import Normal
from dlcore.layers import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    Maxout,
    MaxPool,
    Reshape,
    Residual,
    mlp,
    residual,
    sequential,
)
from dlcore.training import train
from tests.layers.problems import KEY, evaluated, normal
from tests.problems import blobs, small_setup


def test_dropout_keeps_the_mean_and_drops_the_rate():
    x, n = jnp.ones((100, 1000)), 100_000
    y, _ = Dropout(0.3).apply({}, {}, x, key=KEY, train=True)
    dropped = np.mean(np.asarray(y) == 0)
    assert abs(dropped - 0.3) < 5 * np.sqrt(0.3 * 0.7 / n)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7])
    np.testing.assert_array_equal(evaluated(Dropout(0.3), {}, {}, x), x)


def test_layers_in_a_row_drop_other_units_each():
    model = sequential(Dropout(0.5), Dropout(0.5))
    y, _ = model.apply(((), ()), ((), ()), jnp.ones((100, 100)), key=KEY, train=True)
    assert abs(np.mean(np.asarray(y) > 0) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1e4)


def test_maxout_layer_is_the_largest_of_dense_layers():
    layer = Maxout(5, pieces=3, bias_init=Normal(1.0))
    params, _ = layer.init(KEY, (4,))
    x = normal(7, 4)
    pieces = [layers.dense({"kernel": params["kernel"][k], "bias": params["bias"][k]}, x) for k in range(3)]
    np.testing.assert_allclose(evaluated(layer, params, {}, x), np.max(pieces, 0), rtol=1e-12)


def test_pieces_of_maxout_start_as_dense_layers_do():
    params, _ = Maxout(200, pieces=4).init(KEY, (100,))
    np.testing.assert_allclose(np.std(params["kernel"], (1, 2)), np.sqrt(2 / 100), rtol=0.03)
    assert len({float(w) for w in params["kernel"][:, 0, 0]}) == 4


def test_a_residual_adds_its_input():
    block = residual(Dense(4, bias_init=Normal(1.0)), relu)
    params, state = block.init(KEY, (4,))
    x = normal(3, 4)
    expected = np.maximum(layers.dense(params["layer"][0], x), 0) + x
    for train_ in (False, True):
        y, _ = block.apply(params, state, x, key=KEY, train=train_)
        np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_every_layer_starts_and_draws_by_a_key_of_its_own():
    params, _ = sequential(Dense(4), Dense(4)).init(KEY, (4,))
    assert not np.isclose(params[0]["kernel"], params[1]["kernel"]).any()
    params, _ = Residual(Dense(4), shortcut=Dense(4)).init(KEY, (4,))
    assert not np.isclose(params["layer"]["kernel"], params["shortcut"]["kernel"]).any()
    first, second = (Dense(4).init(jax.random.key(seed), (4,))[0]["kernel"] for seed in (0, 1))
    assert not np.isclose(first, second).any()
    y, _ = Residual(Dropout(0.5), Dropout(0.5)).apply(
        {"layer": {}, "shortcut": {}}, {"layer": {}, "shortcut": {}}, jnp.ones(1000), key=KEY, train=True
    )
    assert set(np.unique(y)) == {0.0, 2.0, 4.0}  # 2: one of both dropped


def test_an_mlp_is_its_layers():
    model = mlp((8, 8, 3), jnp.tanh, dropout=0.25, kernel_init=Normal(2.0), output_init=Normal(0.01))
    dense = Dense(8, kernel_init=Normal(2.0))
    expected = sequential(
        dense, jnp.tanh, Dropout(0.25), dense, jnp.tanh, Dropout(0.25), Dense(3, kernel_init=Normal(0.01))
    )
    assert model == expected
    assert mlp([8, 3]) == sequential(Dense(8), relu, Dense(3))
    assert mlp((3,), jnp.tanh) == sequential(Dense(3))


def test_a_shortcut_changes_the_shape_and_keeps_its_state():
    block = residual(Conv(6, strides=2), shortcut=sequential(Conv(6, 1, strides=2), BatchNorm()))
    params, state = block.init(KEY, (4, 4, 2))
    y, after = block.apply(params, state, normal(5, 4, 4, 2), key=None, train=True)
    assert y.shape == (5, 2, 2, 6)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert not np.array_equal(after["shortcut"][1]["mean"], state["shortcut"][1]["mean"])
    with pytest.raises(ValueError, match=r"needed equal shapes, got shortcut \[5, 4, 4, 2\]"):
        Residual(Conv(6, strides=2)).apply(
            {"layer": params["layer"][0]}, {"layer": {}}, normal(5, 4, 4, 2), key=None, train=False
        )


def test_reshape_folds_rows_as_data_does():
    x = normal(3, 24)
    np.testing.assert_array_equal(evaluated(Reshape((2, 4, 3)), {}, {}, x), images(x, (2, 4, 3)))


def test_a_network_of_every_part_learns_rows_as_images():
    data = blobs(n=96, classes=3, features=16)
    model = sequential(
        Reshape((4, 4, 1)), Conv(6), BatchNorm(), relu, residual(Conv(6), LayerNorm(), relu), MaxPool(),
        AvgPool(2, 1, "SAME"), Flatten(), Maxout(8), Dropout(0.1), Dense(3),
    )  # fmt: skip
    run = jax.jit(train)(small_setup(model=model, epochs=12), data, KEY)
    assert run.history.train_loss[-1] < 0.5 * run.history.train_loss[0]
    assert float(run.history.validation_metrics["accuracy"].max()) >= 0.8
    assert not np.allclose(run.state.model_state[2]["mean"], 0)

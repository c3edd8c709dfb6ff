"""Layers against Flax, their mathematics, their counts and what they refuse."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from dlcore import models
from dlcore.activations import relu
from dlcore.data import images
from dlcore.initializers import Normal
from dlcore.models import (
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
    avg_pool,
    conv2d,
    count_multiplications,
    count_parameters,
    max_pool,
    output_shape,
    parameter_table,
    residual,
    sequential,
)
from dlcore.training import train
from tests.problems import blobs, quick_jit, small_setup

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def normal(*shape, seed=0, scale=1.0):
    return jnp.asarray(scale * np.random.default_rng(seed).normal(size=shape))


def evaluated(layer, params, state, x):
    return layer.apply(params, state, x, key=None, train=False)[0]


def loosely(f):
    """``f`` under JAX's usual promotion: Flax does without the strict one."""

    def called(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return f(*args, **kwargs)

    return called


def assert_same(f, g, *args, rtol=1e-10):
    """Values, and gradients to all arguments of a nonlinear function of them, so that no gradient is constant."""

    def value_and_grads(f):
        def loss(*args):
            y = f(*args)
            return jnp.sum(jnp.sin(y)), y

        return jax.value_and_grad(loss, tuple(range(len(args))), has_aux=True)(*args)

    both = quick_jit(lambda: (value_and_grads(f), value_and_grads(loosely(g))))()
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=rtol, atol=rtol), *both)


CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "strides": (2, 1), "padding": "VALID"},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 3, "dilation": (1, 2), "use_bias": False},
    {"kernel_size": (1, 4), "strides": 3},
]


@pytest.mark.parametrize("by_patches", [False, True])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_convolutions_are_those_of_flax(options, by_patches):
    layer = Conv(4, **options, by_patches=by_patches, bias_init=Normal(1.0))
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


def test_normalisation_of_16_bit_values_keeps_their_digits():
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

        return quick_jit(jax.value_and_grad(value, (0, 1), has_aux=True))

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
    pieces = [models.dense({"kernel": params["kernel"][k], "bias": params["bias"][k]}, x) for k in range(3)]
    np.testing.assert_allclose(evaluated(layer, params, {}, x), np.max(pieces, 0), rtol=1e-12)


def test_pieces_of_maxout_start_as_dense_layers_do():
    params, _ = Maxout(200, pieces=4).init(KEY, (100,))
    np.testing.assert_allclose(np.std(params["kernel"], (1, 2)), np.sqrt(2 / 100), rtol=0.03)
    assert len({float(w) for w in params["kernel"][:, 0, 0]}) == 4


def test_a_residual_adds_its_input():
    block = residual(Dense(4, bias_init=Normal(1.0)), relu)
    params, state = block.init(KEY, (4,))
    x = normal(3, 4)
    expected = np.maximum(models.dense(params["layer"][0], x), 0) + x
    np.testing.assert_allclose(evaluated(block, params, state, x), expected, rtol=1e-12)


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
    run = quick_jit(train)(small_setup(model=model, epochs=12), data, KEY)
    assert run.history.train_loss[-1] < 0.5 * run.history.train_loss[0]
    assert float(run.history.validation_metrics["accuracy"].max()) >= 0.8
    assert not np.allclose(run.state.model_state[2]["mean"], 0)


def test_dense_networks_have_the_counts_of_the_lectures():
    widths = [7, 5, 11, 3]
    model = sequential(*(part for m in widths[1:] for part in (Dense(m), jnp.tanh)))
    params, state = model.init(KEY, (7,))
    pairs = list(zip(widths[1:], widths, strict=False))
    assert count_parameters(params) == sum(m * (before + 1) for m, before in pairs) == 142
    assert count_multiplications(model, params, state, (7,)) == sum(m * before for m, before in pairs) == 123


@pytest.mark.parametrize("by_patches", [False, True])
def test_convolutions_multiply_once_for_every_weight_and_place(by_patches):
    model = sequential(Conv(4, (3, 2), strides=2, by_patches=by_patches), jax.jit(jnp.tanh), Flatten(), Maxout(5, 3))
    params, state = model.init(KEY, (9, 8, 2))
    assert count_parameters(params) == 3 * 2 * 2 * 4 + 4 + 3 * (80 * 5 + 5)
    assert count_multiplications(model, params, state, (9, 8, 2)) == 5 * 4 * 3 * 2 * 2 * 4 + 3 * 80 * 5


def test_multiplications_inside_loops_and_branches_count():
    def f(x):
        w = jnp.ones((3, 3))
        y, _ = jax.lax.scan(lambda x, _: (x @ w, None), x, length=4)
        return jax.lax.cond(y.sum() > 0, lambda y: y @ w @ w, lambda y: y, y)

    assert count_multiplications(sequential(f), ((),), ((),), (3,)) == 6 * 9


def test_the_parameter_table_names_every_array():
    model = sequential(Dense(2), residual(Dense(2)))
    params, _ = model.init(KEY, (3,))
    rows = parameter_table(params)
    assert [(row.name, row.shape, row.number) for row in rows] == [
        ("[0].bias", (2,), 2),
        ("[0].kernel", (3, 2), 6),
        ("[1].layer[0].bias", (2,), 2),
        ("[1].layer[0].kernel", (2, 2), 4),
    ]
    np.testing.assert_allclose(rows[1].norm, np.sqrt(np.sum(np.square(params[0]["kernel"]))), rtol=1e-12)
    lines = models.format_parameter_table(rows).splitlines()
    assert len(lines) == 6
    assert lines[2].split()[:5] == ["[0].kernel", "3", "x", "2", "6"]
    assert lines[-1].split()[:2] == ["total", "14"]
    assert len({len(line) for line in lines}) == 1


IMAGE = jnp.zeros((2, 4, 4, 3))
KERNEL = {"kernel": jnp.zeros((3, 3, 3, 5))}
REFUSED = {
    "rows for images": (lambda: conv2d(KERNEL, jnp.zeros((2, 48))), r"got \[2, 48\]; try Reshape"),
    "other channels": (lambda: conv2d({"kernel": jnp.zeros((3, 3, 1, 5))}, IMAGE), r"\[3, 3, 1, 5\]; try: channels"),
    "unknown padding": (lambda: conv2d(KERNEL, IMAGE, padding="same"), "got 'same'"),
    "no stride": (lambda: conv2d(KERNEL, IMAGE, strides=0), "strides: needed an integer of at least 1"),
    "three windows": (lambda: max_pool(IMAGE, (2, 2, 2)), r"window: .* got \(2, 2, 2\)"),
    "too large a window": (lambda: avg_pool(IMAGE, 5), "a window of 5 does not fit into 4 places"),
    "rows to pool": (lambda: avg_pool(jnp.zeros((2, 16))), "try Reshape"),
    "wrong size": (lambda: evaluated(Reshape((4, 4, 2)), {}, {}, jnp.zeros((2, 48))), r"got \[48\]"),
    "other features": (lambda: evaluated(LayerNorm(), *LayerNorm().init(KEY, (3,)), jnp.zeros((2, 4))), r"\[2, 4\]"),
    "one feature": (lambda: evaluated(BatchNorm(), *BatchNorm().init(KEY, (1,)), jnp.zeros((2, 4))), r"\[..., 1\]"),
    "no key": (lambda: Dropout().apply({}, {}, IMAGE, key=None, train=True), "needed a key in training"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_before_anything_is_computed(case):
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(call)


@pytest.mark.parametrize("call", [max_pool, avg_pool, lambda x: conv2d(KERNEL, x)])
def test_integers_are_refused(call):
    with pytest.raises(TypeError, match="needed a floating type"):
        call(IMAGE.astype(int))

"""Mixed precision: layers in bfloat16, everything that is kept or summed in float32."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dlcore import data
from dlcore.activations import elu, relu
from dlcore.deployment import TrainedModel, load_model, save_model
from dlcore.layers import (
    Augment,
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
    random_crop,
    residual,
    sequential,
)
from dlcore.losses import softmax_cross_entropy
from dlcore.optimizers import EMA, Adam
from dlcore.regularizers import L2
from dlcore.training import Inference, Setup, as_arrays, checkpoints, fit, train
from dlcore.tree import from_config, to_config
from dlcore.tuning import grid, sweep
from tests.problems import blobs, small_setup
from tests.training.problems import KEY

DATA = blobs(dtype=np.float32)
WIDE = small_setup(model=sequential(Dense(8), BatchNorm(), relu, Dropout(0.1), Dense(3)), penalty=L2(1e-3))
MIXED = dataclasses.replace(WIDE, compute_dtype="bfloat16")


def types(setup, primitive, given=DATA):
    """The types of what every ``primitive`` in the whole training gives, scalars left out."""
    traced = jax.make_jaxpr(lambda *arguments: train(*arguments))(as_arrays(setup), given, KEY)
    return set(re.findall(rf":(\w+)\[[\d,]+\] = {primitive}\b", str(traced)))


def test_products_are_narrow_and_what_is_summed_is_wide():
    """In the program: products of forward and backward in bfloat16; exponentials, those of the loss, in float32."""
    assert types(MIXED, "dot_general") == {"bf16"}
    assert types(WIDE, "dot_general") == {"f32"}
    assert types(MIXED, "exp") == types(WIDE, "exp") == {"f32"}


def test_what_is_kept_is_wide():
    seen = []

    def loss(outputs, y):
        seen.append(outputs.dtype)
        return softmax_cross_entropy(outputs, y)

    run = fit(dataclasses.replace(MIXED, loss=loss, optimizer=EMA(Adam(1e-2))), DATA, KEY)
    assert set(seen) == {jnp.dtype("float32")}
    for leaf in jax.tree.leaves((run.params, run.model_state, run.history, run.state[2:])):
        assert leaf.dtype in (np.float32, np.int32, np.bool_)
    assert run.predict(DATA.validation.x).dtype == np.float32
    small = [np.asarray(leaf) for leaf in jax.tree.leaves(run.params)]
    assert any((a != a.astype(jnp.bfloat16).astype(np.float32)).any() for a in small)  # masters have all their digits


def test_a_step_is_that_of_a_model_cast_by_hand():
    """The oracle: parameters and inputs rounded outside of dlcore's training, the same loss, plain gradient descent."""
    layer, rate = Dense(3), 0.1
    setup = Setup(sequential(layer), softmax_cross_entropy, Adam(rate), epochs=1, batch_size=None)
    run = fit(dataclasses.replace(setup, compute_dtype="bfloat16"), DATA, KEY)
    params, _ = sequential(layer).init(jax.random.fold_in(KEY, 0), (4,))
    params = jax.tree.map(lambda a: a.astype(jnp.float32), params)

    def loss(p):
        (p,) = jax.tree.map(lambda a: a.astype(jnp.bfloat16), p)
        outputs = DATA.train.x.astype(jnp.bfloat16) @ p["kernel"] + p["bias"][None]
        return softmax_cross_entropy(outputs.astype(jnp.float32), DATA.train.y).mean()

    optimizer = Adam(rate)
    updates, _ = optimizer.update(jax.grad(loss)(params), optimizer.init(params), params)
    for a, b, c in zip(*map(jax.tree.leaves, (run.state.params, params, updates)), strict=True):
        np.testing.assert_allclose(a, b + c, 1e-4)


def both(change):
    """DATA with ``change`` made to the inputs of both parts."""
    return data.Split(*(data.Examples(change(part.x), part.y) for part in (DATA.train, DATA.validation)))


LAYERS = {
    "Maxout": sequential(Flatten(), Maxout(6), Dense(3)),
    "Conv": sequential(Conv(4), relu, MaxPool(), Conv(4), AvgPool(), Flatten(), Dense(3)),
    "norms": sequential(Conv(4), BatchNorm(), Partial(elu, alpha=0.9), Flatten(), LayerNorm(), Dense(3)),
    "Residual": sequential(Flatten(), residual(Dense(16), relu, Dropout(0.2)), Reshape((4, 4, 1)), Flatten(), Dense(3)),
    "Augment": sequential(Augment(Partial(random_crop, padding=1)), Flatten(), Dense(3)),
    "Inference": sequential(Inference(sequential(Flatten(), Dense(4), BatchNorm())), Dense(3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_takes_it(name):
    """Under strict promotion, with numbers that are arrays, as in a sweep."""
    images = data.Split(
        *(data.Examples(p.x[:, :4].repeat(4, 1).reshape(-1, 4, 4, 1), p.y) for p in (DATA.train, DATA.validation))
    )
    setup = dataclasses.replace(MIXED, model=LAYERS[name], epochs=2)
    run = fit(setup, images, KEY)
    assert run.ending == "finished"
    assert {leaf.dtype for leaf in jax.tree.leaves((run.params, run.model_state))} == {jnp.dtype("float32")}
    assert types(setup, "dot_general", images) <= {"bf16"}
    assert types(setup, "conv_general_dilated", images) <= {"bf16"}


def test_bytes_become_narrow_and_float64_stays_the_master():
    assert types(MIXED, "dot_general", both(lambda x: (x * 10 + 99).astype(np.uint8))) == {"bf16"}
    plain = dataclasses.replace(WIDE, model=sequential(Dense(8, use_bias=False), BatchNorm(), relu, Dense(3)))
    run = fit(dataclasses.replace(plain, compute_dtype="float32"), blobs(), KEY)
    wide = fit(plain, blobs(), KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves((run.params, run.model_state))} == {jnp.dtype("float64")}
    np.testing.assert_allclose(run.history.validation_loss, wide.history.validation_loss, 1e-4)


def test_digits_are_learned_as_well():
    split, _ = data.prepare(data.split(data.load("digits")))
    setup = Setup(sequential(Dense(64), BatchNorm(), relu, Dense(10)), softmax_cross_entropy, epochs=15)
    wide, mixed = (
        fit(dataclasses.replace(setup, compute_dtype=dtype), split, KEY).evaluate(split.validation)["accuracy"]
        for dtype in (None, "bfloat16")
    )
    assert wide > 0.96
    assert abs(mixed - wide) < 0.015


def test_it_is_saved_resumed_swept_and_deployed(tmp_path):
    assert from_config(to_config(MIXED)) == MIXED
    assert to_config(MIXED)["compute_dtype"] == "bfloat16"
    checkpoints.save(tmp_path / "half", fit(dataclasses.replace(MIXED, epochs=2), DATA, KEY))
    run = fit(MIXED, DATA, KEY, resume=checkpoints.restore(tmp_path / "half", MIXED, DATA, KEY))
    whole = fit(MIXED, DATA, KEY)
    jax.tree.map(np.testing.assert_array_equal, (run.params, run.history), (whole.params, whole.history))
    with pytest.raises(ValueError, match="compute_dtype = bfloat16 in a checkpoint, None now"):
        checkpoints.restore(tmp_path / "half", WIDE, DATA, KEY)
    save_model(tmp_path / "model", TrainedModel.of(run, DATA))
    outputs = load_model(tmp_path / "model").outputs(DATA.validation.x)
    np.testing.assert_array_equal(outputs, run.predict(DATA.validation.x))
    axes = {"compute_dtype": [None, "bfloat16"], "optimizer.learning_rate": [1e-2, 1e-3]}
    study = sweep(WIDE, grid(axes), DATA, KEY)
    wide, mixed = np.asarray(study.rows.history.validation_loss).reshape(2, 2, -1)
    np.testing.assert_allclose(mixed, wide, 2e-2)
    assert (mixed != wide).any()


@pytest.mark.parametrize("name", ["float16", "bf16", "int8", 16, jnp.bfloat16])
def test_another_type_is_refused(name):
    with pytest.raises(
        ValueError, match=r"compute_dtype: needed one of None, 'bfloat16', 'float32', got .*"
    ) as refusal:
        fit(dataclasses.replace(MIXED, compute_dtype=name), DATA, KEY)
    assert "\n" not in str(refusal.value)

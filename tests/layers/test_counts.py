"""Counts of parameters and multiplications; wrong input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import layers
from dlcore.layers import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    Maxout,
    Reshape,
    avg_pool,
    conv2d,
    conv2d_by_patches,
    count_multiplications,
    count_parameters,
    max_pool,
    mlp,
    parameter_table,
    residual,
    sequential,
)
from dlcore.tree import check_ranges
from tests.layers.problems import KEY, evaluated


def test_dense_networks_have_the_counts_of_the_lectures():
    widths = [7, 5, 11, 3]
    model = sequential(*(part for m in widths[1:] for part in (Dense(m), jnp.tanh)))
    params, state = model.init(KEY, (7,))
    pairs = list(zip(widths[1:], widths, strict=False))
    assert count_parameters(params) == sum(m * (before + 1) for m, before in pairs) == 142
    assert count_multiplications(model, params, state, (7,)) == sum(m * before for m, before in pairs) == 123


@pytest.mark.parametrize("convolve", [conv2d, conv2d_by_patches])
def test_convolutions_multiply_once_for_every_weight_and_place(convolve):
    model = sequential(Conv(4, (3, 2), strides=2, convolve=convolve), jax.jit(jnp.tanh), Flatten(), Maxout(5, 3))
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
    lines = layers.format_parameter_table(rows).splitlines()
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
    "no units": (lambda: Dense(0).init(KEY, (3,)), "Dense.units: needed an integer of at least 1, got 0; try units=1"),
    "half a unit": (lambda: mlp((2.5, 3)).init(KEY, (3,)), "Dense.units: needed an integer of at least 1, got 2.5"),
    "no pieces": (lambda: Maxout(3, 0).init(KEY, (3,)), "Maxout.pieces: needed an integer of at least 1"),
    "no channels": (lambda: Conv(-1).init(KEY, (4, 4, 3)), "Conv.channels: needed an integer of at least 1"),
    "no layers": (lambda: sequential().init(KEY, (3,)), "sequential: needed at least one layer"),
    "no widths": (lambda: mlp(()), "mlp: needed the units of at least one layer"),
    "a rate above 1": (
        lambda: check_ranges(sequential(Dropout(1.5))),
        "layers.0..rate: needed numbers from 0 to 1, got 1.5",
    ),
    "a momentum of NaN": (lambda: check_ranges(BatchNorm(np.nan)), "momentum: needed numbers from 0 to 1, got nan"),
    "a negative eps": (lambda: check_ranges(LayerNorm(-1e-6)), "eps: needed numbers from 0"),
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

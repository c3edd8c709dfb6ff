"""Initializers: moments and distributions against theory and Flax, shapes, dtypes, sweeps and wrong input."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from dlcore import initializers as init
from dlcore import tree

KEY = jax.random.key(0)
SHAPE = (3, 5, 40, 70)  # a convolution's kernel [h, w, n_in, n_out]
N_IN, N_OUT = 3 * 5 * 40, 3 * 5 * 70
COUNT = math.prod(SHAPE)

# name: (initializer, variance)
SCALED = {
    "xavier_normal": (init.xavier_normal, 1 / N_IN),
    "xavier_uniform": (init.xavier_uniform, 1 / N_IN),
    "lecun_normal": (init.lecun_normal, 1 / N_IN),
    "lecun_uniform": (init.lecun_uniform, 1 / N_IN),
    "glorot_normal": (init.glorot_normal, 2 / (N_IN + N_OUT)),
    "glorot_uniform": (init.glorot_uniform, 2 / (N_IN + N_OUT)),
    "he_normal": (init.he_normal, 2 / N_IN),
    "he_uniform": (init.he_uniform, 2 / N_IN),
    "fan_out, truncated": (init.VarianceScaling(3.0, "fan_out", "truncated_normal"), 3 / N_OUT),
    "normal": (init.normal(0.3), 0.09),
    "uniform": (init.uniform(0.3), 0.03),
}
# Flax's initializer of the same variance, and whether its normal distribution is cut off
FLAX = {
    "lecun_uniform": (nn.initializers.lecun_uniform(), False),
    "glorot_uniform": (nn.initializers.glorot_uniform(), False),
    "glorot_normal": (nn.initializers.glorot_normal(), True),
    "he_uniform": (nn.initializers.he_uniform(), False),
    "he_normal": (nn.initializers.he_normal(), True),
    "fan_out, truncated": (nn.initializers.variance_scaling(3.0, "fan_out", "truncated_normal"), False),
}


def kurtosis(x):
    return float(np.mean(x**4) / np.mean(x**2) ** 2)


@pytest.mark.parametrize("name", SCALED)
def test_mean_and_variance(name):
    rule, variance = SCALED[name]
    x = np.asarray(rule(KEY, SHAPE))
    assert x.shape == SHAPE
    assert x.dtype == np.float64
    assert abs(x.mean()) < 5 * math.sqrt(variance / COUNT)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt((kurtosis(x) - 1) / COUNT)


@pytest.mark.parametrize("name", SCALED)
def test_distribution(name):
    rule, variance = SCALED[name]
    x = np.asarray(rule(KEY, SHAPE)).ravel()[:20000]
    std = math.sqrt(variance)
    if "uniform" in name:
        law = scipy.stats.uniform(-std * math.sqrt(3), 2 * std * math.sqrt(3))
    elif "truncated" in name:
        law = scipy.stats.truncnorm(-2, 2, scale=std / scipy.stats.truncnorm(-2, 2).std())
    else:
        law = scipy.stats.norm(0, std)
    assert scipy.stats.kstest(x, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", FLAX)
def test_same_variance_as_flax(name):
    flax, cut_off = FLAX[name]
    ours, theirs = (np.asarray(f(KEY, SHAPE)) for f in (SCALED[name][0], flax))
    assert abs(ours.std() / theirs.std() - 1) < 0.01
    assert (np.abs(theirs).max() < 0.8 * np.abs(ours).max()) == cut_off


def test_names_keep_the_lectures_and_the_field_apart():
    assert init.xavier_normal != init.glorot_normal
    square = [np.asarray(f(KEY, (50, 50))) for f in (init.xavier_normal, init.glorot_normal)]
    np.testing.assert_allclose(*square, rtol=1e-14)  # with as many inputs as outputs they are one


def test_constants():
    np.testing.assert_array_equal(init.zeros(KEY, (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(init.constant(2.5)(KEY, (3,)), np.full(3, 2.5))
    np.testing.assert_array_equal(init.relu_bias(KEY, (3,)), np.full(3, 0.01))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 2, 5), (2, 2, 2, 10), (5, 5)])
def test_orthogonal(shape):
    q = np.asarray(init.Orthogonal(1.5)(KEY, shape)).reshape(-1, shape[-1]) / 1.5
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-13)


def test_orthogonal_is_uniform_over_rotations():
    q = np.asarray(jax.lax.map(lambda key: init.orthogonal(key, (3, 3)), jax.random.split(KEY, 4000)))
    assert np.abs(q.mean(0)).max() < 5 / math.sqrt(3 * 4000)
    angle = np.arctan2(q[:, 1, 0], q[:, 0, 0])
    assert scipy.stats.kstest(angle, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rule", [init.he_normal, init.glorot_uniform, init.orthogonal, init.normal(jnp.float32(0.5))])
def test_dtypes_are_roundings_of_one_draw(rule):
    wide = rule(KEY, (4, 6), jnp.float32)
    for dtype in (jnp.float16, jnp.bfloat16):
        assert rule(KEY, (4, 6), dtype).dtype == dtype
        np.testing.assert_array_equal(rule(KEY, (4, 6), dtype), wide.astype(dtype))


def test_scale_is_swept_by_its_path():
    assert list(tree.paths(init.he_normal)) == ["scale", "mode", "distribution"]
    scales = jnp.asarray([0.5, 2.0], jnp.float32)
    swept = jax.jit(jax.vmap(lambda rule: rule(KEY, (8, 8))))(tree.replace(init.he_normal, "scale", scales))
    for one, scale in zip(swept, [0.5, 2.0], strict=True):
        np.testing.assert_allclose(one, init.VarianceScaling(scale)(KEY, (8, 8)), rtol=1e-12)
    slope = jax.grad(lambda s: jnp.sum(init.VarianceScaling(s)(KEY, (8, 8)) ** 2))(2.0)
    np.testing.assert_allclose(slope, jnp.sum(init.VarianceScaling(1.0)(KEY, (8, 8)) ** 2), rtol=1e-12)


def test_signals_keep_their_size_through_relu_layers():
    x = jax.random.normal(KEY, (500, 128))
    for key in jax.random.split(KEY, 20):
        x = jax.nn.relu(x @ init.he_normal(key, (128, 128)))
    assert 0.3 < float(jnp.sqrt(2 * jnp.mean(x**2)) / math.sqrt(2)) < 3


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: init.he_normal(KEY, (3,)), ValueError, r"\[\.\.\., n_in, n_out\].*got \[3\].*try"),
        (lambda: init.orthogonal(KEY, ()), ValueError, r"got \[\]"),
        (lambda: init.he_normal(KEY, (3, 2), int), TypeError, "needed a real floating type, got int64"),
        (lambda: init.he_normal(KEY, (3, 2), complex), TypeError, "got complex128"),
        (lambda: init.VarianceScaling(1.0, "fan_inn")(KEY, (3, 2)), ValueError, "mode: needed one of fan_in"),
        (lambda: init.VarianceScaling(1.0, "fan_in", "gauss")(KEY, (3, 2)), ValueError, "distribution: needed one of"),
        (lambda: init.uniform(float("nan"))(KEY, (3,)), ValueError, "limit: needed numbers from 0, got nan"),
        (lambda: init.VarianceScaling(-2.0)(KEY, (3, 3)), ValueError, "scale: needed numbers from 0, got -2.0"),
        (lambda: init.constant("big")(KEY, (3,)), TypeError, "value: needed numbers, got 'big'"),
        (lambda: init.normal(-1.0)(KEY, (3,)), ValueError, "std: needed numbers from 0, got -1.0"),
        (lambda: init.uniform(-1.0)(KEY, (3,)), ValueError, "limit: needed"),
        (lambda: init.VarianceScaling(-2.0)(KEY, (3, 2)), ValueError, "scale: needed"),
    ],
)
def test_wrong_input_says_what_was_needed(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_empty_shapes():
    assert init.he_normal(KEY, (0, 3)).shape == (0, 3)
    assert init.orthogonal(KEY, (0, 3)).shape == (0, 3)

"""Augmentation: exact cases, statistics of what is drawn, labels that follow, and bad input."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.data import one_hot
from dlcore.layers import (
    Augment,
    Dense,
    Flatten,
    Reshape,
    augment,
    cutout,
    flip,
    mixup,
    random_crop,
    random_cutout,
    random_flip,
    random_noise,
    random_rotation,
    rotate,
    sequential,
    shift,
)
from dlcore.training import train
from dlcore.tree.names import replace
from tests.problems import blobs, small_setup

pytestmark = pytest.mark.slow

KEY = jax.random.key(11)
IMAGE = jnp.asarray(np.random.default_rng(0).normal(size=(5, 7, 2)))
SQUARE = IMAGE[:, :5]
RANDOM = [random_flip, random_crop, random_rotation, random_noise, random_cutout]
keys = functools.partial(jax.random.split, KEY)


def test_a_flip_mirrors_and_twice_is_the_identity():
    np.testing.assert_array_equal(flip(IMAGE), np.asarray(IMAGE)[:, ::-1])
    np.testing.assert_array_equal(flip(flip(IMAGE)), IMAGE)


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (2, 3), (-1, 2), (4, -6), (5, 0), (-9, 40)])
def test_a_shift_is_a_roll_with_zeros_where_it_wraps(dy, dx):
    padded = np.pad(IMAGE, ((60, 60), (60, 60), (0, 0)))
    twin = np.roll(padded, (dy, dx), (0, 1))[60:-60, 60:-60]
    np.testing.assert_array_equal(shift(IMAGE, dy, dx), twin)
    np.testing.assert_array_equal(jax.jit(shift)(IMAGE, jnp.int32(dy), jnp.asarray(dx)), twin)


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3, 5])
def test_quarter_turns_are_rot90(quarters):
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        image = SQUARE.astype(dtype)
        turned = rotate(image, 90 * quarters)
        assert turned.dtype == dtype
        np.testing.assert_allclose(turned, jnp.rot90(image, quarters), atol=tolerance)
    if quarters % 2 == 0:
        np.testing.assert_allclose(rotate(IMAGE, 90 * quarters), jnp.rot90(IMAGE, quarters), atol=1e-13)


def rotated_slowly(image, degrees):
    """Pixel by pixel: where it comes from, and the shares of the pixels less than one away."""
    (h, w, _), phi = image.shape, np.deg2rad(degrees)
    cy, cx, out = (h - 1) / 2, (w - 1) / 2, np.zeros_like(image)
    for i, j in np.ndindex(h, w):
        x, up = j - cx, cy - i
        source = (x + 1j * up) * np.exp(-1j * phi)
        row, column = cy - source.imag, cx + source.real
        for k, m in np.ndindex(h, w):
            out[i, j] += max(0, 1 - abs(row - k)) * max(0, 1 - abs(column - m)) * image[k, m]
    return out


def test_rotation_is_bilinear_and_linear_images_stay_exact_inside():
    for degrees in (17.0, -60.0, 135.0):
        np.testing.assert_allclose(rotate(IMAGE, degrees), rotated_slowly(np.asarray(IMAGE), degrees), atol=1e-13)
    y, x = np.mgrid[-4:5, -4:5].astype(float)
    ramp = jnp.asarray(np.stack([x, -y], -1))
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turned = np.asarray(rotate(ramp, 30.0))[2:-2, 2:-2]
    np.testing.assert_allclose(turned, np.stack([x * c - y * s, -(x * s + y * c)], -1)[2:-2, 2:-2], atol=1e-13)


def test_cutout_is_a_square_that_may_reach_beyond():
    ones = jnp.ones((6, 8, 3), jnp.float32)
    for (row, column, size), place in {
        (3, 4, 2): np.s_[2:4, 3:5],
        (3, 4, 3): np.s_[2:5, 3:6],
        (0, 7, 4): np.s_[:2, 5:],
        (2, 2, 0): np.s_[:0, :0],
    }.items():
        twin = np.ones((6, 8, 3))
        twin[place] = 0
        np.testing.assert_array_equal(cutout(ones, row, column, size), twin)
        np.testing.assert_array_equal(jax.jit(cutout)(ones, row, column, jnp.float32(size)), twin)


def test_crops_are_all_shifts_equally_often():
    image = jnp.zeros((5, 5, 1)).at[2, 2].set(1)
    drawn = jax.vmap(lambda k: random_crop(k, image, 1))(keys(3000))
    counts = np.asarray(drawn.sum(0))[..., 0]
    assert counts.sum() == 3000
    assert counts[1:4, 1:4].sum() == 3000
    np.testing.assert_allclose(counts[1:4, 1:4], 3000 / 9, atol=5 * np.sqrt(3000 / 9))


def test_flips_come_at_their_rate():
    drawn = jax.vmap(lambda k: random_flip(k, IMAGE, 0.3))(keys(4000))
    flipped = np.asarray((drawn == flip(IMAGE)[None]).all((1, 2, 3)))
    assert np.asarray((drawn == IMAGE[None]).all((1, 2, 3)))[~flipped].all()
    np.testing.assert_allclose(flipped.mean(), 0.3, atol=5 * np.sqrt(0.21 / 4000))


def test_angles_stay_below_the_maximum_on_both_sides():
    """The ramp x turned by phi has the slope sin(phi) downwards, with its sign."""
    ramp = jnp.asarray(np.broadcast_to(np.arange(-4.0, 5)[None, :, None], (9, 9, 1)))
    drawn = jax.vmap(lambda k: random_rotation(k, ramp, 30.0))(keys(2000))
    degrees = np.rad2deg(np.arcsin(np.asarray(drawn[:, 3, 4, 0] - drawn[:, 4, 4, 0])))
    assert np.abs(degrees).max() <= 30 + 1e-4
    np.testing.assert_allclose(degrees.mean(), 0, atol=5 * np.sqrt(300 / 2000))
    np.testing.assert_allclose(degrees.std(), 30 / np.sqrt(3), rtol=0.05)


def test_noise_adds_its_energy():
    drawn = jax.vmap(lambda k: random_noise(k, IMAGE, 0.5))(keys(2000)) - IMAGE[None]
    size = drawn.size
    np.testing.assert_allclose(jnp.mean(drawn**2), 0.25, rtol=5 * np.sqrt(2 / size))
    np.testing.assert_allclose(jnp.mean(drawn), 0, atol=5 * 0.5 / np.sqrt(size))
    np.testing.assert_array_equal(random_noise(KEY, IMAGE, 0.0), IMAGE)


def test_random_cutouts_are_cutouts_around_every_pixel():
    ones = jnp.ones((4, 5, 1))
    drawn = np.asarray(jax.vmap(lambda k: random_cutout(k, ones, 1))(keys(4000)))
    np.testing.assert_array_equal(drawn.sum((1, 2, 3)), 19)
    np.testing.assert_allclose((1 - drawn).sum(0)[..., 0], 200, atol=5 * np.sqrt(200))


def test_a_batch_is_a_loop_with_keys_of_its_own():
    x = jnp.stack([IMAGE, 2 * IMAGE, IMAGE])
    functions = [random_flip, functools.partial(random_crop, padding=2), random_noise]
    batch = jax.jit(lambda key, x: augment(key, x, *functions))(KEY, x)
    for i, key in enumerate(jax.random.split(KEY, 3)):
        image = x[i]
        for k, f in enumerate(functions):
            image = f(jax.random.fold_in(key, k), image)
        np.testing.assert_allclose(batch[i], image, atol=1e-13)
    assert jnp.any(batch[0] != batch[2])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_dtypes_and_shapes_are_kept(dtype):
    x = jax.ShapeDtypeStruct((3, 5, 7, 2), dtype)
    made = jax.eval_shape(lambda key, x: augment(key, x, *RANDOM), KEY, x)
    assert (made.shape, made.dtype) == (x.shape, dtype)
    for part in jax.eval_shape(mixup, KEY, x, x, jax.ShapeDtypeStruct((), jnp.float32)):
        assert (part.shape, part.dtype) == (x.shape, dtype)


@pytest.mark.parametrize(
    ("function", "number"),
    [(random_flip, 0.4), (random_crop, 2.0), (random_rotation, 20.0), (random_noise, 0.3), (random_cutout, 3.0)],
)
def test_numbers_may_be_swept_in_one_trace(function, number):
    numbers = jnp.asarray([number, number / 2], jnp.float32)
    swept = jax.jit(jax.vmap(lambda n: function(KEY, IMAGE, n)))(numbers)
    for row, n in zip(swept, (number, number / 2), strict=True):
        np.testing.assert_allclose(row, function(KEY, IMAGE, np.float32(n)), atol=1e-6)


def test_derivatives_exist_of_images_and_numbers():
    def energy(image, degrees, std):
        return jnp.sum(random_noise(KEY, rotate(image, degrees), std) ** 3)

    at = (IMAGE, jnp.asarray(20.0), jnp.asarray(0.3))
    slopes = jax.grad(energy, (0, 1, 2))(*at)
    for i, h in ((1, 1e-5), (2, 1e-6)):
        up, down = ([*at[:i], at[i] + d, *at[i + 1 :]] for d in (h, -h))
        np.testing.assert_allclose(slopes[i], (energy(*up) - energy(*down)) / (2 * h), rtol=1e-6)
    direction = jnp.cos(IMAGE)
    forward = jax.jvp(lambda image: energy(image, *at[1:]), (IMAGE,), (direction,))[1]
    np.testing.assert_allclose(jnp.sum(slopes[0] * direction), forward)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64])
def test_mixup_is_one_convex_mixture_of_inputs_and_labels(dtype):
    n, c = 8, 4
    x = jnp.eye(n, dtype=dtype)  # an input that tells which examples it was mixed of
    labels = jnp.arange(n) % c
    mixed, y = jax.jit(mixup)(KEY, x, one_hot(labels, c, dtype), jnp.float32(1.0))
    assert mixed.dtype == y.dtype == dtype
    eps = float(jnp.finfo(dtype).eps)
    shares = np.asarray(mixed.astype(float))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(1), 1, atol=2 * eps)
    np.testing.assert_allclose(y.astype(float), shares @ np.eye(c)[labels], atol=2 * eps)
    order = np.asarray(jax.random.permutation(jax.random.split(KEY)[0], n))
    moved = order != np.arange(n)
    share = shares[moved, np.arange(n)[moved]]
    np.testing.assert_allclose(share, share[0], rtol=0)
    np.testing.assert_array_equal(shares[moved, order[moved]], shares[np.flatnonzero(moved)[0], order[moved][0]])


def test_the_share_of_mixup_is_beta():
    x = jnp.asarray([[1.0], [0.0]])
    alphas = jnp.asarray([0.0, 0.2, 2.0])
    shares = jax.jit(jax.vmap(lambda a: jax.vmap(lambda k: mixup(k, x, x, a)[0][0, 0])(keys(4000))))(alphas)
    swapped = jax.vmap(lambda k: jax.random.permutation(jax.random.split(k)[0], 2)[0] == 1)(keys(4000))
    np.testing.assert_array_equal(shares[0], 1)
    for alpha, share in zip((0.2, 2.0), np.asarray(shares[1:, swapped]), strict=True):
        var = 1 / (4 * (2 * alpha + 1))
        np.testing.assert_allclose(share.mean(), 0.5, atol=5 * np.sqrt(var / len(share)))
        np.testing.assert_allclose(share.var(), var, rtol=0.1)


def test_the_layer_changes_images_in_training_only():
    layer = Augment(jax.tree_util.Partial(random_crop, padding=1))
    x = jnp.stack([IMAGE, IMAGE])
    np.testing.assert_array_equal(layer.apply({}, {}, x, key=None, train=False)[0], x)
    trained = layer.apply({}, {}, x, key=KEY, train=True)[0]
    np.testing.assert_array_equal(trained, augment(KEY, x, functools.partial(random_crop, padding=1)))
    with pytest.raises(ValueError, match="Augment: needed a key"):
        layer.apply({}, {}, x, key=None, train=True)


def test_a_network_trains_behind_it_with_numbers_that_are_swept():
    noise = Augment(jax.tree_util.Partial(random_noise, std=0.0))
    setup = small_setup(model=sequential(Reshape((2, 2, 1)), noise, Flatten(), Dense(3)), epochs=2)

    def losses(std):
        return train(replace(setup, "model.layers[1].function.std", std), blobs(), KEY).history

    history = jax.jit(jax.vmap(losses))(jnp.asarray([0.0, 3.0], jnp.float32))
    assert (history.train_loss[:, -1] < history.train_loss[:, 0]).all()
    assert history.running_loss[1, -1] > history.running_loss[0, -1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: flip(IMAGE[..., 0]), ValueError, r"needed an image \[h, w, c\], got \[5, 7\]; try image\[..., None\]"),
        (lambda: rotate(IMAGE[None], 3.0), ValueError, "try augment"),
        (lambda: cutout(jnp.ones((2, 2, 1), jnp.uint8), 0, 0, 1), TypeError, "needed a floating type, got uint8"),
        (lambda: shift(IMAGE, 0.5, 0), TypeError, "needed whole pixels dy"),
        (lambda: random_crop(KEY, IMAGE, -1), ValueError, "padding: needed numbers not below 0"),
        (lambda: random_noise(KEY, IMAGE, -0.1), ValueError, "std: needed"),
        (lambda: random_flip(KEY, IMAGE, 1.5), ValueError, "rate: needed numbers from 0 to 1"),
        (lambda: random_rotation(KEY, IMAGE, -3.0), ValueError, "max_degrees: needed"),
        (lambda: cutout(IMAGE, 0, 0, -3), ValueError, "size: needed"),
        (lambda: augment(KEY, jnp.ones((3, 64)), random_flip), ValueError, r"try images\(x, image_shape\)"),
        (lambda: mixup(KEY, IMAGE, jnp.arange(5)), TypeError, r"try one_hot\(y, c\)"),
        (lambda: mixup(KEY, IMAGE, jnp.ones((4, 3))), ValueError, "as many labels as examples"),
        (lambda: mixup(KEY, IMAGE, jnp.ones((5, 3)), -1.0), ValueError, "alpha: needed"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()

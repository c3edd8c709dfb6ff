"""How many digits the losses keep at labels, exponents and scales between."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dlcore import losses

pytestmark = pytest.mark.optimized

mp = mpmath.mp
LOGITS = np.concatenate([sign * np.geomspace(1e-4, 85, 150) for sign in (-1, 1)])
SHARES = np.concatenate([np.geomspace(1e-4, 0.5, 60), 0.5 + np.geomspace(1e-6, 0.4999, 60), [0.4999, 0.49]])


def sigmoid(s):
    return 1 / (1 + mp.exp(-s))


def softplus(s):
    return max(s, 0) + mp.log1p(mp.exp(-abs(s)))


def focal(s, gamma):
    return sigmoid(-s) ** gamma * softplus(-s)


def ulps(values, exact, x, dtype):
    """The largest error in units of the last place, where the exact value is a normal number."""
    info, worst = np.finfo(dtype), 0.0
    with mpmath.workdps(50):
        for value, point in zip(np.asarray(values, float), x, strict=True):
            true = exact(mp.mpf(float(point)))
            if float(info.tiny) <= abs(true) <= float(info.max):
                assert np.isfinite(value)
                unit = mp.ldexp(1, int(mp.floor(mp.log(abs(true), 2))) - info.nmant)
                worst = max(worst, float(abs(mp.mpf(value) - true) / unit))
    return worst


def by(f, place):
    return jax.jit(jax.vmap(jax.grad(f, place), (0, None)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_keeps_its_digits_at_every_gamma(gamma, dtype):
    """Of a power to the fifth a lost rounding error counts five times."""
    x = LOGITS.astype(dtype)
    f = jax.jit(lambda s, gamma: losses.focal(s, jnp.ones_like(s), gamma))
    assert ulps(f(x, dtype(gamma)), lambda s: focal(s, gamma), x, dtype) <= 4
    slopes = by(lambda s, gamma: losses.focal(s, jnp.ones_like(s), gamma), 1)(x, dtype(gamma))
    assert ulps(slopes, lambda s: -focal(s, gamma) * softplus(s), x, dtype) <= 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_its_label_the_loss_of_a_logit_is_that_logit(dtype):
    """$\\ln \\sigma(-s) - \\ln \\sigma(s) = -s$: the difference of two losses would leave nothing near 0."""
    x = np.concatenate([LOGITS, np.geomspace(1e-30, 1e-5, 20)]).astype(dtype)
    np.testing.assert_array_equal(by(losses.sigmoid_binary_cross_entropy, 1)(x, dtype(0.25)), -x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_its_label_the_loss_of_a_share_is_its_log_odds(dtype):
    x = SHARES.astype(dtype)
    slopes = by(losses.binary_cross_entropy, 1)(x, dtype(0.25))
    assert ulps(slopes, lambda p: mp.log1p(-p) - mp.log(p), x, dtype) <= 8


def test_gaussian_nll_where_the_square_is_no_number():
    r, v = np.float32([[7e19], [-7e19]]), np.float32(100)
    value, slope = jax.jit(jax.value_and_grad(lambda r: losses.gaussian_nll(r, jnp.zeros_like(r), v).sum()))(r)
    np.testing.assert_allclose(value, 2 * 7e19**2 / 200, rtol=1e-6)
    np.testing.assert_allclose(slope, r / 100, rtol=1e-6)


@pytest.mark.parametrize("f", [losses.sigmoid_binary_cross_entropy, losses.focal])
def test_both_modes_agree_at_infinite_logits(f):
    """By the label the derivative is infinite there, and 0 times it has to be 0."""
    s, y = jnp.asarray([-jnp.inf, jnp.inf, -1e30, 1e30]), jnp.ones(4)
    forward = jax.jit(lambda s: jax.jvp(lambda s: f(s, y), (s,), (jnp.ones(4),))[1])(s)
    np.testing.assert_array_equal(forward, [-1, 0, -1, 0])
    np.testing.assert_array_equal(jax.grad(lambda s: f(s, y).sum())(s), forward)

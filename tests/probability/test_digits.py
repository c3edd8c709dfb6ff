"""How many digits the derivatives of densities and divergences keep, by their location and scale too."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dlcore import probability as pr
from tests.probability.problems import mp
from tests.probability.test_densities import ulps

pytestmark = pytest.mark.optimized

FORMATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def tail(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def laplace(z):
    return mp.exp(-abs(z)) / 2


# name: the derivative by the scale s, and where it ends, in units of the scale, in float32 and float64
BY_SCALE = {
    "normal_pdf": (lambda z, s: (z * z - 1) * mp.npdf(z) / s**2, (13.2, 37)),
    "normal_logpdf": (lambda z, s: (z * z - 1) / s, (1e6, 1e6)),
    "normal_cdf": (lambda z, s: -z * mp.npdf(z) / s, (13.3, 37)),
    "normal_logcdf": (lambda z, s: -z * mp.npdf(z) / tail(z) / s, (13.3, 37)),
    "laplace_pdf": (lambda z, s: (abs(z) - 1) * laplace(z) / s**2, (90, 700)),
    "laplace_logpdf": (lambda z, s: (abs(z) - 1) / s, (1e6, 1e6)),
    "laplace_cdf": (lambda z, s: -z * laplace(z) / s, (91, 700)),
    "laplace_logcdf": (lambda z, s: -z / s if z < 0 else -z * laplace(z) / (1 - laplace(z)) / s, (91, 700)),
}


@FORMATS
@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (0.37, 1.7), (-3.0, 0.25)])
@pytest.mark.parametrize("name", BY_SCALE)
def test_derivative_by_the_scale_next_to_its_zeros_and_far_out(name, mean, scale, dtype):
    """Where z is 1 the density does not change, and where the density is no normal number z times it may be one."""
    exact, ends = BY_SCALE[name]
    end, around = ends[dtype == np.float64], np.geomspace(1e-4, 0.3, 40)
    z = np.concatenate([np.geomspace(1e-3, end, 120), np.linspace(0.8 * end, end, 60), 1 - around, 1 + around])
    m, s = dtype(mean), dtype(scale)
    x = (m + s * np.concatenate([z, -z])).astype(dtype)
    slopes = jax.jit(jax.vmap(jax.grad(getattr(pr, name), 2), (0, None, None)))(x, m, s)
    with mpmath.workdps(60):
        center, unit = mp.mpf(float(m)), mp.mpf(float(s))
        truth = [exact((mp.mpf(float(v)) - center) / unit, unit) for v in x]
    assert np.isfinite(slopes).all()
    assert ulps(slopes, truth, dtype) <= 8


@FORMATS
def test_divergence_of_laplace_distributions_by_its_scale(dtype):
    r"""$((1 + u) e^{-u} - 1) / c + 1/c - 1/b$: for distant means a tenth of what it is put together from is left."""
    b, c = dtype(0.7), dtype(0.3)
    offset = np.concatenate([np.geomspace(1e-6, 0.1, 30), np.geomspace(4, 500, 60)]).astype(dtype)
    slopes = jax.jit(jax.vmap(jax.grad(pr.laplace_kl, 1), (0, None, None, None)))(offset, b, dtype(0), c)
    with mpmath.workdps(60):
        B, C = mp.mpf(float(b)), mp.mpf(float(c))
        u = [mp.mpf(float(d)) / B for d in offset]
        truth = [((1 + a) * mp.exp(-a) - 1) / C + 1 / C - 1 / B for a in u]
    assert ulps(slopes, truth, dtype) <= 8


@FORMATS
def test_entropy_of_two_shares_has_its_log_odds_for_derivative(dtype):
    p = (0.5 + np.concatenate([sign * np.geomspace(1e-7, 0.499, 80) for sign in (-1, 1)])).astype(dtype)
    slopes = jax.jit(jax.vmap(jax.grad(pr.bernoulli_entropy)))(p)
    with mpmath.workdps(60):
        truth = [mp.log1p(-mp.mpf(float(a))) - mp.log(mp.mpf(float(a))) for a in p]
    assert ulps(slopes, truth, dtype) <= 8


def test_divergences_where_a_square_or_a_ratio_is_no_number():
    big = np.float32(2e19)
    np.testing.assert_allclose(pr.normal_kl(big, 1.0, 0.0, 1.0), 2e38, rtol=1e-6)
    np.testing.assert_allclose(pr.laplace_normal_kl(big, 1.0, 0.0, 1.0), 2e38, rtol=1e-6)
    far = np.float32(1e38)
    for f in (pr.laplace_kl, pr.normal_laplace_kl):
        value, slopes = jax.jit(jax.value_and_grad(f, (0, 1, 2, 3)))(
            far, jnp.float32(0.1), jnp.float32(0), jnp.float32(0.5)
        )
        np.testing.assert_allclose(value, 2e38, rtol=1e-6)
        np.testing.assert_allclose(slopes[:2], [2, -10], rtol=1e-5)


@pytest.mark.parametrize("name", BY_SCALE)
def test_both_modes_agree_where_the_argument_or_its_square_is_infinite(name):
    f, x = getattr(pr, name), jnp.asarray([-jnp.inf, jnp.inf, -3e38, 3e38], jnp.float32)
    given, one = (x, jnp.full(4, 0.3, jnp.float32), jnp.full(4, 1.7, jnp.float32)), jnp.ones(4, jnp.float32)
    forward = [jax.jvp(f, given, tuple(jnp.full_like(one, i == j) for j in range(3)))[1] for i in range(3)]
    reverse = jax.grad(lambda *at: f(*at).sum(), (0, 1, 2))(*given)
    assert not np.isnan(forward).any()
    np.testing.assert_allclose(forward, reverse, rtol=1e-6)

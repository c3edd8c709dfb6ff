"""Densities, their derivatives and tails."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats

from dlcore import probability as pr
from tests.probability.problems import MEAN, RNG, SCALE, X, mp

pytestmark = pytest.mark.optimized


def ulps(values, exact, dtype):
    """The largest error in units of the last place, where the exact value is a normal number."""
    tiny, top = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    errors = [
        float(abs(mp.mpf(float(v)) - e) / mp.mpf(float(np.spacing(dtype(abs(float(e)))))))
        for v, e in zip(np.asarray(values), exact, strict=True)
        if tiny <= abs(e) <= top
    ]
    return max(errors)


# name: (function, SciPy's)
SCALAR = {
    "normal_pdf": scipy.stats.norm.pdf,
    "normal_logpdf": scipy.stats.norm.logpdf,
    "normal_cdf": scipy.stats.norm.cdf,
    "normal_logcdf": scipy.stats.norm.logcdf,
    "laplace_pdf": scipy.stats.laplace.pdf,
    "laplace_logpdf": scipy.stats.laplace.logpdf,
    "laplace_cdf": scipy.stats.laplace.cdf,
    "laplace_logcdf": lambda x, m, b: scipy.stats.laplace(m, b).logcdf(x),
    "uniform_pdf": lambda x, a, b: scipy.stats.uniform.pdf(x, a, b - a),
    "uniform_logpdf": lambda x, a, b: scipy.stats.uniform.logpdf(x, a, b - a),
    "uniform_cdf": lambda x, a, b: scipy.stats.uniform.cdf(x, a, b - a),
}


@pytest.mark.parametrize("name", SCALAR)
def test_densities_against_scipy(name):
    f, oracle = jax.jit(getattr(pr, name)), SCALAR[name]
    np.testing.assert_allclose(f(X, MEAN, SCALE), oracle(X, MEAN, SCALE), rtol=1e-13)
    per_point = (X - 1, X - 1 + np.abs(X) + 0.5) if name.startswith("uniform") else (X - 1, np.abs(X) + 0.5)
    np.testing.assert_allclose(f(X, *per_point), oracle(X, *per_point), rtol=1e-11)


@pytest.mark.parametrize(("kind", "last"), [("normal", 40.0), ("laplace", 700.0)])
def test_derivatives_are_the_densities(kind, last):
    pdf, logpdf, cdf, logcdf = (getattr(pr, f"{kind}_{f}") for f in ("pdf", "logpdf", "cdf", "logcdf"))

    @jax.jit
    @jax.vmap
    def both_ways(x):
        slopes = [jax.grad(f)(x, MEAN, SCALE) for f in (cdf, logcdf)]
        return slopes, [pdf(x, MEAN, SCALE), jnp.exp(logpdf(x, MEAN, SCALE) - logcdf(x, MEAN, SCALE))]

    slopes, densities = both_ways(np.r_[X, -last, last / 40])
    np.testing.assert_allclose(slopes[0], densities[0], rtol=1e-12)
    np.testing.assert_allclose(slopes[1], densities[1], rtol=1e-10)


@pytest.mark.parametrize("name", ["normal_pdf", "normal_cdf", "normal_logcdf", "laplace_pdf", "laplace_cdf"])
def test_derivatives_to_all_arguments_against_differences(name):
    f = getattr(pr, name)
    at = np.asarray([1.3, MEAN, SCALE])
    orders = jax.jit(lambda a: jnp.stack([f(*a), jax.grad(f)(*a), jax.grad(f, 2)(*a)]))
    slopes = jax.jit(jax.jacrev(orders))(at)
    h = 1e-5
    differences = np.stack([(orders(at + step) - orders(at - step)) / (2 * h) for step in h * np.eye(3)], 1)
    np.testing.assert_allclose(slopes, differences, rtol=2e-8, atol=1e-9)


def _tail(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


# name: (exact, half width of the range in units of the scale, float32 and float64)
TAILS = {
    "normal_pdf": (lambda z, s: mp.npdf(z) / s, (12.9, 37)),
    "normal_cdf": (lambda z, s: _tail(z), (12.6, 37)),
    "normal_logcdf": (lambda z, s: mp.log1p(-_tail(-z)) if z > 0 else mp.log(_tail(z)), (12.6, 37)),
    "laplace_pdf": (lambda z, s: mp.exp(-abs(z)) / (2 * s), (86, 700)),
    "laplace_cdf": (lambda z, s: mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2, (86, 700)),
    "laplace_logcdf": (lambda z, s: z - mp.ln(2) if z < 0 else mp.log1p(-mp.exp(-z) / 2), (86, 700)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TAILS)
def test_tails_to_four_ulp(name, dtype):
    exact, widths = TAILS[name]
    width = widths[dtype == np.float64]
    plain = name.endswith("logcdf")  # its own shift is as ill-conditioned as the logarithm of a number near 1
    mean, scale = (dtype(0), dtype(1)) if plain else (dtype(MEAN), dtype(SCALE))
    z = np.concatenate(
        [RNG.uniform(-width, width, 300), np.geomspace(1e-4, width, 100), -np.geomspace(1e-4, width, 100)]
    )
    x = (mean + scale * z).astype(dtype)
    values = jax.jit(getattr(pr, name))(jnp.asarray(x), mean, scale)
    assert values.dtype == dtype
    with mpmath.workdps(50):
        m, s = mp.mpf(float(mean)), mp.mpf(float(scale))
        truth = [exact((mp.mpf(float(v)) - m) / s, s) for v in x]
    assert ulps(values, truth, dtype) <= 4


def test_normal_logcdf_far_out():
    x = jnp.asarray([-40.0, -1e3, -1e5, -1e10])
    with mpmath.workdps(50):
        truth = [
            mp.log(_tail(mp.mpf(-40))),
            *(-(mp.mpf(v) ** 2) / 2 - mp.log(v * mp.sqrt(2 * mp.pi)) - 1 / mp.mpf(v) ** 2 for v in (1e3, 1e5, 1e10)),
        ]
    f = pr.normal_logcdf
    values, slopes, curvatures = jax.jit(jax.vmap(lambda x: (f(x), jax.grad(f)(x), jax.grad(jax.grad(f))(x))))(x)
    np.testing.assert_allclose(values, [float(t) for t in truth], rtol=1e-12)
    np.testing.assert_allclose(slopes[1:], -x[1:], rtol=1e-5)
    np.testing.assert_allclose(curvatures, -1, rtol=1e-3)


@pytest.mark.parametrize("kind", ["normal", "laplace"])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_whole_range_is_finite_and_ends_are_exact(kind, dtype):
    top = float(jnp.finfo(dtype).max)
    x = jnp.asarray([-top, max(-1e18, -top), -1.0, 0.0, 1.0, top, -jnp.inf, jnp.inf, jnp.nan], dtype)
    names = ("pdf", "cdf", "logpdf", "logcdf")
    pdf, cdf, logpdf, logcdf = (getattr(pr, f"{kind}_{name}") for name in names)

    @jax.jit
    @jax.vmap
    def everything(x):
        slopes = [jax.grad(pdf)(x), jax.grad(cdf)(x), jax.grad(jax.grad(cdf))(x)]
        return [pdf(x), cdf(x), *slopes, logpdf(x), logcdf(x)]

    found = everything(x)
    ends = [(0, 0), (0, 1), (0, 0), (0, 0), (0, 0), (-np.inf, -np.inf), (-np.inf, 0)]
    for i, (values, limits) in enumerate(zip(found, ends, strict=True)):
        assert values.dtype == dtype
        assert bool(jnp.all(jnp.isfinite(values[:6]))) or i > 4  # a logarithm may be too low for the type
        np.testing.assert_array_equal(values[6:8], np.asarray(limits, dtype))
        assert bool(jnp.isnan(values[8]))

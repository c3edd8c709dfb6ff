"""Probability: against SciPy, in the tails against mpmath, against Stata, and the theorems as properties."""

import functools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats

from dlcore import probability as pr

kde_pdf = jax.jit(pr.kde_pdf, static_argnames="kernel")
kde_logpdf = jax.jit(pr.kde_logpdf)
mvn_logpdf = jax.jit(pr.mvn_logpdf)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=50) * 3, [0.37, 0.0]])
MEAN, SCALE = 0.37, 1.7
SHARES = RNG.dirichlet(np.ones(4), 6)
OTHERS = RNG.dirichlet(np.ones(4), 6)
A = RNG.normal(size=(2, 3, 3))
COVARIANCES = A @ A.transpose(0, 2, 1) + 0.5 * np.eye(3)
MEANS = RNG.normal(size=(2, 3))
mp = mpmath.mp


@pytest.fixture(autouse=True)
def _quick_compilation(request):
    """Most tests wait for the compiler alone; those that count ulp take the code that users get."""
    jax.config.update("jax_disable_most_optimizations", "ulp" not in request.function.__name__)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def arrays(*values):
    return tuple(jnp.asarray(v) for v in values)


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


@pytest.mark.parametrize(
    ("sample", "law"),
    [
        (lambda: pr.normal_sample(KEY, (20000,), MEAN, SCALE), scipy.stats.norm(MEAN, SCALE)),
        (lambda: pr.laplace_sample(KEY, (20000,), MEAN, SCALE), scipy.stats.laplace(MEAN, SCALE)),
        (lambda: pr.uniform_sample(KEY, (20000,), MEAN, SCALE), scipy.stats.uniform(MEAN, SCALE - MEAN)),
        (lambda: pr.Normal(MEAN, SCALE).sample(KEY, (20000,)), scipy.stats.norm(MEAN, SCALE)),
    ],
)
def test_samples(sample, law):
    x = sample()
    assert x.dtype == jnp.float64
    assert scipy.stats.kstest(np.asarray(x), law.cdf).pvalue > 1e-3


def test_bernoulli():
    p = jnp.asarray([0.0, 0.3, 1.0])
    for x in (0, 1):
        outcome = jnp.full(3, x)
        np.testing.assert_allclose(pr.bernoulli_pmf(outcome, p), scipy.stats.bernoulli.pmf(x, p))
        np.testing.assert_allclose(pr.bernoulli_logpmf(outcome, p), scipy.stats.bernoulli.logpmf(x, p))
        np.testing.assert_allclose(pr.bernoulli_cdf(outcome, p), scipy.stats.bernoulli.cdf(x, p))
    np.testing.assert_array_equal(pr.bernoulli_pmf(jnp.asarray([2.0, 0.5]), 0.3), [0, 0])
    np.testing.assert_array_equal(pr.bernoulli_cdf(jnp.asarray([-1.0, 0.5, 2.0]), 0.25), [0, 0.75, 1])
    slopes = jax.vmap(jax.grad(pr.bernoulli_logpmf, 1))(jnp.asarray([0, 1, 1]), p)
    np.testing.assert_allclose(slopes, [-1, 1 / 0.3, 1])  # finite where the outcome is certain
    drawn = pr.bernoulli_sample(KEY, (20000,), jnp.float32(0.3))
    assert drawn.dtype == jnp.float32
    assert abs(float(drawn.mean()) - 0.3) < 5 * math.sqrt(0.21 / 20000)


def test_categorical():
    p = jnp.asarray([0.2, 0.5, 0.3, 0.0])
    x = jnp.eye(4)
    np.testing.assert_array_equal(pr.categorical_pmf(x, p), p)
    np.testing.assert_array_equal(pr.categorical_logpmf(x, p), jnp.log(p))
    np.testing.assert_array_equal(pr.categorical_pmf(x.astype(bool), jnp.tile(p, (4, 1))), p)
    np.testing.assert_allclose(jax.grad(pr.categorical_logpmf, 1)(x[1], p), [0, 2, 0, 0])
    drawn = np.asarray(pr.categorical_sample(KEY, (20000,), p))
    np.testing.assert_array_equal(drawn.sum(1), np.ones(20000))
    assert scipy.stats.chisquare(drawn[:, :3].sum(0), 20000 * np.asarray(p[:3])).pvalue > 1e-3
    assert drawn[:, 3].sum() == 0


def test_multivariate_normal():
    x = RNG.normal(size=(5, 2, 3))
    oracle = scipy.stats.multivariate_normal(MEANS[0], COVARIANCES[0])
    at = arrays(x, MEANS[0], COVARIANCES[0])
    np.testing.assert_allclose(mvn_logpdf(*at), oracle.logpdf(x), rtol=1e-12)
    np.testing.assert_allclose(pr.mvn_pdf(*at), oracle.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(pr.mvn_entropy(at[2]), oracle.entropy(), rtol=1e-12)
    residual = x[0, 0] - MEANS[0]
    slope = jax.grad(mvn_logpdf)(at[0][0, 0], *at[1:])
    np.testing.assert_allclose(slope, -np.linalg.solve(COVARIANCES[0], residual), rtol=1e-10)
    inverse = np.linalg.inv(COVARIANCES[0])
    by_covariance = jax.grad(mvn_logpdf, 2)(at[0][0, 0], *at[1:])
    np.testing.assert_allclose(
        by_covariance, (inverse @ np.outer(residual, residual) @ inverse - inverse) / 2, rtol=1e-9, atol=1e-12
    )
    assert mvn_logpdf(*(a.astype(jnp.bfloat16) for a in at)).dtype == jnp.bfloat16


def test_multivariate_normal_of_one_feature_and_samples():
    x = jnp.asarray(X)
    one = mvn_logpdf(x[:, None], jnp.asarray([MEAN]), jnp.asarray([[SCALE**2]]))
    np.testing.assert_allclose(one, pr.normal_logpdf(x, MEAN, SCALE), rtol=1e-12)
    drawn = pr.mvn_sample(KEY, (40000,), *arrays(MEANS[0], COVARIANCES[0]))
    moments = jax.jit(pr.sample_moments)(drawn)
    white = np.linalg.solve(np.linalg.cholesky(COVARIANCES[0]), np.asarray(drawn - MEANS[0][None]).T)
    assert np.abs(white.mean(1)).max() < 5 / math.sqrt(40000)
    assert np.abs(np.cov(white) - np.eye(3)).max() < 5 * math.sqrt(2 / 40000)
    np.testing.assert_allclose(moments.covariance, np.cov(np.asarray(drawn).T), rtol=1e-12)
    np.testing.assert_allclose(moments.mean, np.mean(drawn, 0), rtol=1e-12)


def test_norms_and_contours():
    rows = [[3.0, -4.0, 0.0], [0.0, 0.0, 0.0], [3e-200, 4e-200, 0.0], [3e200, 4e200, 0.0], [np.inf, 1.0, 0.0]]
    x = jnp.asarray([*rows, [np.nan, 1.0, 0.0]])
    norms = jax.jit(lambda x: (pr.l0_norm(x), pr.l1_norm(x), pr.l2_norm(x)))
    l0, l1, l2 = norms(x)
    np.testing.assert_array_equal(l0[:2], [2, 0])
    np.testing.assert_array_equal(l1[:2], [7, 0])
    np.testing.assert_allclose(l2, [5, 0, 5e-200, 5e200, np.inf, np.nan], rtol=1e-15)
    _, by_l1, by_l2 = jax.jit(jax.jacrev(lambda x: jnp.stack([n.sum() for n in norms(x)])))(x[:2])
    np.testing.assert_allclose(by_l2, [[0.6, -0.8, 0], [0, 0, 0]], rtol=1e-15)
    np.testing.assert_array_equal(by_l1, [[1, -1, 0], [0, 0, 0]])
    angles = jnp.linspace(0, 6.2, 50)
    for p in (0.5, 1, 2, 5.5, jnp.inf):
        points = np.asarray(jax.jit(pr.unit_contour, static_argnums=0)(p, angles))
        size = np.abs(points).max(1) if p == jnp.inf else (np.abs(points) ** p).sum(1) ** (1 / p)
        np.testing.assert_allclose(size, 1, rtol=1e-12)
        np.testing.assert_allclose(np.cos(np.arctan2(points[:, 1], points[:, 0]) - angles), 1, rtol=1e-12)


def test_expectations():
    die = jnp.arange(1.0, 7.0)
    np.testing.assert_allclose(pr.expectation(lambda x: x, die, jnp.full(6, 1 / 6)), 3.5)
    np.testing.assert_allclose(pr.expectation(lambda x: jnp.stack([x, x * x]), die, jnp.full(6, 1 / 6)), [3.5, 91 / 6])
    np.testing.assert_allclose(pr.expectation(jnp.log, jnp.asarray([0.0, 1.0]), jnp.asarray([0.0, 1.0])), 0)
    for power, moment in {1: MEAN, 2: MEAN**2 + SCALE**2, 4: MEAN**4 + 6 * MEAN**2 * SCALE**2 + 3 * SCALE**4}.items():
        exact = pr.expectation_normal(lambda x, k=power: x**k, MEAN, SCALE, points=3)
        np.testing.assert_allclose(exact, moment, rtol=1e-13)
    np.testing.assert_allclose(pr.expectation_normal(jnp.exp, MEAN, SCALE), math.exp(MEAN + SCALE**2 / 2), rtol=1e-12)
    value, error = pr.expectation_monte_carlo(KEY, pr.Normal(MEAN, SCALE), jnp.square, 20000)
    assert abs(value - (MEAN**2 + SCALE**2)) < 5 * error
    np.testing.assert_allclose(error, math.sqrt((2 * SCALE**4 + 4 * MEAN**2 * SCALE**2) / 20000), rtol=0.05)


DISTRIBUTIONS = [
    pr.Normal(MEAN, SCALE),
    pr.Laplace(MEAN, SCALE),
    pr.Uniform(MEAN, SCALE),
    pr.Bernoulli(0.3),
    pr.Categorical(jnp.asarray(SHARES[0])),
    pr.MultivariateNormal(*arrays(MEANS[0], COVARIANCES[0])),
    pr.Mixture(jnp.asarray([0.3, 0.7]), pr.Normal(*arrays([-2.0, 2.0], [0.6, 0.8]))),
]


@pytest.mark.parametrize("P", DISTRIBUTIONS, ids=lambda P: type(P).__name__)
def test_moments_and_entropies_are_those_of_the_samples(P):
    n = 20000
    x = jax.jit(lambda P: P.sample(KEY, (n,)))(P)
    mean, covariance = P.moments()
    found = jax.jit(pr.sample_moments)(x)
    spread = np.sqrt(np.diag(np.atleast_2d(covariance)))
    assert np.all(np.abs(found.mean - mean) < 5 * spread / math.sqrt(n))
    np.testing.assert_allclose(found.covariance, covariance, atol=0.1 * spread.max() ** 2)
    surprise, error = jax.jit(lambda P, x: pr.estimate(-P.log_prob(x)))(P, x)
    if isinstance(P, pr.Mixture):
        with pytest.raises(TypeError, match=r"no closed form.*expectation_monte_carlo"):
            P.entropy()
        np.testing.assert_allclose(np.trapezoid(np.exp(P.log_prob(jnp.linspace(-9, 9, 2001))), dx=0.009), 1, rtol=1e-9)
    else:
        assert abs(surprise - P.entropy()) <= 5 * error + 1e-12


def test_discrete_entropies():
    p, q = arrays(SHARES, OTHERS)
    np.testing.assert_allclose(pr.discrete_entropy(p), scipy.stats.entropy(SHARES, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(pr.discrete_kl(p, q), scipy.special.kl_div(SHARES, OTHERS).sum(-1), rtol=1e-11)
    np.testing.assert_allclose(pr.discrete_kl(p, q), scipy.stats.entropy(SHARES, OTHERS, axis=-1), rtol=1e-11)
    np.testing.assert_allclose(pr.discrete_cross_entropy(p, q), -(SHARES * np.log(OTHERS)).sum(-1), rtol=1e-13)


def test_zero_times_log_zero():
    p, q = jnp.asarray([0.5, 0.5, 0.0]), jnp.asarray([0.25, 0.75, 0.0])
    for f in (lambda p, q: pr.discrete_entropy(p), pr.discrete_cross_entropy, pr.discrete_kl):
        value, slopes = jax.jit(jax.value_and_grad(f, (0, 1)))(p, q)
        assert bool(jnp.isfinite(value))
        assert all(bool(jnp.all(jnp.isfinite(g))) for g in slopes)
    assert float(pr.discrete_kl(p, jnp.asarray([1.0, 0.0, 0.0]))) == np.inf
    assert float(pr.discrete_cross_entropy(p, jnp.asarray([1.0, 0.0, 0.0]))) == np.inf
    assert float(pr.discrete_kl(jnp.asarray([1.0, 0.0, 0.0]), p)) == pytest.approx(math.log(2), rel=1e-15)
    assert float(pr.discrete_entropy(jnp.asarray([1.0, 0.0]))) == 0
    certain = jnp.asarray([0.0, 1.0])
    np.testing.assert_array_equal(jax.vmap(pr.bernoulli_entropy)(certain), [0, 0])
    assert bool(jnp.all(jnp.isfinite(jax.vmap(jax.grad(pr.bernoulli_entropy))(certain))))


def _both(make):
    """The same family for p and for q."""
    return make(0), make(1)


PAIRS = {
    "normal": (pr.Normal(MEAN, SCALE), pr.Normal(-1.0, 0.6)),
    "laplace": (pr.Laplace(MEAN, SCALE), pr.Laplace(-1.0, 0.6)),
    "normal, laplace": (pr.Normal(MEAN, SCALE), pr.Laplace(-1.0, 0.6)),
    "laplace, normal": (pr.Laplace(MEAN, SCALE), pr.Normal(-1.0, 2.6)),
    "bernoulli": (pr.Bernoulli(0.3), pr.Bernoulli(0.8)),
    "categorical": _both(lambda i: pr.Categorical(jnp.asarray((SHARES, OTHERS)[i][0]))),
    "multivariate": _both(lambda i: pr.MultivariateNormal(*arrays(MEANS[i], COVARIANCES[i]))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergence_against_monte_carlo(name):
    P, Q = PAIRS[name]
    value, error = jax.jit(pr.kl_monte_carlo, static_argnums=3)(KEY, P, Q, 40000)
    assert 0 < error < 0.2
    assert abs(value - pr.kl_divergence(P, Q)) < 5 * error


@pytest.mark.parametrize("name", ["normal", "laplace", "normal, laplace", "laplace, normal"])
def test_divergence_against_quadrature(name):
    P, Q = PAIRS[name]
    center = mp.mpf(MEAN)
    log_p, log_q = (_exact_log_density(R) for R in (P, Q))
    with mpmath.workdps(20):
        points = sorted([-mp.inf, center - 5, center, -1, center + 5, mp.inf])
        integral = mp.quad(lambda x: mp.exp(log_p(x)) * (log_p(x) - log_q(x)), points)
    np.testing.assert_allclose(pr.kl_divergence(P, Q), float(integral), rtol=1e-12)
    np.testing.assert_allclose(pr.cross_entropy(P, Q), P.entropy() + float(integral), rtol=1e-12)  # property P5


def _exact_log_density(P):
    if isinstance(P, pr.Normal):
        return lambda x: -((x - P.mean) ** 2) / (2 * mp.mpf(P.std) ** 2) - mp.log(P.std * mp.sqrt(2 * mp.pi))
    return lambda x: -abs(x - P.mean) / mp.mpf(P.scale) - mp.log(2 * mp.mpf(P.scale))


@pytest.mark.parametrize("name", PAIRS)
def test_divergence_is_positive_zero_for_equals_and_asymmetric(name):  # properties P1 to P3
    P, Q = PAIRS[name]
    assert float(pr.kl_divergence(P, Q)) > 0
    if type(P) is type(Q):
        assert float(pr.kl_divergence(P, P)) == 0
        assert abs(float(pr.kl_divergence(P, Q)) - float(pr.kl_divergence(Q, P))) > 0.01


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_divergence_is_never_negative_and_keeps_its_digits_near_zero(dtype):
    eps = jnp.asarray(np.geomspace(1e-6, 0.1, 40), dtype)
    one = jnp.ones_like(eps)
    q = one + eps
    exact_eps = np.asarray(q, np.float64) - 1
    with mpmath.workdps(60):
        ratios = [1 / (1 + mp.mpf(float(e))) for e in exact_eps]
        gaps = [(r - 1 - mp.log(r)) for r in ratios]
        normals = [g + (r - 1) ** 2 / 2 for g, r in zip(gaps, ratios, strict=True)]
    rtol = 20 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(jax.jit(pr.normal_kl)(0.0, one, 0.0, q), [float(n) for n in normals], rtol=rtol)
    np.testing.assert_allclose(jax.jit(pr.laplace_kl)(0.0, one, 0.0, q), [float(g) for g in gaps], rtol=rtol)
    p = jnp.asarray(SHARES, dtype)
    nearby = p * jnp.asarray(1 + 1e-5 * np.asarray([1, -1, 1, -1]), dtype)[None]
    nearby = nearby / nearby.sum(-1, keepdims=True)
    kl = jax.jit(pr.discrete_kl)
    assert bool(jnp.all(kl(p, nearby) > 0))
    assert bool(jnp.all(kl(p, p) == 0))


def test_divergence_is_additive_over_independent_parts():  # property P4
    p, q = arrays(SHARES, OTHERS)
    joint_p, joint_q = (jnp.outer(a[0], a[1]).ravel() for a in (p, q))
    np.testing.assert_allclose(pr.discrete_kl(joint_p, joint_q), pr.discrete_kl(p, q)[:2].sum(), rtol=1e-13)
    stds = jnp.asarray([[0.5, 2.0], [1.5, 0.7]])
    whole = pr.mvn_kl(*(a for i in (0, 1) for a in (jnp.asarray(MEANS[i, :2]), jnp.diag(stds[i] ** 2))))
    parts = pr.normal_kl(jnp.asarray(MEANS[0, :2]), stds[0], jnp.asarray(MEANS[1, :2]), stds[1])
    np.testing.assert_allclose(whole, parts.sum(), rtol=1e-13)


def test_divergence_of_multivariate_normals_by_the_plain_formula():
    (m_p, m_q), (C_p, C_q) = MEANS, COVARIANCES
    inverse = np.linalg.inv(C_q)
    d = m_q - m_p
    plain = (np.trace(inverse @ C_p) + d @ inverse @ d - 3 + np.log(np.linalg.det(C_q) / np.linalg.det(C_p))) / 2
    np.testing.assert_allclose(pr.mvn_kl(*arrays(m_p, C_p, m_q, C_q)), plain, rtol=1e-11)


def test_laplace_divergence_is_smooth_where_the_means_meet():
    def f(mean):
        return pr.laplace_kl(mean, 1.5, 0.0, 0.7)

    slope, curvature = jax.jit(lambda mean: (jax.grad(f)(mean), jax.grad(jax.grad(f))(mean)))(0.0)
    assert float(slope) == 0
    np.testing.assert_allclose(curvature, 1 / (1.5 * 0.7), rtol=1e-13)


@pytest.mark.parametrize("std", [0.3, 1.0, 4.0])
def test_nearest_laplace_of_a_normal(std):
    P = pr.Normal(0.5, std)
    forward, backward = pr.forward_laplace_fit(P), pr.backward_laplace_fit(P)
    np.testing.assert_allclose(forward.scale, 0.7978845608028654 * std, rtol=1e-14)  # not 0.86
    np.testing.assert_allclose(pr.kl_divergence(P, forward), 0.5 - math.log(math.pi / 2), rtol=1e-13)
    np.testing.assert_allclose(pr.kl_divergence(backward, P), (math.log(math.pi) - 1) / 2, rtol=1e-13)
    for fit, divergence in (
        (forward, lambda b: pr.kl_divergence(P, pr.Laplace(0.5, b))),
        (backward, lambda b: pr.kl_divergence(pr.Laplace(0.5, b), P)),
    ):
        assert abs(float(jax.grad(divergence)(fit.scale))) < 1e-12
        assert float(divergence(fit.scale * 1.05)) > float(divergence(fit.scale)) < float(divergence(fit.scale * 0.95))


def test_forward_fit_is_broad_and_backward_fit_narrow():
    P = pr.Mixture(jnp.asarray([0.4, 0.6]), pr.Normal(*arrays([-3.0, 3.0], [0.6, 0.8])))
    x = jnp.linspace(-12, 12, 4001)

    @jax.jit
    def divergence(P, Q):
        return jnp.trapezoid(jnp.exp(P.log_prob(x)) * (P.log_prob(x) - Q.log_prob(x)), x)

    broad = pr.forward_normal_fit(P)
    starts = pr.Normal(jnp.asarray([-4.0, 4.0]), jnp.asarray([1.0, 1.0]))
    narrow = jax.jit(jax.vmap(functools.partial(pr.backward_normal_fit, P)))(starts)
    peaks = [jax.tree.map(lambda a, i=i: a[i], narrow) for i in (0, 1)]
    assert broad.std > 2.5
    for peak, mean, std, weight in zip(peaks, (-3, 3), (0.6, 0.8), (0.4, 0.6), strict=True):
        np.testing.assert_allclose([peak.mean, peak.std], [mean, std], rtol=0.01)
        np.testing.assert_allclose(divergence(peak, P), -math.log(weight), rtol=0.01)
        assert divergence(P, broad) < divergence(P, peak)
        assert divergence(peak, P) < divergence(broad, P)
    for change in (0.97, 1.03):
        assert divergence(P, pr.Normal(broad.mean * change, broad.std)) > divergence(P, broad)
        assert divergence(P, pr.Normal(broad.mean, broad.std * change)) > divergence(P, broad)
        assert divergence(pr.Normal(peaks[0].mean * change, peaks[0].std), P) > divergence(peaks[0], P)
        assert divergence(pr.Normal(peaks[0].mean, peaks[0].std * change), P) > divergence(peaks[0], P)


def test_kde_against_stata(data_dir):
    sample = jnp.asarray(np.loadtxt(data_dir / "kde" / "kde_sample_Xi.csv"))[:, None]
    points = jnp.asarray(np.loadtxt(data_dir / "kde" / "kde_support_gau.csv"))[:, None]
    stata = np.genfromtxt(data_dir / "kde" / "results_kde.csv", delimiter=",", names=True)["gau_d"]
    estimate = kde_pdf(points, sample, 0.2530440815587141)
    np.testing.assert_allclose(estimate, stata, atol=1.1e-8)


@pytest.mark.parametrize("d", [1, 2])
def test_kde_by_loops(d):
    samples, points, h = RNG.normal(size=(30, d)), RNG.normal(size=(300, d)), 0.6
    norms = np.sum((points[:, None] - samples[None]) ** 2, -1)
    gaussian = np.exp(-norms / (2 * h * h)).sum(1) / (30 * (h * math.sqrt(2 * math.pi)) ** d)
    box = np.asarray([np.all(np.abs(x - samples) <= h / 2, -1).sum() for x in points]) / (30 * h**d)
    at = arrays(points, samples)
    np.testing.assert_allclose(kde_pdf(*at, h), gaussian, rtol=1e-12)
    np.testing.assert_allclose(kde_pdf(*at, h, kernel=pr.box_kernel), box, rtol=1e-12)
    np.testing.assert_allclose(kde_pdf(at[0].reshape(3, 100, d), at[1], h), gaussian.reshape(3, 100), rtol=1e-12)
    if d == 1:
        oracle = scipy.stats.gaussian_kde(samples[:, 0])
        bandwidth = pr.scott_bandwidth(at[1])
        np.testing.assert_allclose(bandwidth, oracle.factor * samples.std(ddof=1), rtol=1e-12)
        np.testing.assert_allclose(kde_pdf(*at, bandwidth), oracle(points[:, 0]), rtol=1e-11)


def test_kde_far_from_all_samples_and_its_draws():
    samples = jnp.asarray([[0.0], [1.0]])
    far = kde_logpdf(jnp.asarray([[100.0]]), samples, 0.5)
    np.testing.assert_allclose(far, [-(99**2) / 0.5 - math.log(0.5 * math.sqrt(2 * math.pi)) - math.log(2)], rtol=1e-12)
    slope = jax.grad(lambda x: kde_logpdf(x, samples, 0.5))(jnp.asarray([100.0]))
    np.testing.assert_allclose(slope, [-99 / 0.25], rtol=1e-12)
    drawn = np.asarray(pr.kde_sample(KEY, (20000,), samples, 0.5))[:, 0]
    law = pr.Mixture(jnp.asarray([0.5, 0.5]), pr.Normal(*arrays([0.0, 1.0], [0.5, 0.5])))
    assert (
        scipy.stats.kstest(
            drawn, lambda x: (scipy.stats.norm.cdf(x / 0.5) + scipy.stats.norm.cdf((x - 1) / 0.5)) / 2
        ).pvalue
        > 1e-3
    )
    points = jnp.linspace(-2, 3, 20)
    np.testing.assert_allclose(kde_logpdf(points[:, None], samples, 0.5), law.log_prob(points), rtol=1e-12)


def test_empirical_distribution():
    samples = jnp.asarray([3.0, 1.0, 1.0, 2.0])
    np.testing.assert_array_equal(
        pr.empirical_cdf(jnp.asarray([0.0, 1.0, 1.5, 2.0, 9.0]), samples), [0, 0.5, 0.5, 0.75, 1]
    )
    drawn = np.asarray(pr.empirical_sample(KEY, (8000,), samples))
    assert scipy.stats.chisquare([(drawn == v).sum() for v in (1, 2, 3)], [4000, 2000, 2000]).pvalue > 1e-3


def test_bayes_rule():
    # a test of 99 % sensitivity and 95 % specificity for what one in a thousand has: 1.94 %
    prior, likelihood = jnp.asarray([0.999, 0.001]), jnp.asarray([0.05, 0.99])
    np.testing.assert_allclose(pr.posterior(prior, likelihood)[1], 0.00099 / (0.00099 + 0.04995), rtol=1e-14)
    log = pr.log_posterior(jnp.log(prior), jnp.log(likelihood))
    np.testing.assert_allclose(jnp.exp(log), pr.posterior(prior, likelihood), rtol=1e-13)
    tiny = pr.posterior(prior, likelihood * 1e-306)  # whose products with the prior are no normal numbers
    np.testing.assert_allclose(tiny, pr.posterior(prior, likelihood), rtol=1e-13)
    assert bool(jnp.all(jnp.isnan(pr.posterior(prior, jnp.zeros(2)))))


def test_decisions():
    posterior = jnp.asarray([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.4, 0.35, 0.25]])
    np.testing.assert_array_equal(pr.map_decision(posterior), [0, 2, 0])
    np.testing.assert_array_equal(pr.minimum_risk_decision(posterior, 1 - jnp.eye(3)), pr.map_decision(posterior))
    loss = jnp.asarray([[0.0, 1.0, 1.0, 0.3], [1.0, 0.0, 1.0, 0.3], [10.0, 1.0, 0.0, 0.3]])  # the fourth refuses
    risk = np.asarray(pr.bayes_risk(posterior, loss))
    plain = [[sum(p[y] * float(loss[y, k]) for y in range(3)) for k in range(4)] for p in np.asarray(posterior)]
    np.testing.assert_allclose(risk, plain, rtol=1e-14)
    np.testing.assert_array_equal(pr.minimum_risk_decision(posterior, loss), np.argmin(plain, 1))


def test_numbers_of_a_distribution_are_leaves():
    stack = pr.Normal(jnp.asarray([0.0, 1.0]), jnp.asarray([1.0, 2.0]))
    swept = jax.jit(jax.vmap(lambda P: pr.kl_divergence(P, pr.Normal(0.0, 1.0))))(stack)
    np.testing.assert_allclose(swept, [0, 0.5 * (4 + 1 - 1) - math.log(2)], rtol=1e-14)
    by_std = jax.grad(lambda P: pr.kl_divergence(P, pr.Normal(0.0, 1.0)))(pr.Normal(0.0, 2.0)).std
    np.testing.assert_allclose(by_std, 2 - 0.5, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: pr.normal_pdf(jnp.ones(3), 0.0, -1.0), ValueError, "std: needed numbers not below 0, got -1"),
        (lambda: pr.normal_cdf(jnp.ones(3), 0.0, 0.0), ValueError, "std: needed positive numbers, got 0"),
        (lambda: pr.laplace_pdf(jnp.ones(3), 0.0, jnp.asarray(-2.0)), ValueError, "scale: needed"),
        (lambda: pr.normal_sample(KEY, (3,), 0.0, -1.0), ValueError, "scale: needed"),
        (
            lambda: pr.normal_sample(KEY, (3,), jnp.ones(2)),
            ValueError,
            r"location: needed a scalar or \[3\], got \[2\]",
        ),
        (lambda: pr.uniform_pdf(jnp.ones(3), 1.0, 0.0), ValueError, "high - low: needed"),
        (lambda: pr.normal_pdf(jnp.arange(3)), TypeError, "x: needed a floating type, got int64"),
        (lambda: pr.normal_pdf(jnp.ones((3, 1)), jnp.ones(3)), ValueError, r"equal shapes, got x \[3, 1\], mean \[3\]"),
        (lambda: pr.bernoulli_pmf(1, jnp.asarray(1.5)), ValueError, "p: needed numbers from 0 to 1, got 1.5"),
        (lambda: pr.bernoulli_pmf(jnp.ones((3, 1)), jnp.full(3, 0.5)), ValueError, "equal shapes or a scalar"),
        (lambda: pr.categorical_pmf(jnp.eye(3), jnp.full(3, 0.5)), ValueError, "sum of 1 along the last axis, got 1.5"),
        (lambda: pr.categorical_pmf(jnp.arange(2), jnp.full(4, 0.25)), ValueError, "try: jax.nn.one_hot"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], -np.eye(3))), ValueError, "positive definite, got a least eig"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.ones((3, 3)))), ValueError, "needed positive definite"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], A[0])), ValueError, "needed a symmetric matrix"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.eye(4))), ValueError, r"x \[\.\.\., 4\] and mean \[4\]"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.ones(3))), ValueError, r"covariance: needed \[d, d\]"),
        (lambda: pr.kde_pdf(jnp.ones(3), jnp.ones(5), 0.1), ValueError, r"try: \[:, None\]"),
        (lambda: pr.kde_pdf(jnp.ones((3, 1)), jnp.ones((5, 1)), 0.0), ValueError, "bandwidth: needed positive"),
        (lambda: pr.discrete_kl(*arrays(SHARES, OTHERS[0])), ValueError, "needed equal shapes"),
        (lambda: pr.discrete_entropy(jnp.asarray([1.5, -0.5])), ValueError, "p: needed numbers from 0 to 1"),
        (lambda: pr.discrete_entropy(jnp.asarray(0.5)), ValueError, "got a scalar"),
        (lambda: pr.kl_divergence(pr.Normal(), pr.Uniform()), TypeError, r"Normal and Uniform.*try: kl_monte_carlo"),
        (lambda: pr.posterior(jnp.asarray([0.5, 0.5]), jnp.ones(3)), ValueError, r"needed prior \[c\]"),
        (
            lambda: pr.posterior(jnp.asarray([0.5, 0.5]), -jnp.ones(2)),
            ValueError,
            "likelihood: needed numbers not below",
        ),
        (lambda: pr.bayes_risk(jnp.asarray([0.5, 0.5]), jnp.ones((3, 3))), ValueError, r"loss \[c, k\]"),
        (lambda: pr.estimate(jnp.ones(1)), ValueError, "at least 2 samples"),
        (lambda: pr.sample_moments(jnp.ones((1, 3))), ValueError, "more than 1 samples"),
        (lambda: pr.unit_contour(0, jnp.ones(3)), ValueError, "p: needed a positive number"),
        (lambda: pr.empirical_cdf(jnp.ones(3), jnp.ones((3, 1))), ValueError, "one feature at a time"),
    ],
)
def test_wrong_input_says_what_was_needed(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_what_is_traced_gives_nan_and_no_error():
    bad = jax.jit(pr.mvn_logpdf)(jnp.ones(3), jnp.zeros(3), -jnp.eye(3))
    assert bool(jnp.isnan(bad))
    assert bool(jnp.isnan(jax.jit(pr.uniform_pdf)(0.5, 1.0, 0.0)))

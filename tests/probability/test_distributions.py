"""Samples, moments, entropies of distributions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats

from dlcore import probability as pr
from tests.probability.problems import COVARIANCES, KEY, MEAN, MEANS, OTHERS, RNG, SCALE, SHARES, X, arrays

mvn_logpdf = jax.jit(pr.mvn_logpdf)


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

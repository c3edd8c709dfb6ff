"""Density estimates, Bayes, wrong input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats

from dlcore import probability as pr
from tests.probability.problems import KEY, MEANS, OTHERS, RNG, SHARES, A, X, arrays

kde_pdf = jax.jit(pr.kde_pdf, static_argnames="kernel")
kde_logpdf = jax.jit(pr.kde_logpdf)


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
        (lambda: pr.normal_pdf(jnp.ones(3), 0.0, -1.0), ValueError, "std: needed numbers above 0, got -1"),
        (lambda: pr.normal_cdf(jnp.ones(3), 0.0, 0.0), ValueError, "std: needed numbers above 0, got 0"),
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
        (lambda: pr.categorical_pmf(jnp.arange(2), jnp.full(4, 0.25)), ValueError, "try jax.nn.one_hot"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], -np.eye(3))), ValueError, "positive definite, got a least eig"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.ones((3, 3)))), ValueError, "needed positive definite"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], A[0])), ValueError, "needed a symmetric matrix"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.eye(4))), ValueError, r"x \[\.\.\., 4\] and mean \[4\]"),
        (lambda: pr.mvn_logpdf(*arrays(X[:3], MEANS[0], np.ones(3))), ValueError, r"covariance: needed \[d, d\]"),
        (lambda: pr.kde_pdf(jnp.ones(3), jnp.ones(5), 0.1), ValueError, r"try: \[:, None\]"),
        (
            lambda: pr.kde_pdf(jnp.ones((3, 1)), jnp.ones((5, 1)), 0.0),
            ValueError,
            "bandwidth: needed numbers above 0, got 0",
        ),
        (lambda: pr.discrete_kl(*arrays(SHARES, OTHERS[0])), ValueError, "needed equal shapes"),
        (lambda: pr.discrete_entropy(jnp.asarray([1.5, -0.5])), ValueError, "p: needed numbers from 0 to 1"),
        (lambda: pr.discrete_entropy(jnp.asarray(0.5)), ValueError, "got a scalar"),
        (lambda: pr.kl_divergence(pr.Normal(), pr.Uniform()), TypeError, r"Normal and Uniform.*try: kl_monte_carlo"),
        (lambda: pr.posterior(jnp.asarray([0.5, 0.5]), jnp.ones(3)), ValueError, r"needed prior \[c\]"),
        (
            lambda: pr.posterior(jnp.asarray([0.5, 0.5]), -jnp.ones(2)),
            ValueError,
            "likelihood: needed numbers from 0, got -1",
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

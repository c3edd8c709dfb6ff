"""Divergences and the nearest member of a family."""

import functools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dlcore import probability as pr
from tests.probability.problems import COVARIANCES, KEY, MEAN, MEANS, OTHERS, SCALE, SHARES, arrays, mp


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

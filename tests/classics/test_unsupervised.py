"""Clusters and components."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import cluster, decomposition

from dlcore.classics import (
    inertia,
    k_means,
    k_means_fit,
    k_means_plus_plus,
    lloyd,
    pca,
    pca_fit,
    pca_inverse,
)
from tests.classics.problems import RNG, X, table

pytestmark = pytest.mark.slow


# clusters and components


@pytest.mark.parametrize(("name", "k"), [("iris", 3), ("wine", 5), ("digits", 10)])
def test_lloyd_as_scikit_learn(name, k):
    """The same centers from the same start."""
    x, _ = table(name)
    start = k_means_plus_plus(jax.random.key(1), x, k)
    oracle = cluster.KMeans(k, init=np.asarray(start), n_init=1, tol=0, algorithm="lloyd", max_iter=1000).fit(x)
    centers = lloyd(start, x, 1000)
    np.testing.assert_allclose(centers, oracle.cluster_centers_, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(k_means(centers, x), oracle.labels_)
    np.testing.assert_allclose(inertia(centers, x), oracle.inertia_)


def test_no_step_of_lloyd_raises_inertia():
    x, _ = table("digits")
    centers = x[:10]
    course = []
    for _ in range(8):
        course.append(float(inertia(centers, x)))
        centers = lloyd(centers, x, 1)
    assert (np.diff(course) < 0).all()


def test_a_center_without_examples_starts_anew():
    """A far center gets nothing at first; in the end each cloud has its own."""
    clouds = jnp.asarray(np.repeat([[0.0, 0.0], [20.0, 0.0]], 20, axis=0) + RNG.normal(size=(40, 2)))
    centers = lloyd(jnp.array([[0.0, 0.0], [900.0, 900.0]]), clouds)
    np.testing.assert_allclose(centers[jnp.argsort(centers[:, 0])], clouds.reshape(2, 20, 2).mean(1), rtol=1e-12)
    line = jnp.asarray([[0.0], [1.0], [2.0], [9.0]])  # the farthest example from its center is where it starts anew
    np.testing.assert_array_equal(lloyd(jnp.array([[0.0], [500.0]]), line, 1), [[3.0], [9.0]])
    same = lloyd(jnp.array([[1.0], [2.0], [3.0]]), jnp.ones((4, 1)))
    np.testing.assert_array_equal(same, np.ones((3, 1)))


def test_plus_plus_draws_by_squared_distance():
    """Examples of the data, all different; frequencies of the second as p_i ~ d_i² says, within five sigma."""
    x = jnp.array([[0.0], [1.0], [3.0]])
    draws = jax.vmap(lambda key: k_means_plus_plus(key, x, 2))(jax.random.split(jax.random.key(0), 4000))[..., 0]
    assert (draws[:, 0] != draws[:, 1]).all()
    from_0 = draws[draws[:, 0] == 0, 1]
    assert abs(len(from_0) - 4000 / 3) < 5 * np.sqrt(4000 * 2 / 9)
    assert abs(float((from_0 == 3).mean()) - 0.9) < 5 * np.sqrt(0.09 / len(from_0))


def test_restarts_are_a_vmap():
    """Many keys at once equal the keys alone, and the best of them is at least as good."""
    x, _ = table("iris")
    keys = jax.random.split(jax.random.key(0), 8)
    many = jax.vmap(lambda key: k_means_fit(key, x, 3))(keys)
    np.testing.assert_allclose(many[2], k_means_fit(keys[2], x, 3), rtol=1e-12)
    values = jax.vmap(inertia, (0, None))(many, x)
    best = cluster.KMeans(3, n_init=20, random_state=0, tol=0).fit(x).inertia_
    np.testing.assert_allclose(values.min(), best, rtol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e20, 1e-25])
def test_clusters_and_components_have_no_unit(scale):
    """float32 holds the data but not their squares."""
    points = np.float32([[1.0], [1.1], [0.9], [5.0], [5.2], [4.9]])
    x = jnp.asarray(points * np.float32(scale))
    for seed in range(8):
        labels = np.asarray(k_means(k_means_fit(jax.random.key(seed), x, 2), x))
        assert len(set(labels[:3])) == len(set(labels[3:])) == 1
        assert labels[0] != labels[3]
    table = X.astype(jnp.float32)
    usual, params = pca_fit(table, 2), pca_fit(table * np.float32(scale), 2)
    np.testing.assert_allclose(params.components, usual.components, atol=1e-5)
    np.testing.assert_allclose(params.ratio, usual.ratio, rtol=1e-5)
    np.testing.assert_allclose(params.mean / np.float32(scale), usual.mean, rtol=1e-5)


def test_one_example_is_nearest_whatever_the_distance_of_the_others():
    """Differences of 1e-20 beside one of 1e20: each example has a unit of its own."""
    centers = jnp.asarray([[1e20], [2e-20], [1e-20]], jnp.float32)
    x = jnp.asarray([[1.1e-20], [1.9e-20], [0.9e20], [1e-20], [0.0]], jnp.float32)
    np.testing.assert_array_equal(k_means(centers, x), [2, 1, 0, 2, 2])


@pytest.mark.parametrize(("name", "k"), [("wine", 13), ("digits", 10)])
def test_pca_as_scikit_learn(name, k):
    """Sign included; all components give back the data, and k of them what scikit-learn's give."""
    x, _ = table(name, standardized=False)
    oracle = decomposition.PCA(k, svd_solver="full").fit(x)
    params = pca_fit(x, k)
    np.testing.assert_allclose(params.components, oracle.components_, atol=1e-9)
    np.testing.assert_allclose(params.variance, oracle.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(params.ratio, oracle.explained_variance_ratio_, rtol=1e-9)
    z = pca(params, x)
    np.testing.assert_allclose(z, oracle.transform(x), atol=1e-8)
    np.testing.assert_allclose(pca_inverse(params, z), oracle.inverse_transform(np.asarray(z)), atol=1e-8)
    np.testing.assert_allclose(jnp.cov(z.T), jnp.diag(params.variance), atol=1e-6 * params.variance[0])


def test_pca_keeps_small_variances():
    """A direction of standard deviation 1e-9 beside one of 1: 1e-18 is below the rounding of the covariance matrix."""
    Q, _ = np.linalg.qr(RNG.normal(size=(2, 2)))
    x = jnp.asarray(RNG.normal(size=(100, 2)) * np.array([1.0, 1e-9]) @ Q)
    assert 0.7e-9 < jnp.sqrt(pca_fit(x, 2).variance[1]) < 1.4e-9

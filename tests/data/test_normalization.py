"""Normalization and batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import data
from dlcore.data.normalization import normalized
from tests.data.problems import table


class TestNormalization:
    def test_training_statistics_only(self):
        parts = data.split(data.load("wine"))
        done, by = data.normalize(parts)
        x = parts.train.x.astype(np.float64)
        np.testing.assert_allclose(by.mean, x.mean(0), rtol=1e-6)
        np.testing.assert_allclose(by.std, x.std(0), rtol=1e-6)
        np.testing.assert_allclose(done.train.x.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(done.train.x.std(0), 1, atol=1e-5)
        np.testing.assert_allclose(done.validation.x, (parts.validation.x - by.mean) / by.std, rtol=1e-4, atol=1e-6)
        assert done.test.opened is None
        normalized = done.test.open("test").x
        original = data.split(data.load("wine")).test.open("test").x
        np.testing.assert_allclose(normalized, (original - by.mean) / by.std, rtol=1e-4, atol=1e-6)
        assert (done.train.x.dtype, np.asarray(by.std).dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(done.train.y, parts.train.y)

    def test_given_statistics_are_used(self):
        parts = data.split(table())
        by = data.Normalization(mean=np.float32(1), std=np.float32(2))
        done, same = data.normalize(parts, by)
        assert same is by
        np.testing.assert_allclose(done.validation.x, (parts.validation.x - 1) / 2, rtol=1e-6)

    @pytest.mark.parametrize(("mean", "std"), [(0.0, 255.0), (33.3184, 78.5675)])
    def test_bytes_in_a_program_are_those_of_the_host(self, mean, std):
        """All 256 to a unit in the last place of x, or of what remains of it: XLA divides by a product, in float32."""
        x = np.arange(256, dtype=np.uint8)[:, None]
        inside = jax.jit(lambda by, x: by(x.astype(np.float32)))(
            data.Normalization(np.float32(mean), np.float32(std)), x
        )
        z = (x.astype(np.float64) - mean) / std
        assert inside.dtype == np.float32
        np.testing.assert_allclose(inside, z, rtol=1.2e-7, atol=np.spacing(np.float32(mean)) / std)
        np.testing.assert_allclose(normalized(x, data.Normalization(mean, std)), z, rtol=6e-8)

    @pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 3.3333e7, 1e-42])
    def test_constant_columns_become_zero(self, value):
        x = np.full((7, 2), value, np.float32)
        x[:, 1] = np.arange(7)
        by = data.fit_normalization(x)
        np.testing.assert_array_equal(np.asarray(by.std)[0], 1)
        z = by(x)
        assert np.isfinite(z).all()
        np.testing.assert_allclose(z[:, 0], 0, atol=1e-6)

    def test_float64_sums(self):
        x = np.full((100_000, 1), 16777216.0, np.float32)
        x[::2] += 2
        by = data.fit_normalization(x)
        np.testing.assert_allclose(by.std, 1, rtol=1e-6)

    def test_one_scale_for_images(self):
        x = np.random.default_rng(0).normal(3, 2, (10, 4, 4, 3)).astype(np.float32)
        by = data.fit_normalization(x, shared=True)
        assert np.shape(by.mean) == np.shape(by.std) == ()
        np.testing.assert_allclose([by(x).mean(), by(x).std()], [0, 1], atol=1e-5)
        assert np.shape(data.fit_normalization(x).mean) == (4, 4, 3)

    @pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
    def test_pytree_jit_inverse_and_dtype(self, dtype):
        x = jnp.asarray(np.random.default_rng(0).normal(3, 2, (10, 4)), dtype)
        by = data.fit_normalization(np.asarray(x, np.float64))
        z = jax.jit(lambda n, x: n(x))(by, x)
        assert z.dtype == x.dtype
        np.testing.assert_allclose(by.inverse(z).astype(float), x.astype(float), atol=20 * float(jnp.finfo(dtype).eps))

    def test_wrong_features_and_integers(self):
        by = data.fit_normalization(np.random.default_rng(0).normal(size=(9, 3)))
        with pytest.raises(ValueError, match=r"needed examples of shape \[3\], got \[5, 4\]"):
            by(np.zeros((5, 4), np.float32))
        with pytest.raises(TypeError, match="floating"):
            by(np.zeros((5, 3), int))
        assert by(np.zeros(3, np.float32)).shape == (3,)

    def test_no_examples(self):
        with pytest.raises(ValueError, match="at least one"):
            data.fit_normalization(np.zeros((0, 3)))


class TestBatches:
    @pytest.mark.parametrize(("n", "b"), [(1, 1), (10, 3), (10, 5), (10, 10), (10, 32), (1078, 32), (7, 1)])
    def test_every_example_once(self, n, b):
        indices, mask = jax.jit(data.batch_indices, static_argnums=(1, 2))(jax.random.key(0), n, b)
        assert indices.shape == mask.shape == (data.batch_count(n, b), b)
        np.testing.assert_array_equal(np.sort(indices[mask]), np.arange(n))
        assert indices.min() >= 0
        assert indices.max() < n
        assert mask[:-1].all()

    def test_orders_differ_by_key_and_vmap(self):
        keys = jax.random.split(jax.random.key(0), 3)
        orders, _ = jax.vmap(lambda k: data.batch_indices(k, 50, 10))(keys)
        np.testing.assert_array_equal(orders[1], data.batch_indices(keys[1], 50, 10)[0])
        assert not np.array_equal(orders[0], orders[1])

    def test_bad_sizes(self):
        for n, b in ((0, 4), (4, 0)):
            with pytest.raises(ValueError, match="at least 1"):
                data.batch_count(n, b)

    def test_one_hot(self):
        y = np.array([2, 0, 1], np.int32)
        np.testing.assert_array_equal(data.one_hot(y, 3), np.eye(3)[y])
        assert data.one_hot(y, 3).dtype == jnp.float32
        np.testing.assert_array_equal(jax.jit(lambda y: data.one_hot(y, 3))(y), np.eye(3)[y])
        assert data.one_hot(y[None], 4, jnp.bfloat16).shape == (1, 3, 4)
        for wrong in ([-1, 0], [0, 3]):
            with pytest.raises(ValueError, match="needed labels 0 to 2"):
                data.one_hot(np.array(wrong), 3)
        with pytest.raises(TypeError, match="integer"):
            data.one_hot(np.array([0.0]), 3)

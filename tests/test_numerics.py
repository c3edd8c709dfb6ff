"""The ground floor of numbers: norms at the ends of the range, and what is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.numerics.functions import root
from dlcore.numerics.norms import global_norm, norm

pytestmark = pytest.mark.optimized

FLOATS = [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_norm_is_that_of_numpy_and_keeps_the_dtype(dtype):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4, 5)), dtype)
    for axis in (None, 0, -1, (0, 2)):
        for keepdims in (False, True):
            ours = norm(x, axis, keepdims)
            theirs = np.sqrt(np.sum(np.square(np.asarray(x, float)), axis, keepdims=keepdims))
            assert ours.dtype == dtype
            assert ours.shape == np.shape(theirs)
            np.testing.assert_allclose(np.asarray(ours, float), theirs, rtol=2 * float(jnp.finfo(dtype).eps))


@pytest.mark.parametrize("f", [norm, global_norm])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_norm_at_the_ends_of_the_range(f, dtype):
    info = np.finfo(dtype)
    for size in (float(info.tiny), float(info.max) / 8, 1e-25, 1e25):
        x = jnp.asarray([3, -4], dtype) * dtype(size)
        np.testing.assert_allclose(f(x) / dtype(size), 5, rtol=2 * info.eps)
        np.testing.assert_allclose(jax.grad(f)(x), [0.6, -0.8], rtol=4 * info.eps)
    np.testing.assert_array_equal(jax.grad(f)(jnp.zeros(2, dtype)), 0)
    assert f(jnp.zeros(2, dtype)) == f(jnp.zeros(0, dtype)) == 0
    assert f(jnp.asarray([1, np.inf], dtype)) == np.inf
    assert np.isnan(f(jnp.asarray([1, np.nan], dtype)))
    assert f(jnp.asarray([3, 4j], np.result_type(dtype, np.complex64))) == 5


def test_global_norm_is_that_of_all_leaves():
    tree = {"a": jnp.asarray([1.0, 2.0], jnp.float32), "b": jnp.asarray([[4.0], [10.0]], jnp.bfloat16)}
    assert global_norm(tree) == 11
    assert global_norm(tree).dtype == jnp.float32
    assert global_norm({}) == 0
    slopes = jax.grad(global_norm)(tree)
    np.testing.assert_allclose(slopes["a"], [1 / 11, 2 / 11], rtol=1e-6)
    assert slopes["b"].dtype == jnp.bfloat16
    with pytest.raises(TypeError, match="needed a floating type"):
        global_norm({"a": jnp.arange(3)})


def test_root_has_the_derivative_0_at_0():
    np.testing.assert_array_equal(jax.vmap(jax.grad(root))(jnp.asarray([0.0, 4.0])), [0, 0.25])
    assert np.isnan(root(jnp.asarray(-1.0)))

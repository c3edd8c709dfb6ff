"""How gradients grow and vanish through layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import activations
from dlcore.backprop import (
    Affine,
    backpropagate,
    forward,
    growth_rate,
    jacobian_norms,
    layer_jacobians,
    layer_norms,
    squared_error_head,
    with_grad,
)
from tests.backprop.problems import data, mlp

# Vanishing and exploding gradients


@pytest.mark.parametrize("phi", [activations.tanh, jax.nn.softmax], ids=["by hand", "by JAX"])
def test_layer_jacobians(phi):
    params = mlp(3, 5, 4, 2)
    a = forward(params, data(6, 3, 2)[0], phi).a
    expected = jax.vmap(jax.jacfwd(lambda row: phi(row) @ params[1].W))(a[0])
    J = layer_jacobians(params[1].W, a[0], with_grad(phi))
    np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-15)
    norms = jacobian_norms(params, a, phi)
    assert len(norms) == 2
    np.testing.assert_allclose(norms[0].spectral, [np.linalg.svd(j)[1][0] for j in np.asarray(expected)], rtol=1e-12)
    np.testing.assert_allclose(norms[0].frobenius, [np.linalg.norm(j) for j in np.asarray(expected)], rtol=1e-12)


def test_the_spectral_norms_bound_the_error_vectors():
    params = mlp(3, 6, 6, 6, 2)
    x, y = data(20, 3, 2)
    got = backpropagate(params, x, y, activations.tanh, squared_error_head)
    norms = jacobian_norms(params, got.a, activations.tanh)
    for i, norm in enumerate(norms):
        below, above = (jnp.linalg.norm(got.delta[k], axis=1) for k in (i, i + 1))
        assert jnp.all(below <= above * norm.spectral * (1 + 1e-12))
    assert jnp.all(norms[0].spectral <= norms[0].frobenius * (1 + 1e-12))


def test_layer_norms_of_any_tree():
    tree = {"b": (jnp.array([3.0, 4.0]), jnp.array(12.0)), "a": [], "c": jnp.array([1, 2]), "d": {"w": jnp.zeros(3)}}
    np.testing.assert_allclose(layer_norms(tree), [0, 13, 0, 0])
    np.testing.assert_array_equal(jax.jit(layer_norms)(tree), layer_norms(tree))
    np.testing.assert_allclose(layer_norms(jnp.array([3.0, 4.0])), [5])
    with pytest.raises(ValueError, match="needed layers of floating arrays, got none"):
        layer_norms({"a": jnp.array([1])})


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_norms_neither_overflow_nor_underflow(scale):
    v = jnp.asarray([3 * scale, 4 * scale], jnp.float32)
    np.testing.assert_allclose(layer_norms([v]), [5 * scale], rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda v: layer_norms([v])[0])(v), [0.6, 0.8], rtol=1e-6)


def test_norms_have_finite_gradients_at_zero():
    np.testing.assert_array_equal(jax.grad(lambda v: layer_norms([v])[0])(jnp.zeros(3)), jnp.zeros(3))
    np.testing.assert_array_equal(jax.grad(lambda n: growth_rate(n))(jnp.zeros(3)), jnp.zeros(3))


def test_growth_rate():
    np.testing.assert_allclose(growth_rate(jnp.array([[1.0, 10.0, 100.0], [8.0, 5.0, 2.0]])), [0.1, 2])
    np.testing.assert_array_equal(growth_rate(jnp.array([[0.0, 1.0], [0.0, 0.0]])), [0, 0])
    with pytest.raises(ValueError, match=r"two layers or more, got \[1\]"):
        growth_rate(jnp.ones(1))


def test_linear_layers_grow_as_their_matrices():
    # a_{l+1} = 3 Q a_l with Q orthogonal: error vectors grow by exactly 3 per layer
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    params = [Affine(jnp.asarray(3 * Q), jnp.zeros(4))] * 5
    x, y = data(7, 4, 4)
    got = backpropagate(params, x, y, activations.identity, squared_error_head)
    np.testing.assert_allclose(growth_rate(layer_norms(got.delta)), 3, rtol=1e-13)
    np.testing.assert_allclose(
        jacobian_norms(params, got.a, activations.identity)[0].spectral, jnp.full(7, 3), rtol=1e-13
    )

"""Backpropagation by hand equals JAX's."""

import functools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import activations
from dlcore.backprop import (
    ActivationAndGrad,
    Affine,
    Head,
    backpropagate,
    forward,
    growth_rate,
    jacobian_norms,
    layer_norms,
    sigmoid_cross_entropy_head,
    softmax_cross_entropy_head,
    squared_error_head,
    with_grad,
)
from tests.backprop.problems import data, mlp


def loss_by_jax(params, x, y, phi, output, loss, shifts=None):
    """The textbook's network written anew; ``shifts`` are added to the a_l, to differentiate by them."""
    for i, (W, b) in enumerate(params):
        a = jnp.einsum("ni,ij->nj", x, W) + b[None] + (0 if shifts is None else shifts[i])
        x = (output if i == len(params) - 1 else phi)(a)
    return jnp.mean(jax.vmap(loss)(x, y))


def squared(x, y):
    return jnp.vdot(x - y, x - y)


def cross_entropy(x, y):
    return -jnp.vdot(y, jnp.log(jnp.exp(x) / jnp.sum(jnp.exp(x))))


def binary_cross_entropy(x, y):
    p = 1 / (1 + jnp.exp(-x))
    return -jnp.sum(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def identity(s):
    return s


HEADS = {
    "squared error": (squared_error_head, squared),
    "softmax": (softmax_cross_entropy_head, cross_entropy),
    "sigmoid": (sigmoid_cross_entropy_head, binary_cross_entropy),
    "left to JAX": (Head(lambda x, y: jnp.sum(jnp.cosh(x - y), axis=-1)), lambda x, y: jnp.sum(jnp.cosh(x - y))),
}
PHIS = [activations.tanh, activations.sigmoid, activations.relu, activations.softmax, jax.nn.gelu]


def deltas(params, x, y, phi, output, loss):
    zero = [jnp.zeros((x.shape[0], W.shape[1])) for W, _ in params]
    return jax.grad(lambda s: loss_by_jax(params, x, y, phi, output, loss, s))(zero)


def check_against_jax(params, x, y, layers, phi, output, head, loss):
    run = jax.jit(lambda p: backpropagate(p, x, y, layers, head))
    got = run(params)
    value, grads = jax.value_and_grad(loss_by_jax)(params, x, y, phi, output, loss)
    np.testing.assert_allclose(got.loss, value, rtol=1e-14)
    expected = [*jax.tree.leaves(grads), *deltas(params, x, y, phi, output, loss)]
    for ours, theirs in zip([*jax.tree.leaves(got.grads), *got.delta], expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("phi", PHIS, ids=lambda phi: phi.__name__)
def test_error_vectors_and_gradients_equal_jax(phi):
    x, y = data(6, 3, 2)
    check_against_jax(mlp(3, 5, 4, 2), x, y, phi, phi, identity, squared_error_head, squared)


@pytest.mark.parametrize("name", HEADS)
def test_heads(name):
    head, loss = HEADS[name]
    x, y = data(6, 3, 2)
    y = y / jnp.sum(y, axis=1, keepdims=True)
    check_against_jax(mlp(3, 4, 2), x, y, jnp.tanh, jnp.tanh, identity, head, loss)


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_any_depth_with_an_activation_on_the_output(depth):
    # the sum over all paths of the lectures' general formula, with dL/dy * dy/ds at the output
    x, y = data(4, 3, 3)
    layers = [activations.tanh] * (depth - 1) + [activations.sigmoid]
    check_against_jax(
        mlp(*[3] * (depth + 1)), x, y, layers, activations.tanh, activations.sigmoid, squared_error_head, squared
    )


def test_one_neuron_by_hand():
    # one input, one hidden neuron, squared error: every number by the chain rule on paper
    params = [Affine(jnp.array([[2.0]]), jnp.array([-1.0])), Affine(jnp.array([[3.0]]), jnp.array([0.5]))]
    got = backpropagate(params, jnp.array([[1.0]]), jnp.array([[2.0]]), activations.sigmoid, squared_error_head)
    h = 1 / (1 + math.exp(-1))
    error = 2 * (3 * h + 0.5 - 2)
    assert got.delta[1].item() == pytest.approx(error, rel=1e-15)
    assert got.grads[1].W.item() == pytest.approx(error * h, rel=1e-15)
    assert got.delta[0].item() == pytest.approx(error * 3 * h * (1 - h), rel=1e-15)
    assert got.grads[0].W.item() == pytest.approx(error * 3 * h * (1 - h), rel=1e-15)


def test_class_indices_are_one_hot_labels():
    x, _ = data(5, 3, 2)
    labels = jnp.array([0, 2, 1, 1, 0])
    run = functools.partial(
        backpropagate, mlp(3, 4, 3), x, activations=activations.relu, head=softmax_cross_entropy_head
    )
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-14), run(y=labels), run(y=jnp.eye(3)[labels]))


@pytest.mark.parametrize("head", [softmax_cross_entropy_head, sigmoid_cross_entropy_head])
def test_heads_are_finite_for_huge_logits(head):
    x, y = jnp.array([[1e4, -1e4, 0.0]]), jnp.array([[0.0, 1.0, 0.0]])
    assert jnp.all(jnp.isfinite(head.value(x, y)))
    np.testing.assert_allclose(head.derivative(x, y), jax.grad(lambda x: head.value(x, y).sum())(x), atol=1e-15)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtype_is_kept(dtype):
    x, y = data(4, 3, 2, dtype)
    params = mlp(3, 4, 2, dtype=dtype)

    def everything(params):
        got = backpropagate(params, x, y, activations.tanh, squared_error_head)
        return got, growth_rate(layer_norms(got.grads)), jacobian_norms(params, got.a, activations.tanh)

    assert {leaf.dtype for leaf in jax.tree.leaves(jax.eval_shape(everything, params))} == {jnp.dtype(dtype)}


def test_vmap_over_networks_is_a_loop():
    x, y = data(4, 3, 2)
    nets = [mlp(3, 4, 2, seed=seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *nets)
    run = functools.partial(backpropagate, x=x, y=y, activations=activations.tanh, head=squared_error_head)
    together = jax.vmap(run)(stacked)
    for i, net in enumerate(nets):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-13), together, run(net))


def test_derivatives_stand_beside_their_functions():
    for name in activations.__all__:
        derivative = getattr(activations, f"{name}_grad", None)
        assert with_grad(getattr(activations, name)).derivative is derivative
    assert with_grad(lambda s: s).derivative is None
    pair = ActivationAndGrad(jnp.sin, jnp.cos)
    assert with_grad(pair) is pair
    half = with_grad(functools.partial(activations.tanh))
    np.testing.assert_array_equal(half.derivative(jnp.ones(2)), activations.tanh_grad(jnp.ones(2)))


def test_a_wrong_derivative_is_used_as_given():
    x, y = data(4, 3, 2)
    wrong = ActivationAndGrad(jnp.tanh, jnp.zeros_like)
    assert jnp.all(backpropagate(mlp(3, 4, 2), x, y, wrong, squared_error_head).delta[0] == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, x: (p, x[0]), r"got x \[3\].*try x\[None\]"),
        (lambda p, x: ([Affine(p[0].W.T, p[0].b), p[1]], x), r"W \[4, 3\] b \[4\].*W\.T"),
        (lambda p, x: ([Affine(p[0].W, p[0].b[:, None]), p[1]], x), r"b \[4, 1\]"),
        (lambda p, x: ([], x), "no layers"),
    ],
)
def test_shapes_that_do_not_fit(change, message):
    x, _ = data(5, 3, 2)
    params, x = change(mlp(3, 4, 2), x)
    with pytest.raises(ValueError, match=message):
        forward(params, x, activations.tanh)


def test_other_bad_input():
    x, y = data(5, 3, 2)
    params = mlp(3, 4, 2)
    with pytest.raises(ValueError, match="needed one for each of the 2 layers, got 1"):
        forward(params, x, [activations.tanh])
    with pytest.raises(TypeError, match="x: needed a floating type, got int64"):
        forward(params, jnp.ones((5, 3), int), activations.tanh)
    equal, labels = "needed equal shapes", "needed integer labels [5] or floating labels [5, 2]"
    heads = {squared_error_head: equal, sigmoid_cross_entropy_head: equal, softmax_cross_entropy_head: labels}
    for head, message in heads.items():
        with pytest.raises(ValueError, match=re.escape(message)):
            backpropagate(params, x, y[:, :1], activations.tanh, head)

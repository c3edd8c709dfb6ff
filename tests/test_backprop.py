"""Backpropagation by hand against jax.grad, norms against NumPy, and a gradient check that finds planted errors."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import activations
from dlcore.backprop import (
    Activation,
    Head,
    Layer,
    activation_of,
    backpropagate,
    check_gradient,
    forward,
    growth_rate,
    jacobian_norms,
    layer_jacobians,
    layer_norms,
    sigmoid_cross_entropy_head,
    softmax_cross_entropy_head,
    squared_error_head,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def mlp(*widths, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return [
        Layer(jnp.asarray(rng.normal(size=(m, n)), dtype), jnp.asarray(rng.normal(size=n), dtype))
        for m, n in itertools.pairwise(widths)
    ]


def data(n, m, k, dtype=float):
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(size=(n, m)), dtype), jnp.asarray(rng.uniform(size=(n, k)), dtype)


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
    params = [Layer(jnp.array([[2.0]]), jnp.array([-1.0])), Layer(jnp.array([[3.0]]), jnp.array([0.5]))]
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
    assert jax.tree.all(jax.tree.map(np.array_equal, run(y=labels), run(y=jnp.eye(3)[labels])))


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
    assert activation_of(activations.tanh).derivative is activations.tanh_grad
    assert activation_of(lambda s: s).derivative is None
    pair = Activation(jnp.sin, jnp.cos)
    assert activation_of(pair) is pair
    half = activation_of(functools.partial(activations.tanh))
    np.testing.assert_array_equal(half.derivative(jnp.ones(2)), activations.tanh_grad(jnp.ones(2)))


def test_a_wrong_derivative_is_used_as_given():
    x, y = data(4, 3, 2)
    wrong = Activation(jnp.tanh, jnp.zeros_like)
    assert jnp.all(backpropagate(mlp(3, 4, 2), x, y, wrong, squared_error_head).delta[0] == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, x: (p, x[0]), r"got x \[3\].*try x\[None\]"),
        (lambda p, x: ([Layer(p[0].W.T, p[0].b), p[1]], x), r"W \[4, 3\] b \[4\].*W\.T"),
        (lambda p, x: ([Layer(p[0].W, p[0].b[:, None]), p[1]], x), r"b \[4, 1\]"),
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
    for head in (squared_error_head, sigmoid_cross_entropy_head, softmax_cross_entropy_head):
        with pytest.raises(ValueError, match="needed equal shapes"):
            backpropagate(params, x, y[:, :1], activations.tanh, head)


# Vanishing and exploding gradients


@pytest.mark.parametrize("phi", [activations.tanh, jax.nn.softmax], ids=["by hand", "by JAX"])
def test_layer_jacobians(phi):
    params = mlp(3, 5, 4, 2)
    a = forward(params, data(6, 3, 2)[0], phi).a
    expected = jax.vmap(jax.jacfwd(lambda row: phi(row) @ params[1].W))(a[0])
    J = layer_jacobians(params[1].W, a[0], activation_of(phi))
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
    params = [Layer(jnp.asarray(3 * Q), jnp.zeros(4))] * 5
    x, y = data(7, 4, 4)
    got = backpropagate(params, x, y, activations.identity, squared_error_head)
    np.testing.assert_allclose(growth_rate(layer_norms(got.delta)), 3, rtol=1e-13)
    np.testing.assert_allclose(
        jacobian_norms(params, got.a, activations.identity)[0].spectral, jnp.full(7, 3), rtol=1e-13
    )


# The gradient check


def planted(f, df):
    """``f`` with the derivative ``df``, right or wrong."""
    g = jax.custom_jvp(f)
    g.defjvp(lambda primals, tangents: (f(*primals), df(*primals) * tangents[0]))
    return g


def leaf(report, path):
    return next(found for found in report.leaves if found.path == path)


TREE = {"first": {"W": jnp.array([[0.3, -1.2], [2.0, 0.1]])}, "rest": [jnp.array([0.5, 0.7, 0.9]), jnp.array(1.5)]}


def smooth(p, wrong=jnp.sin):
    return jnp.sum(jnp.sin(p["first"]["W"])) * p["rest"][1] ** 2 + jnp.sum(wrong(p["rest"][0]) ** 3)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_right_gradients_pass(dtype):
    report = check_gradient(smooth, jax.tree.map(lambda x: x.astype(dtype), TREE))
    assert report.ok
    assert report.kinks == 0
    assert {found.path for found in report.leaves} == {"first.W", "rest[0]", "rest[1]"}
    assert all(found.excess < 1 for found in report.leaves)
    assert leaf(report, "first.W").directions == 4


@pytest.mark.parametrize(("dtype", "factor"), [(jnp.float32, 1.02), (jnp.float64, 1.000001), (jnp.float64, -1.0)])
def test_a_planted_error_is_found_and_its_leaf_named(dtype, factor):
    wrong = planted(jnp.sin, lambda x: factor * jnp.cos(x))
    report = check_gradient(lambda p: smooth(p, wrong), jax.tree.map(lambda x: x.astype(dtype), TREE))
    assert not report.ok
    assert report.worst == "rest[0]"
    assert leaf(report, "rest[0]").status == "wrong gradient"
    assert leaf(report, "first.W").status == leaf(report, "rest[1]").status == "ok"


def test_an_error_in_one_coordinate_is_located():
    spoil = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1e-3]])
    wrong = planted(jnp.exp, lambda x: jnp.exp(x) + spoil)
    found = check_gradient(lambda x: jnp.sum(wrong(x)), jnp.zeros((2, 3))).leaves[0]
    assert found.path == "params"
    assert found.index == (1, 2)
    assert found.derivative - found.difference == pytest.approx(1e-3, rel=1e-5)


def test_an_error_in_a_large_leaf_is_found_by_random_directions():
    wrong = planted(jnp.sin, lambda x: 1.001 * jnp.cos(x))
    tree = {"large": jnp.linspace(0, 1, 5000), "other": jnp.linspace(1, 2, 5000)}
    assert check_gradient(lambda p: jnp.sum(jnp.sin(p["large"]) * p["other"]), tree).ok
    report = check_gradient(lambda p: jnp.sum(wrong(p["large"])) + jnp.sum(p["other"] ** 2), tree)
    assert report.worst == "large"
    assert leaf(report, "large").index is None
    assert leaf(report, "large").directions == 16
    assert leaf(report, "other").status == "ok"


@pytest.mark.parametrize("f", [jax.nn.relu, jnp.abs, lambda x: jnp.maximum(x, 0.3 * x)], ids=["relu", "abs", "leaky"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_kinks_are_kinks_wherever_they_lie_within_the_step(f, dtype):
    h = check_gradient(lambda x: jnp.sum(f(x)), jnp.ones(1, dtype)).leaves[0].step
    offsets = jnp.asarray(h * np.array([-0.9, -0.5, -1 / 3, -0.2, 0, 1e-3, 0.2, 1 / 3, 3 / 7, 0.6, 0.99, 3, -7]), dtype)
    report = check_gradient(lambda x: jnp.sum(f(x)), offsets)
    assert report.ok
    assert {(0,), (1,), (2,), (3,), (5,), (6,), (7,)} <= set(report.leaves[0].kinks)
    assert not {(11,), (12,)} & set(report.leaves[0].kinks)


def test_a_wrong_slope_at_a_kink_is_no_kink():
    wrong = planted(jax.nn.relu, lambda x: jnp.where(x > 0, 1, 1.5))
    report = check_gradient(lambda x: jnp.sum(wrong(x)), jnp.array([1.0, 0.0, 2.0]))
    assert report.leaves[0].status == "wrong gradient"
    assert report.leaves[0].index == (1,)


def test_a_jump_is_no_kink():
    report = check_gradient(lambda x: jnp.sum(jnp.where(x >= 0, x + 1, x)), jnp.array([1.0, 0.0]))
    assert report.leaves[0].status == "jump"
    assert report.leaves[0].index == (1,)


def test_modes_that_disagree():
    @jax.custom_vjp
    def odd(x):
        return jnp.sin(x)

    odd.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x),))
    with pytest.raises(TypeError, match="custom_vjp"):
        check_gradient(odd, 1.0)
    assert check_gradient(odd, 1.0, forward_mode=False).ok


def test_outside_of_the_domain_is_not_finite():
    report = check_gradient(lambda p: jnp.log(p["x"]) + p["y"], {"x": 1e-8, "y": 1.0})
    assert not report.ok
    assert report.worst == "x"
    assert leaf(report, "x").status == "not finite"
    assert check_gradient(jnp.log, 1e-8, step=1e-12).ok


def test_outputs_of_any_shape_and_trees_with_integers():
    def f(p):
        return {"a": p["x"] ** p["n"], "b": jnp.outer(p["x"], p["x"])}

    tree = {"x": jnp.array([1.0, 2.0]), "n": jnp.array(3), "none": None, "empty": jnp.zeros((0, 2))}
    report = check_gradient(lambda p: {**f(p), "c": p["empty"]}, tree)
    assert report.ok
    assert [found.path for found in report.leaves] == ["x"]
    wrong = planted(lambda x: x**2, lambda x: 2.1 * x)
    assert not check_gradient(lambda p: wrong(p["x"]), tree).ok


def test_backpropagation_by_hand_passes_and_a_wrong_one_fails():
    x, y = data(5, 3, 2)

    def loss_of(phi):
        @jax.custom_vjp
        def loss(params):
            return backpropagate(params, x, y, phi, squared_error_head).loss

        def pull(params):
            got = backpropagate(params, x, y, phi, squared_error_head)
            return got.loss, got.grads

        loss.defvjp(pull, lambda grads, g: (jax.tree.map(lambda d: g * d, grads),))
        return loss

    params = tuple(mlp(3, 4, 2))
    assert check_gradient(loss_of(activations.tanh), params, forward_mode=False).ok
    wrong = loss_of(Activation(jnp.tanh, lambda a: 1 - jnp.tanh(a)))
    report = check_gradient(wrong, params, forward_mode=False)
    assert {found.path: found.status for found in report.leaves} == {
        "[0].W": "wrong gradient",
        "[0].b": "wrong gradient",
        "[1].W": "ok",
        "[1].b": "ok",
    }


def test_bad_input_of_the_check():
    with pytest.raises(ValueError, match="needed at least one floating array"):
        check_gradient(lambda n: 1.0, jnp.array(3))
    with pytest.raises(TypeError, match="needed real arrays, got complex128"):
        check_gradient(lambda z: jnp.abs(z), jnp.array(1j))
    with pytest.raises(TypeError, match="needed real floating outputs"):
        check_gradient(lambda x: jnp.argmax(x), jnp.ones(3))

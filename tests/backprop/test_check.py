"""The gradient check finds planted errors and no others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import activations
from dlcore.backprop import (
    ActivationAndGrad,
    backpropagate,
    check_gradient,
    squared_error_head,
)
from tests.backprop.problems import data, leaf, mlp

# The gradient check


def planted(f, df):
    """``f`` with the derivative ``df``, right or wrong."""
    g = jax.custom_jvp(f)
    g.defjvp(lambda primals, tangents: (f(*primals), df(*primals) * tangents[0]))
    return g


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
    wrong = loss_of(ActivationAndGrad(jnp.tanh, lambda a: 1 - jnp.tanh(a)))
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

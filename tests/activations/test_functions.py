"""What the activations give, and their derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import activations as A
from tests.activations.problems import INF, grid

FLOATS = [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64]
SMOOTH = ["elu", "gelu", "log_sigmoid", "selu", "sigmoid", "silu", "softplus", "tanh"]
STRAIGHT = ["hard_tanh", "identity", "leaky_relu", "relu", "sign", "step"]
JAX = {
    "elu": jax.nn.elu,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": jax.nn.leaky_relu,
    "log_sigmoid": jax.nn.log_sigmoid,
    "relu": jax.nn.relu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}


@pytest.mark.parametrize("name", SMOOTH + STRAIGHT)
def test_derivative_is_that_of_automatic_differentiation(name):
    """Bit for bit: at kinks, in tails and over the whole range."""
    f, derivative = getattr(A, name), getattr(A, f"{name}_grad")
    x = jnp.concatenate([jnp.asarray([0.0, -0.0, 1.0, -1.0]), grid(np.float64)])
    automatic = jax.jit(jax.vmap(jax.grad(f)))(x)
    np.testing.assert_allclose(automatic, jax.jit(derivative)(x), rtol=1e-15)
    forward = jax.jit(lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1])(x)
    np.testing.assert_allclose(forward, automatic, rtol=1e-15)


@pytest.mark.parametrize("name", JAX)
def test_values_and_first_two_derivatives_are_those_of_jax(name):
    x = jnp.asarray(np.linspace(-8, 8, 101) + 0.013)
    f, g = getattr(A, name), JAX[name]
    for order in range(3):
        ours, theirs = (jax.jit(jax.vmap(functools.reduce(lambda h, _: jax.grad(h), range(order), h))) for h in (f, g))
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", SMOOTH)
def test_third_derivatives_are_right_and_finite_everywhere(name):
    f = getattr(A, name)
    second, third = jax.grad(jax.grad(f)), jax.jit(jax.vmap(jax.grad(jax.grad(jax.grad(f)))))
    x = jnp.asarray([-3.1, -1.2, -0.7, -0.2, 0.3, 0.9, 2.2])
    h = 1e-5
    numeric = (jax.vmap(second)(x + h) - jax.vmap(second)(x - h)) / (2 * h)
    np.testing.assert_allclose(third(x), numeric, rtol=1e-6, atol=1e-8)
    for dtype in (np.float32, np.float64):
        assert np.isfinite(third(jnp.asarray(grid(dtype)))).all()


LIMITS = {  # at -inf, at +inf
    "elu": (-1, INF),
    "elu_grad": (0, 1),
    "gelu": (0, INF),
    "gelu_grad": (0, 1),
    "hard_tanh": (-1, 1),
    "hard_tanh_grad": (0, 0),
    "identity": (-INF, INF),
    "leaky_relu": (-INF, INF),
    "leaky_relu_grad": (0.01, 1),
    "log_sigmoid": (-INF, 0),
    "log_sigmoid_grad": (1, 0),
    "relu": (0, INF),
    "relu_grad": (0, 1),
    "selu": (-1.7580993408473766, INF),
    "selu_grad": (0, 1.0507009873554805),
    "sigmoid": (0, 1),
    "sigmoid_grad": (0, 0),
    "sign": (-1, 1),
    "silu": (0, INF),
    "silu_grad": (0, 1),
    "softplus": (0, INF),
    "softplus_grad": (0, 1),
    "step": (0, 1),
    "tanh": (-1, 1),
    "tanh_grad": (0, 0),
}


def test_limits_at_infinity():
    got = {name: tuple(np.asarray(getattr(A, name)(jnp.asarray([-INF, INF])))) for name in LIMITS}
    assert got == {name: pytest.approx(limits, rel=1e-15) for name, limits in LIMITS.items()}


@pytest.mark.parametrize("name", SMOOTH + STRAIGHT)
def test_nan_stays_nan(name):
    assert np.isnan(getattr(A, name)(jnp.nan))


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtype_is_kept_and_sixteen_bits_are_rounded_once(dtype):
    x = jnp.linspace(-6, 6, 41).astype(dtype)
    for name in SMOOTH + STRAIGHT:
        for f in (getattr(A, name), getattr(A, f"{name}_grad")):
            y = f(x)
            assert y.dtype == dtype
            if jnp.finfo(dtype).bits == 16:
                np.testing.assert_array_equal(y, f(x.astype(jnp.float32)).astype(dtype))
    slope = jnp.asarray(0.2, jnp.float64)
    assert A.leaky_relu(x, slope).dtype == A.elu(x, alpha=slope).dtype == A.prelu(x, slope).dtype == dtype


def test_kinks_take_the_derivative_from_the_left():
    zero = jnp.asarray(0.0)
    assert A.relu_grad(zero) == jax.grad(A.relu)(zero) == 0
    assert A.leaky_relu_grad(zero) == jax.grad(A.leaky_relu)(zero) == 0.01
    assert A.elu_grad(zero, 0.7) == jax.grad(A.elu)(zero, 0.7) == 0.7
    assert A.step(zero) == A.step(-zero) == A.sign(zero) == A.sign(-zero) == 1


def test_elu_has_a_finite_gradient_far_to_the_right():
    assert jax.grad(A.elu)(jnp.float32(1e30)) == 1
    assert jax.grad(A.elu, argnums=1)(jnp.float32(1e30), jnp.float32(1)) == 0


def test_prelu_beyond_slope_one_is_not_the_maximum():
    s = jnp.asarray([[-1.0, 2.0], [3.0, -4.0]])
    np.testing.assert_array_equal(A.prelu(s, 3.0), [[-3, 2], [3, -12]])
    per_channel = jnp.asarray([0.5, 3.0])
    np.testing.assert_array_equal(A.prelu(s, per_channel), [[-0.5, 2], [3, -12]])
    np.testing.assert_array_equal(A.prelu_grad(s, per_channel), [[0.5, 1], [1, 3]])
    learned = jax.grad(lambda a: A.prelu(s, a).sum())(per_channel)
    np.testing.assert_array_equal(learned, A.prelu_alpha_grad(s).sum(0))


def test_maxout_is_the_largest_of_its_pieces():
    rng = np.random.default_rng(1)
    x, W, b = rng.normal(size=(2, 6, 3)), rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 5))
    expected = np.max([x @ W[k] + b[k] for k in range(4)], axis=0)
    x, W, b = jnp.asarray(x), jnp.asarray(W), jnp.asarray(b)
    np.testing.assert_allclose(A.maxout(x, W, b), expected, rtol=1e-14)
    automatic = jax.vmap(jax.jacobian(lambda x: A.maxout(x, W, b)))(x[0])
    np.testing.assert_array_equal(A.maxout_jacobian(x, W, b)[0], automatic)


def test_maxout_of_equal_pieces_teaches_one_of_them():
    x, W, b = jnp.ones(2), jnp.ones((3, 2, 1)), jnp.zeros((3, 1))
    np.testing.assert_array_equal(jax.grad(lambda W: A.maxout(x, W, b).sum())(W)[:, 0, 0], [1, 0, 0])


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_is_that_of_jax_and_its_jacobian_that_of_automatic_differentiation(axis):
    s = jnp.asarray(np.random.default_rng(2).normal(size=(4, 4)) * 5)
    for f, g in ((A.softmax, jax.nn.softmax), (A.log_softmax, jax.nn.log_softmax)):
        np.testing.assert_allclose(f(s, axis), g(s, axis), rtol=1e-13, atol=1e-15)
        hessians = [jax.jit(jax.hessian(lambda s, h=h: jnp.sum(h(s, axis) ** 2)))(s) for h in (f, g)]
        np.testing.assert_allclose(*hessians, rtol=1e-11, atol=1e-13)
    row = s[0]
    np.testing.assert_allclose(A.softmax_jacobian(row), jax.jacrev(A.softmax)(row), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(A.log_softmax_jacobian(row), jax.jacfwd(A.log_softmax)(row), rtol=1e-13)
    np.testing.assert_array_equal(A.softmax_jacobian(s, axis)[1], A.softmax_jacobian(s[1] if axis else s[:, 1]))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_shares_sum_to_one(dtype):
    rng = np.random.default_rng(3)
    s = jnp.asarray(rng.normal(size=(200, 10)) * rng.choice([1, 30, 1e4], (200, 1)), dtype)
    p = np.asarray(A.softmax(s), np.longdouble)
    assert np.abs(p.sum(-1) - 1).max() <= 2 * jnp.finfo(dtype).eps


def test_softmax_of_two_is_the_sigmoid_of_their_difference():
    a = jnp.asarray([[1.3, -0.4], [30.0, -20.0]])
    np.testing.assert_allclose(A.softmax(a)[:, 0], A.sigmoid(a[:, 0] - a[:, 1]), rtol=1e-15)
    np.testing.assert_allclose(A.softmax(a)[:, 1], A.sigmoid(a[:, 1] - a[:, 0]), rtol=1e-14)


def test_softmax_of_impossible_and_extreme_logits():
    s = jnp.asarray([[1e4, -1e4, 1e4], [-INF, 0.0, 0.0], [-INF, -INF, -INF], [-INF, -INF, 7.0]])
    np.testing.assert_array_equal(A.softmax(s), [[0.5, 0, 0.5], [0, 0.5, 0.5], [0, 0, 0], [0, 0, 1]])
    half = -np.log(2)
    logs = [[half, -2e4 + half, half], [-INF, half, half], [-INF] * 3, [-INF, -INF, 0]]
    np.testing.assert_allclose(A.log_softmax(s), logs, rtol=1e-15)
    for f in (A.softmax, A.log_softmax):
        assert np.isfinite(jax.grad(lambda s, f=f: f(s)[..., 2].sum())(s)).all()
        assert f(jnp.zeros((3, 0))).shape == (3, 0)
        assert jax.jacobian(f)(jnp.zeros((2, 0))).shape == (2, 0, 2, 0)
    np.testing.assert_array_equal(A.softmax(jnp.asarray([[5.0]])), [[1]])
    np.testing.assert_array_equal(A.log_softmax(jnp.asarray([[5.0]])), [[0]])


BAD = [(getattr(A, name), (jnp.arange(3),), TypeError) for name in SMOOTH + STRAIGHT if name != "identity"] + [
    (A.softmax, (jnp.arange(3),), TypeError),
    (A.log_softmax, (jnp.arange(3),), TypeError),
    (A.prelu, (jnp.zeros((2, 3)), jnp.zeros(2)), ValueError),
    (A.maxout, (jnp.zeros((2, 3)), jnp.zeros((3, 4)), jnp.zeros(4)), ValueError),
    (A.maxout, (jnp.zeros((2, 3)), jnp.zeros((2, 4, 5)), jnp.zeros((2, 5))), ValueError),
    (A.maxout, (jnp.zeros((2, 3)), jnp.zeros((2, 3, 5)), jnp.zeros(5)), ValueError),
]


@pytest.mark.parametrize(("f", "args", "error"), BAD)
def test_wrong_input_is_refused_with_what_was_needed_what_came_and_what_to_try(f, args, error):
    with pytest.raises(error) as caught:
        f(*args)
    assert all(word in str(caught.value) for word in ("needed", "got", "try"))

"""How many digits the activations keep."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from dlcore import activations as A
from dlcore.numerics import exact as arithmetic
from dlcore.numerics import functions
from tests.activations.problems import INF, grid, mp, sigmoid

pytestmark = pytest.mark.optimized


def cdf(s):
    return mp.erfc(-s / mp.sqrt(2)) / 2


SELU_SCALE, SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
EXACT = {
    "elu": lambda s: s if s > 0 else mp.expm1(s),
    "elu_grad": lambda s: mp.mpf(1) if s > 0 else mp.exp(s),
    "gelu": lambda s: s * cdf(s),
    "gelu_grad": lambda s: cdf(s) + s * mp.npdf(s),
    "log_sigmoid": lambda s: -mp.log1p(mp.exp(-s)),
    "log_sigmoid_grad": lambda s: sigmoid(-s),
    "selu": lambda s: mp.mpf(SELU_SCALE) * (s if s > 0 else mp.mpf(SELU_ALPHA) * mp.expm1(s)),
    "selu_grad": lambda s: mp.mpf(SELU_SCALE) * (1 if s > 0 else mp.mpf(SELU_ALPHA) * mp.exp(s)),
    "sigmoid": sigmoid,
    "sigmoid_grad": lambda s: sigmoid(s) * sigmoid(-s),
    "silu": lambda s: s * sigmoid(s),
    "silu_grad": lambda s: sigmoid(s) * (1 + s * sigmoid(-s)),
    "softplus": lambda s: mp.log1p(mp.exp(s)) if s < 0 else s + mp.log1p(mp.exp(-s)),
    "softplus_grad": sigmoid,
    "tanh": mp.tanh,
    "tanh_grad": lambda s: mp.sech(s) ** 2,
}
ELEMENTARY = {
    functions.exp_below: mp.exp,
    functions.expm1: mp.expm1,
    functions.expm1_below: mp.expm1,
    functions.log1p: mp.log1p,
    functions.sech2: lambda s: mp.sech(s) ** 2,
    functions.tanh: mp.tanh,
}


def largest_error(values, exact, x, dtype):
    """In ulp, where the exact result is a normal number."""
    info, worst = np.finfo(dtype), 0.0
    with mpmath.workdps(50):
        for value, point in zip(np.asarray(values, float), x, strict=True):
            true = exact(mp.mpf(float(point)))
            if float(info.tiny) <= abs(true) <= float(info.max):
                unit = mp.ldexp(1, int(mp.floor(mp.log(abs(true), 2))) - info.nmant)
                worst = max(worst, float(abs(mp.mpf(value) - true) / unit)) if np.isfinite(value) else INF
    return worst


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_last_bits(name, dtype):
    x = grid(dtype)
    values = jax.jit(getattr(A, name))(x)
    assert largest_error(values, EXACT[name], x, dtype) <= (8 if name.endswith("_grad") else 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", ELEMENTARY, ids=lambda f: f.__name__)
def test_last_bits_of_elementary_functions(f, dtype):
    x = grid(dtype, low=-1 if f is functions.log1p else -INF)
    x = x[x <= {functions.exp_below: 64, functions.expm1_below: 64}.get(f, INF)]
    assert largest_error(jax.jit(f)(x), ELEMENTARY[f], x, dtype) <= (8 if f is functions.sech2 else 4)


CURVATURES = {
    "elu_grad": lambda s: mp.mpf(0) if s > 0 else mp.exp(s),
    "gelu_grad": lambda s: (2 - s * s) * mp.npdf(s),
    "log_sigmoid_grad": lambda s: -sigmoid(s) * sigmoid(-s),
    "sigmoid_grad": lambda s: -sigmoid(s) * sigmoid(-s) * mp.tanh(s / 2),
    "silu_grad": lambda s: (2 - s * mp.tanh(s / 2)) * sigmoid(s) * sigmoid(-s),
    "softplus_grad": lambda s: sigmoid(s) * sigmoid(-s),
    "tanh_grad": lambda s: -2 * mp.tanh(s) * mp.sech(s) ** 2,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CURVATURES)
def test_last_bits_of_the_derivatives_of_derivatives(name, dtype):
    zeros = np.concatenate([z + np.geomspace(1e-7, 0.2, 20) * sign for z in (2**0.5, 2.39936) for sign in (-1, 1)])
    x = np.concatenate([grid(dtype), zeros, -zeros]).astype(dtype)
    slopes = jax.jit(jax.vmap(jax.grad(getattr(A, name))))(x)
    assert largest_error(slopes, CURVATURES[name], x, dtype) <= 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_odds_next_to_its_zero(dtype):
    p = 0.5 + np.concatenate([sign * np.geomspace(1e-7, 0.4999, 100) for sign in (-1, 1)])
    p = np.concatenate([p, np.geomspace(1e-30, 0.1, 50)]).astype(dtype)
    values = jax.jit(functions.log_odds)(p)
    assert largest_error(values, lambda p: mp.log(p) - mp.log1p(-p), p, dtype) <= 4
    assert functions.log_odds(dtype(0.5)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_sum_is_exact_also_beside_a_constant(dtype):
    """A constant that the compiler knows stands second: of (1 + x) - 1 it would make x."""
    x = np.geomspace(1e-9, 1e3, 300).astype(dtype)
    s, rest = (np.asarray(a) for a in jax.jit(lambda x: arithmetic.two_sum(x, jnp.ones_like(x)))(x))
    np.testing.assert_array_equal(s, x + dtype(1))
    with mpmath.workdps(50):
        sums = [mp.mpf(float(a)) + mp.mpf(float(b)) - 1 for a, b in zip(s, rest, strict=True)]
        assert sums == [mp.mpf(float(a)) for a in x]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lifted_exponential_reaches_below_the_smallest_number(dtype):
    x = np.linspace(-1.06, -0.97, 200) * -np.log(float(np.finfo(dtype).tiny))
    x = np.concatenate([x, np.linspace(-20, 0, 200), [-1e30, -INF]]).astype(dtype)
    lifted = jax.jit(functools.partial(functions.exp_below, lift=8))(x)
    assert largest_error(lifted, lambda x: 256 * mp.exp(x), x, dtype) <= 4
    assert not lifted[-2:].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_product_with_its_rest_has_half_as_many_digits_again(dtype):
    a, b = np.random.default_rng(4).normal(size=(2, 500)).astype(dtype)
    p, rest = jax.jit(arithmetic.two_product)(a, b)
    np.testing.assert_array_equal(p, a * b)
    assert np.abs(rest).max() > 0
    with mpmath.workdps(50):
        for x, y, q, r in zip(a, b, np.asarray(p), np.asarray(rest), strict=True):
            exact = mp.mpf(float(x)) * mp.mpf(float(y))
            assert (
                abs(mp.mpf(float(q)) + mp.mpf(float(r)) - exact) <= abs(exact) * 4 * float(np.finfo(dtype).eps) ** 1.5
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_keeps_the_digits_of_a_class_all_but_certain(dtype):
    gap = np.concatenate([np.geomspace(1e-6, 80, 60), -np.geomspace(1e-6, 80, 60)]).astype(dtype)
    logits = np.stack([gap, np.zeros_like(gap), np.zeros_like(gap)], -1)

    def exact(s):
        return -mp.log1p(2 * mp.exp(-s))

    assert largest_error(jax.jit(A.log_softmax)(logits)[:, 0], exact, gap, dtype) <= 4
    two, all_three = jnp.asarray([[3.0, 3.0, -50.0], [3.0, 3.0, 3.0]], dtype)
    np.testing.assert_allclose(A.log_softmax(two)[:2], -np.log(2), rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(A.log_softmax(all_three), -np.log(3), rtol=2 * np.finfo(dtype).eps)

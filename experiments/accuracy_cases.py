"""The functions whose last bits ``experiments.accuracy`` counts: each with the same to any number of digits.

A loss is a function of one logit, probability or error here.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mpmath
import optax
import scipy.special

from dlcore import activations, losses
from dlcore.numerics import functions

mp: Any = mpmath.mp
INF = float("inf")


class Case(NamedTuple):
    """A function, the same to 50 digits with its derivative, and peers by their name."""

    name: str
    f: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    peers: dict[str, Callable[[Any], Any]]
    low: float = -INF
    high: float = INF


def sigmoid(s):
    return 1 / (1 + mp.exp(-s))


def softplus(s):
    return mp.log1p(mp.exp(s)) if s < 0 else s + mp.log1p(mp.exp(-s))


def Phi(s):
    return mp.erfc(-s / mp.sqrt(2)) / 2


def elu(s, alpha: Any = 1):
    return s if s > 0 else mp.mpf(alpha) * mp.expm1(s)


def elu_slope(s, alpha: Any = 1):
    return mp.mpf(1) if s > 0 else mp.mpf(alpha) * mp.exp(s)


def log_cosh(r):
    a = abs(r)
    return mp.log1p(mp.expm1(-a) ** 2 / (2 * mp.exp(-a))) if a < 1 else a + mp.log1p(mp.exp(-2 * a)) - mp.ln(2)


def against_zero(loss, label):
    """A loss of the logits (s, 0) as a function of s."""
    return lambda s: loss(jnp.stack([s, jnp.zeros_like(s)], -1), label(s))


def of_two_zeros(f):
    """The first of the outputs of the logits (s, 0, 0) as a function of s."""
    return lambda s: f(jnp.stack([s, jnp.zeros_like(s), jnp.zeros_like(s)], -1))[..., 0]


def of_error(loss):
    """A regression loss as a function of the error."""
    return lambda r: loss(r[..., None], jnp.zeros_like(r[..., None]))


def of_error_alone(loss):
    """The same where the library does not sum over the last axis."""
    return lambda r: loss(r, jnp.zeros_like(r))


def first_class(s):
    return jnp.zeros(s.shape, int)


def first_of_two(s):
    return jnp.stack([jnp.ones_like(s), jnp.zeros_like(s)], -1)


SELU = ("1.0507009873554804934193349852946", "1.6732632423543772848170429916717")
ACTIVATIONS = [
    Case("sigmoid", activations.sigmoid, sigmoid, lambda s: sigmoid(s) * sigmoid(-s), {"jax.nn": jax.nn.sigmoid}),
    Case("tanh", activations.tanh, mp.tanh, lambda s: mp.sech(s) ** 2, {"jax.nn": jnp.tanh}),
    Case("softplus", activations.softplus, softplus, sigmoid, {"jax.nn": jax.nn.softplus}),
    Case(
        "log_sigmoid",
        activations.log_sigmoid,
        lambda s: -softplus(-s),
        lambda s: sigmoid(-s),
        {"jax.nn": jax.nn.log_sigmoid},
    ),
    Case(
        "silu",
        activations.silu,
        lambda s: s * sigmoid(s),
        lambda s: sigmoid(s) * (1 + s * sigmoid(-s)),
        {"jax.nn": jax.nn.silu},
    ),
    Case(
        "gelu",
        activations.gelu,
        lambda s: s * Phi(s),
        lambda s: Phi(s) + s * mp.npdf(s),
        {"jax.nn": functools.partial(jax.nn.gelu, approximate=False)},
    ),
    Case("elu", activations.elu, elu, elu_slope, {"jax.nn": jax.nn.elu}),
    Case(
        "selu",
        activations.selu,
        lambda s: mp.mpf(SELU[0]) * elu(s, SELU[1]),
        lambda s: mp.mpf(SELU[0]) * elu_slope(s, SELU[1]),
        {"jax.nn": jax.nn.selu},
    ),
    Case(
        "leaky_relu",
        functools.partial(activations.leaky_relu, negative_slope=0.125),
        lambda s: s if s > 0 else s / 8,
        lambda s: mp.mpf(1) if s > 0 else mp.mpf(1) / 8,
        {"jax.nn": functools.partial(jax.nn.leaky_relu, negative_slope=0.125)},
    ),
]
SIMPLEX = [
    Case(
        "softmax",
        of_two_zeros(activations.softmax),
        lambda s: 1 / (1 + 2 * mp.exp(-s)),
        lambda s: 2 * mp.exp(-s) / (1 + 2 * mp.exp(-s)) ** 2,
        {"jax.nn": of_two_zeros(jax.nn.softmax)},
    ),
    Case(
        "log_softmax",
        of_two_zeros(activations.log_softmax),
        lambda s: -mp.log1p(2 * mp.exp(-s)) if s > 0 else s - mp.ln(2) - mp.log1p(mp.exp(s) / 2),
        lambda s: 1 / (1 + mp.exp(s) / 2),
        {"jax.nn": of_two_zeros(jax.nn.log_softmax)},
    ),
]
ELEMENTARY = [
    Case("expm1", functions.expm1, mp.expm1, mp.exp, {"jax.numpy": jnp.expm1, "scipy": scipy.special.expm1}),
    Case("log1p", functions.log1p, mp.log1p, lambda x: 1 / (1 + x), {"jax.numpy": jnp.log1p}, low=-1),
]
LOSSES = [
    Case(
        "softmax_cross_entropy, index",
        against_zero(losses.softmax_cross_entropy, first_class),
        lambda s: softplus(-s),
        lambda s: -sigmoid(-s),
        {"optax": against_zero(optax.losses.softmax_cross_entropy_with_integer_labels, first_class)},
    ),
    Case(
        "softmax_cross_entropy, one-hot",
        against_zero(losses.softmax_cross_entropy, first_of_two),
        lambda s: softplus(-s),
        lambda s: -sigmoid(-s),
        {"optax": against_zero(optax.losses.softmax_cross_entropy, first_of_two)},
    ),
    Case(
        "sigmoid_binary_cross_entropy",
        lambda s: losses.sigmoid_binary_cross_entropy(s, jnp.ones_like(s)),
        lambda s: softplus(-s),
        lambda s: -sigmoid(-s),
        {"optax": lambda s: optax.losses.sigmoid_binary_cross_entropy(s, jnp.ones_like(s))},
    ),
    Case(
        "binary_cross_entropy, no",
        lambda p: losses.binary_cross_entropy(p, jnp.zeros_like(p)),
        lambda p: -mp.log1p(-p),
        lambda p: 1 / (1 - p),
        {},
        low=0,
        high=1,
    ),
    Case(
        "binary_cross_entropy, yes",
        lambda p: losses.binary_cross_entropy(p, jnp.ones_like(p)),
        lambda p: -mp.log(p),
        lambda p: -1 / p,
        {},
        low=0,
        high=1,
    ),
    Case(
        "focal",
        lambda s: losses.focal(s, jnp.ones_like(s)),
        lambda s: sigmoid(-s) ** 2 * softplus(-s),
        lambda s: -(sigmoid(-s) ** 2) * (2 * sigmoid(s) * softplus(-s) + sigmoid(-s)),
        {"optax": lambda s: optax.losses.sigmoid_focal_loss(s, jnp.ones_like(s))},
    ),
    Case("log_cosh", of_error(losses.log_cosh), log_cosh, mp.tanh, {"optax": of_error_alone(optax.losses.log_cosh)}),
    Case(
        "huber",
        of_error(losses.huber),
        lambda r: r * r / 2 if abs(r) <= 1 else abs(r) - mp.mpf(1) / 2,
        lambda r: r if abs(r) <= 1 else mp.sign(r),
        {"optax": of_error_alone(optax.losses.huber_loss)},
    ),
    Case(
        "squared_error",
        of_error(losses.squared_error),
        lambda r: r * r,
        lambda r: 2 * r,
        {"optax": of_error_alone(optax.losses.squared_error)},
    ),
    Case(
        "absolute_error",
        of_error(losses.absolute_error),
        abs,
        mp.sign,
        {},
    ),
]


def densities():
    """Standard densities, where dlcore has them."""
    own: Any = importlib.import_module("dlcore.probability")
    if not hasattr(own, "normal_pdf"):
        return []
    norm, laplace = jax.scipy.stats.norm, jax.scipy.stats.laplace
    ln2pi = mp.ln(2 * mp.pi)
    return [
        Case("normal_pdf", own.normal_pdf, mp.npdf, lambda x: -x * mp.npdf(x), {"jax.scipy": norm.pdf}),
        Case(
            "normal_logpdf", own.normal_logpdf, lambda x: -(x * x + ln2pi) / 2, lambda x: -x, {"jax.scipy": norm.logpdf}
        ),
        Case("normal_cdf", own.normal_cdf, Phi, mp.npdf, {"jax.scipy": norm.cdf}),
        Case(
            "laplace_pdf",
            own.laplace_pdf,
            lambda x: mp.exp(-abs(x)) / 2,
            lambda x: -mp.sign(x) * mp.exp(-abs(x)) / 2,
            {"jax.scipy": laplace.pdf},
        ),
        Case(
            "laplace_logpdf",
            own.laplace_logpdf,
            lambda x: -abs(x) - mp.ln(2),
            lambda x: -mp.sign(x),
            {"jax.scipy": laplace.logpdf},
        ),
        Case(
            "laplace_cdf",
            own.laplace_cdf,
            lambda x: mp.exp(x) / 2 if x < 0 else 1 - mp.exp(-x) / 2,
            lambda x: mp.exp(-abs(x)) / 2,
            {"jax.scipy": laplace.cdf},
        ),
    ]


def with_torch(case):
    """The same function of PyTorch, where it is installed and has one."""
    if importlib.util.find_spec("torch") is None:
        return case
    functional = importlib.import_module("torch.nn.functional")
    f = getattr(functional, "logsigmoid" if case.name == "log_sigmoid" else case.name, None)
    return case if f is None else case._replace(peers=case.peers | {"torch": f})

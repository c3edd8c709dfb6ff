"""The functions with numbers of their own whose last bits ``experiments.accuracy`` counts, at several of them.

Soft labels, smoothing and focusing, locations and scales, the other logits of a row, and derivatives of derivatives.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import mpmath
import numpy as np

from dlcore import activations, losses, probability
from dlcore.numerics import functions, softmax
from experiments.accuracy_cases import SELU, Phi, elu, elu_slope, log_cosh, of_error, sigmoid, softplus

mp: Any = mpmath.mp
INF = float("inf")


class Family(NamedTuple):
    """``f(x, *numbers)`` at several ``numbers``, the same to any number of digits, and where its zeros are.

    Its derivatives are those by x and by each argument whose place ``by`` names.
    """

    name: str
    f: Callable[..., Any]
    exact: Callable[..., Any]
    numbers: tuple[tuple[float, ...], ...] = ((),)
    by: tuple[str, ...] = ("x",)
    zeros: Callable[..., tuple[float, ...]] = lambda *_: ()
    low: float = -INF
    high: float = INF


def filled(f):
    """A loss of x and labels, where all labels are one number."""
    return lambda x, y, *numbers: f(x, jnp.full_like(x, y), *numbers)


def logit(y, *_):
    return (float(np.log(y / (1 - y))),)


def binary(s, y):
    return y * softplus(-s) + (1 - y) * softplus(s)


def of_share(p, y):
    return -y * mp.log(p) - (1 - y) * mp.log1p(-p)


def focal(s, gamma):
    return sigmoid(-s) ** gamma * softplus(-s)


def soft_focal(s, y, gamma):
    return y * focal(s, gamma) + (1 - y) * focal(-s, gamma)


def row(s, *rest):
    """The logits (s, *rest)."""
    return jnp.stack([s, *(jnp.full_like(s, a) for a in rest)], -1)


def place(f, i):
    """Entry ``i`` of what ``f`` gives for the logits (s, *rest)."""
    return lambda s, *rest: f(row(s, *rest))[..., i]


def log_share(i):
    """The logarithm of the share of logit ``i``."""

    def f(*logits):
        gaps = [a - logits[i] for j, a in enumerate(logits) if j != i]
        m = max(*gaps, 0)
        return -m - mp.log1p(mp.fsum(mp.exp(a - m) for a in gaps) + (mp.expm1(-m) if m else 0))

    return f


def share(i):
    return lambda *logits: mp.exp(log_share(i)(*logits))


def log_sum(*logits):
    m = max(logits)
    return m + mp.log1p(mp.fsum(mp.exp(a - m) for a in logits) - 1)


def smoothed(s, alpha):
    labels = jnp.zeros(s.shape, int)
    return losses.softmax_cross_entropy(row(s, 0.0), labels, label_smoothing=alpha)


def of_pair(f):
    """A function of two shares as one of the first."""
    return lambda p: f(jnp.stack([p, 1 - p], -1))


def standard(f):
    """A function of z as one of x, location and scale."""
    return lambda x, m, s: f((x - m) / s)


def near(m, s):
    return m, m - s, m + s


def log_tail(z):
    return mp.log1p(-Phi(-z)) if z > 0 else mp.log(Phi(z))


def laplace_tail(z):
    return mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2


def laplace_log_tail(z):
    return z - mp.ln(2) if z < 0 else mp.log1p(-mp.exp(-z) / 2)


def normal_divergence(m, s, n, t):
    return mp.log(t / s) + (s * s + (m - n) ** 2) / (2 * t * t) - mp.mpf(1) / 2


def laplace_divergence(m, s, n, t):
    d = abs(m - n)
    return mp.log(t / s) + (s * mp.exp(-d / s) + d) / t - 1


def normal_from_laplace(m, s, n, b):
    t = (m - n) / s
    distance = s * (2 * mp.npdf(t) + t * mp.erf(t / mp.sqrt(2)))
    return mp.log(2 * b) + distance / b - mp.log(2 * mp.pi * mp.e * s * s) / 2


def laplace_from_normal(m, b, n, s):
    return mp.log(2 * mp.pi * s * s) / 2 + (2 * b * b + (m - n) ** 2) / (2 * s * s) - 1 - mp.log(2 * b)


CURVED = [
    Family("sigmoid_grad", activations.sigmoid_grad, lambda s: sigmoid(s) * sigmoid(-s)),
    Family("tanh_grad", activations.tanh_grad, lambda s: mp.sech(s) ** 2),
    Family("softplus_grad", activations.softplus_grad, sigmoid),
    Family("log_sigmoid_grad", activations.log_sigmoid_grad, lambda s: sigmoid(-s)),
    Family(
        "silu_grad",
        activations.silu_grad,
        lambda s: sigmoid(s) * (1 + s * sigmoid(-s)),
        zeros=lambda: (-1.278464543, 2.399357281, -2.399357281),
    ),
    Family(
        "gelu_grad",
        activations.gelu_grad,
        lambda s: Phi(s) + s * mp.npdf(s),
        zeros=lambda: (-0.7517915247, 1.414213562, -1.414213562),
    ),
    Family("elu", activations.elu, elu, ((0.3,), (1.7,)), ("x", "alpha")),
    Family("elu_grad", activations.elu_grad, elu_slope, ((0.3,), (1.7,)), ("x", "alpha")),
    Family("selu_grad", activations.selu_grad, lambda s: mp.mpf(SELU[0]) * elu_slope(s, SELU[1])),
    Family("expm1", functions.expm1, mp.expm1),
    Family("log_odds", functions.log_odds, lambda p: mp.log(p) - mp.log1p(-p), zeros=lambda: (0.5,), low=0, high=1),
]
LABELS = ((0.25,), (0.5,), (0.9,), (1e-3,))
GAMMAS = ((0.5,), (1.0,), (1.7,), (2.0,), (5.0,))
SOFT = [
    Family(
        "binary_cross_entropy",
        filled(losses.binary_cross_entropy),
        of_share,
        LABELS,
        ("x", "label"),
        lambda y: (y, 0.5),
        low=0,
        high=1,
    ),
    Family(
        "sigmoid_binary_cross_entropy",
        filled(losses.sigmoid_binary_cross_entropy),
        binary,
        LABELS,
        ("x", "label"),
        logit,
    ),
    Family("focal, yes", lambda s, g: losses.focal(s, jnp.ones_like(s), gamma=g), focal, GAMMAS, ("x", "gamma")),
    Family(
        "focal, no",
        lambda s, g: losses.focal(s, jnp.zeros_like(s), gamma=g),
        lambda s, g: focal(-s, g),
        GAMMAS,
        ("x", "gamma"),
    ),
    Family("focal, soft", filled(losses.focal), soft_focal, ((0.25, 1.0), (0.25, 2.0), (0.9, 2.0))),
    Family(
        "softmax_cross_entropy, smoothed",
        smoothed,
        lambda s, a: binary(s, 1 - a / 2),
        ((0.1,), (0.3,), (0.9,)),
        ("x", "smoothing"),
        lambda a: logit(1 - a / 2),
    ),
    Family(
        "softmax_cross_entropy, soft",
        lambda s, y: losses.softmax_cross_entropy(row(s, 0.0), row(jnp.full_like(s, y), 1 - y)),
        binary,
        LABELS[:2],
        zeros=logit,
    ),
]
ROWS = ((0.0, 0.0), (0.3, -0.7), (3.3, -2.1), (50.3, -30.7), (1e4, -123.4), (3e6, 1e3), (1e-4, 7.7e-5))
SPREAD = [
    Family(f"{f.__name__}, {i + 1} of 3", place(f, i), exact(i), ROWS)
    for f, exact in ((activations.softmax, share), (activations.log_softmax, log_share))
    for i in (0, 1)
]
SPREAD += [
    Family(
        "softmax_cross_entropy, index of 3",
        lambda *logits: losses.softmax_cross_entropy(row(*logits), jnp.zeros(logits[0].shape, int)),
        lambda *logits: -log_share(0)(*logits),
        ROWS,
    ),
    Family("log_sum_exp", lambda *logits: softmax.log_sum_exp(row(*logits)), log_sum, ROWS),
]
ERRORS = [
    Family("log_cosh", of_error(losses.log_cosh), log_cosh),
    Family(
        "huber",
        lambda r, d: losses.huber(r[..., None], jnp.zeros_like(r[..., None]), d),
        lambda r, d: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
        ((0.3,), (1.7,)),
        ("x", "delta"),
    ),
    Family(
        "gaussian_nll",
        lambda r, v: losses.gaussian_nll(r[..., None], jnp.zeros_like(r[..., None]), v),
        lambda r, v: mp.log(2 * mp.pi * v) / 2 + r * r / v / 2,
        ((0.3,), (1.7,), (100.0,)),
        ("x", "variance"),
        lambda v: (v**0.5, -(v**0.5)),
    ),
    Family(
        "laplace_nll",
        lambda r, b: losses.laplace_nll(r[..., None], jnp.zeros_like(r[..., None]), b),
        lambda r, b: mp.log(2 * b) + abs(r) / b,
        ((0.3,), (1.7,), (100.0,)),
        ("x", "scale"),
        lambda b: (b, -b),
    ),
]
SCALED = ((0.0, 1.0), (0.37, 1.7), (-3.0, 0.25), (100.0, 0.3), (-1e-3, 1e3), (5.0, 7.0))
DENSITIES = {
    "normal_pdf": lambda x, m, s: mp.npdf((x - m) / s) / s,
    "normal_logpdf": lambda x, m, s: -(((x - m) / s) ** 2) / 2 - mp.log(s) - mp.log(2 * mp.pi) / 2,
    "normal_cdf": standard(Phi),
    "normal_logcdf": standard(log_tail),
    "laplace_pdf": lambda x, m, b: mp.exp(-abs(x - m) / b) / b / 2,
    "laplace_logpdf": lambda x, m, b: -abs(x - m) / b - mp.log(2 * b),
    "laplace_cdf": standard(laplace_tail),
    "laplace_logcdf": standard(laplace_log_tail),
}
FAR = ((1.7, 0.4, 0.7), (1.0, -3.0, 2.0), (0.1, 100.0, 0.3))
DIVERGENCES = {
    "normal_kl": normal_divergence,
    "laplace_kl": laplace_divergence,
    "normal_laplace_kl": normal_from_laplace,
    "laplace_normal_kl": laplace_from_normal,
}
ENTROPIES = [
    Family("normal_entropy", probability.normal_entropy, lambda s: mp.log(2 * mp.pi * mp.e * s * s) / 2, low=0),
    Family("laplace_entropy", probability.laplace_entropy, lambda b: 1 + mp.log(2 * b), low=0),
    Family(
        "bernoulli_entropy",
        probability.bernoulli_entropy,
        lambda p: of_share(p, p),
        zeros=lambda: (0.5,),
        low=0,
        high=1,
    ),
    Family("discrete_entropy", of_pair(probability.discrete_entropy), lambda p: of_share(p, p), low=0.5, high=1),
]


def families():
    """All of them."""
    spread = ("x", "mean", "scale")
    densities = [Family(name, getattr(probability, name), f, SCALED, spread, near) for name, f in DENSITIES.items()]
    divergences = [
        Family(name, getattr(probability, name), f, FAR, ("mean", "scale", "other mean", "other scale"))
        for name, f in DIVERGENCES.items()
    ]
    return [*CURVED, *SOFT, *SPREAD, *ERRORS, *densities, *divergences, *ENTROPIES]

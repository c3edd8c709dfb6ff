"""What ``experiments.benchmarks.elementwise`` races: (dlcore's function, its peer's) by the arguments of both."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dlcore import activations as A
from dlcore import initializers, losses
from dlcore import probability as P
from dlcore.numerics.norms import norm
from dlcore.numerics.softmax import log_sum_exp

CLASSES = 10
STATS = jax.scipy.stats
ELEMENTWISE = {
    "relu": (A.relu, jax.nn.relu),
    "leaky_relu": (A.leaky_relu, jax.nn.leaky_relu),
    "hard_tanh": (A.hard_tanh, jax.nn.hard_tanh),
    "sigmoid": (A.sigmoid, jax.nn.sigmoid),
    "log_sigmoid": (A.log_sigmoid, jax.nn.log_sigmoid),
    "softplus": (A.softplus, jax.nn.softplus),
    "tanh": (A.tanh, jnp.tanh),
    "silu": (A.silu, jax.nn.silu),
    "gelu": (A.gelu, functools.partial(jax.nn.gelu, approximate=False)),
    "elu": (A.elu, jax.nn.elu),
    "selu": (A.selu, jax.nn.selu),
    "normal_pdf": (P.normal_pdf, STATS.norm.pdf),
    "normal_logpdf": (P.normal_logpdf, STATS.norm.logpdf),
    "normal_cdf": (P.normal_cdf, STATS.norm.cdf),
    "normal_logcdf": (P.normal_logcdf, STATS.norm.logcdf),
    "laplace_pdf": (P.laplace_pdf, STATS.laplace.pdf),
    "laplace_logpdf": (P.laplace_logpdf, STATS.laplace.logpdf),
    "laplace_cdf": (P.laplace_cdf, STATS.laplace.cdf),
    "uniform_pdf": (P.uniform_pdf, STATS.uniform.pdf),
    "uniform_logpdf": (P.uniform_logpdf, STATS.uniform.logpdf),
    "uniform_cdf": (P.uniform_cdf, STATS.uniform.cdf),
}
WITH_ANSWER = {
    "sigmoid_binary_cross_entropy": (losses.sigmoid_binary_cross_entropy, optax.losses.sigmoid_binary_cross_entropy),
    "focal": (losses.focal, optax.losses.sigmoid_focal_loss),
}
WITH_SIDE = {
    "hinge": (losses.hinge, optax.losses.hinge_loss),
    "perceptron": (losses.perceptron, optax.losses.perceptron_loss),
}
BY_CLASS = {
    "softmax": (A.softmax, jax.nn.softmax),
    "log_softmax": (A.log_softmax, jax.nn.log_softmax),
    "log_sum_exp": (log_sum_exp, functools.partial(jax.nn.logsumexp, axis=-1)),
    "l1_norm": (P.l1_norm, functools.partial(jnp.linalg.norm, ord=1, axis=-1)),
    "l2_norm": (P.l2_norm, functools.partial(jnp.linalg.norm, axis=-1)),
    "norm": (norm, jnp.linalg.norm),
    "mean": (losses.mean, jnp.mean),
}
WITH_INDEX = {
    "softmax_cross_entropy, index": (
        losses.softmax_cross_entropy,
        optax.losses.softmax_cross_entropy_with_integer_labels,
    ),
}
WITH_TARGET = {
    "softmax_cross_entropy, soft": (losses.softmax_cross_entropy, optax.losses.softmax_cross_entropy),
    "squared_error": (losses.squared_error, lambda s, y: optax.losses.squared_error(s, y).sum(-1)),
    "huber": (losses.huber, lambda s, y: optax.losses.huber_loss(s, y).sum(-1)),
    "log_cosh": (losses.log_cosh, lambda s, y: optax.losses.log_cosh(s, y).sum(-1)),
    "gaussian_nll": (losses.gaussian_nll, lambda s, y: -STATS.norm.logpdf(y, s).sum(-1)),
    "laplace_nll": (losses.laplace_nll, lambda s, y: -STATS.laplace.logpdf(y, s).sum(-1)),
}
OF_SHARES = {
    "discrete_kl": (P.discrete_kl, lambda p, q: jax.scipy.special.kl_div(p, q).sum(-1)),
    "discrete_cross_entropy": (P.discrete_cross_entropy, lambda p, q: -(p * jnp.log(q)).sum(-1)),
}
OF_VECTORS = {
    "mvn_logpdf": (P.mvn_logpdf, STATS.multivariate_normal.logpdf),
}
OF_KEY = {
    "glorot_normal": (initializers.glorot_normal, jax.nn.initializers.glorot_normal()),
    "he_uniform": (initializers.he_uniform, jax.nn.initializers.he_uniform()),
    "orthogonal": (initializers.orthogonal, jax.nn.initializers.orthogonal()),
}


def cases(size):
    """(name, peers, arguments) for arrays of ``size`` numbers."""
    rng = np.random.default_rng(0)
    flat = jnp.asarray(rng.normal(size=size) * 2, jnp.float32)
    rows = flat.reshape(-1, CLASSES)
    answers = jnp.asarray(rng.integers(0, 2, size), jnp.float32)
    index = jnp.asarray(rng.integers(0, CLASSES, len(rows)))
    shares = A.softmax(rows[::-1])
    groups = [
        (ELEMENTWISE, (flat,)),
        (WITH_ANSWER, (flat, answers)),
        (WITH_SIDE, (flat, 2 * answers - 1)),
        (BY_CLASS, (rows,)),
        (WITH_INDEX, (rows, index)),
        (WITH_TARGET, (rows, shares)),
        (OF_SHARES, (A.softmax(rows), shares)),
        (OF_VECTORS, (rows, jnp.zeros(CLASSES), jnp.eye(CLASSES))),
    ]
    return [(name, peers, args) for group, args in groups for name, peers in group.items()]


def draws(size):
    """The same of initializers: (key, shape), called by hand alone."""
    return [(name, peers, (jax.random.key(0), (size // CLASSES, CLASSES))) for name, peers in OF_KEY.items()]

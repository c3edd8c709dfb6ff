r"""Losses as $-\ln q(y|x)$, constants included: the probabilistic way to squared, absolute and cross-entropy loss."""

import math

import jax.numpy as jnp

from dlcore.contracts import Array, Scalar, in_dtype_of
from dlcore.losses.classification import categorical_cross_entropy
from dlcore.losses.regression import absolute_error, mahalanobis_error, square_like, squared_error


def gaussian_nll(means: Array, targets: Array, variance: Scalar = 1.0) -> Array:
    r"""$\frac{k}{2} \ln 2\pi\sigma^2 + \|y - \hat y\|_2^2 / 2\sigma^2$: means [..., k], targets [..., k] -> [...].

    ``variance`` $\sigma^2$ is a number.
    """
    variance = _number("variance", in_dtype_of(means, variance))
    return means.shape[-1] / 2 * _log(2 * math.pi * variance) + squared_error(means, targets) / (2 * variance)


def multivariate_gaussian_nll(means: Array, targets: Array, covariance: Array) -> Array:
    r"""$\frac12 (k \ln 2\pi + \ln |C| + (y - \hat y)^\top C^{-1} (y - \hat y))$; covariance C [k, k]."""
    distance = mahalanobis_error(means, targets, covariance)
    L = jnp.linalg.cholesky(square_like(means, covariance))
    return means.shape[-1] / 2 * math.log(2 * math.pi) + jnp.sum(jnp.log(jnp.diagonal(L))) + distance / 2


def laplace_nll(medians: Array, targets: Array, scale: Scalar = 1.0) -> Array:
    r"""$k \ln 2b + \|y - \hat y\|_1 / b$: medians [..., k], targets [..., k] -> [...]; ``scale`` $b$ is a number."""
    scale = _number("scale", in_dtype_of(medians, scale))
    return medians.shape[-1] * _log(2 * scale) + absolute_error(medians, targets) / scale


def categorical_nll(probabilities: Array, labels: Array) -> Array:
    r"""$-\ln \prod_k p_k^{y_k}$: probabilities [..., c] -> [...]; equal to ``categorical_cross_entropy``."""
    return categorical_cross_entropy(probabilities, labels)


def _number(name, value):
    if jnp.ndim(value):
        raise ValueError(f"needed {name} as a number, got {list(jnp.shape(value))}; try: multivariate_gaussian_nll")
    return value


def _log(x):
    return math.log(x) if isinstance(x, (int, float)) else jnp.log(x)

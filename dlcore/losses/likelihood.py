r"""Losses as $-\ln q(y|x)$, constants included: the probabilistic way to squared, absolute and cross-entropy loss."""

import math

import jax.numpy as jnp
import numpy as np

from dlcore.losses.classification import categorical_cross_entropy
from dlcore.losses.regression import absolute_error, factored_error, squared_error_over
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, Scalar, at_least_f32, in_dtype_of, lifted
from dlcore.numerics.matrices import cholesky
from dlcore.numerics.ranges import POSITIVE


def gaussian_nll(means: Array, targets: Array, variance: Scalar = 1.0) -> Array:
    r"""$\frac{k}{2} \ln 2\pi\sigma^2 + \|y - \hat y\|_2^2 / 2\sigma^2$: means [..., k], targets [..., k] -> [...].

    ``variance`` $\sigma^2$ is a number. Raises ValueError where it is not positive.
    """
    variance = _number("variance", means, variance)
    return _normal(means, targets, 2 * variance, _log(2 * math.pi * variance) / 2)


def laplace_nll(medians: Array, targets: Array, scale: Scalar = 1.0) -> Array:
    r"""$k \ln 2b + \|y - \hat y\|_1 / b$: medians [..., k], targets [..., k] -> [...]; ``scale`` $b$ is a number."""
    scale = _number("scale", medians, scale)
    return _laplace(medians, targets, scale, _log(2 * scale))


def multivariate_gaussian_nll(means: Array, targets: Array, covariance: Array) -> Array:
    r"""$\frac12 (k \ln 2\pi + \ln |C| + (y - \hat y)^\top C^{-1} (y - \hat y))$; covariance C [k, k].

    Raises as ``mahalanobis_error``.
    """
    return _multivariate(means, targets, cholesky(covariance))


@lifted()
def _multivariate(means, targets, L):
    log_root = jnp.sum(jnp.log(jnp.diagonal(L)))
    return means.shape[-1] / 2 * math.log(2 * math.pi) + log_root + factored_error(means, targets, L) / 2


def categorical_nll(probabilities: Array, labels: Array) -> Array:
    r"""$-\ln \prod_k p_k^{y_k}$: probabilities [..., c] -> [...]; equal to ``categorical_cross_entropy``."""
    return categorical_cross_entropy(probabilities, labels)


@lifted()
def _normal(means, targets, width, constant):
    return means.shape[-1] * constant + squared_error_over(means, targets, width)


@lifted()
def _laplace(medians, targets, scale, constant):
    return medians.shape[-1] * constant + absolute_error(medians, targets) / scale


def _number(name, means, value):
    if np.ndim(value):
        raise ValueError(needed(name, "a number", list(np.shape(value)), "multivariate_gaussian_nll"))
    POSITIVE.check(name, value)
    return POSITIVE.or_nan(in_dtype_of(at_least_f32(jnp.result_type(means)), value))


def _log(x):
    return math.log(x) if isinstance(x, (int, float)) else jnp.log(x)

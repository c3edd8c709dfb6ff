r"""The normal distribution $N(\mu, \sigma^2)$, exact to a few units in the last place as far out as numbers reach.

$e^{-z^2/2}$ multiplies the relative error of $z$ by $z^2$, so $z = (x - \mu) / \sigma$ is carried with its rounding
error.
"""

import math

import jax
import jax.numpy as jnp

from dlcore.numerics.derivatives import with_derivative
from dlcore.numerics.exact import halves, two_sum
from dlcore.numerics.formats import Array, Scalar, bits
from dlcore.numerics.functions import log1p, polynomial
from dlcore.numerics.gaussian import FAR, HALF_LOG_TWO_PI, ROOT_TWO_PI, bell, tail
from dlcore.numerics.ranges import POSITIVE
from dlcore.probability.arguments import location_scale, over_arrays


def standardize(x: Array, mean: Array, std: Array) -> tuple[Array, Array]:
    r"""$(z, r)$ with $z + r = (x - \mu) / \sigma$ to about twice the precision of the type."""
    d, d_rest = two_sum(x, -mean)
    z = d / std
    (z_high, z_low), (std_high, std_low) = halves(z), halves(std)
    remainder = ((d - z_high * std_high) - z_high * std_low) - z_low * std
    return z, (remainder + d_rest) / std


def _scaled_tail(z):
    """$e^{z^2/2} Q(z)$ for z >= 0."""
    return tail(jnp.minimum(z, 1e30)) / (z + 4)


@jax.custom_jvp
def _pdf(x, mean, std):
    z, r = standardize(x, mean, std)
    return bell(1 / (std * ROOT_TWO_PI), z, r)


@_pdf.defjvp
def _pdf_jvp(at, tangents):
    x, mean, std = at
    dx, dmean, dstd = tangents
    p = _pdf(*at)
    z = _within((x - mean) / std)
    return p, _pdf_slope(*at) * (dx - dmean) + p * ((z * z - 1) / std) * dstd


@jax.custom_jvp
def _pdf_slope(x, mean, std):
    z, r = standardize(x, mean, std)
    return bell(-_within(z) / (std * std * ROOT_TWO_PI), z, r)


@_pdf_slope.defjvp
def _pdf_slope_jvp(at, tangents):
    x, mean, std = at
    dx, dmean, dstd = tangents
    z = _within((x - mean) / std)
    w = _pdf(*at) / (std * std)
    return _pdf_slope(*at), w * ((z * z - 1) * (dx - dmean) + z * (3 - z * z) * dstd)


def _within(z):
    """z, cut off where the density is 0: 0 times infinity is none."""
    return jnp.clip(z, -FAR, FAR)


@jax.custom_jvp
def _cdf(x, mean, std):
    z, r = standardize(x, mean, std)
    beyond = _beyond(z, r)
    return jnp.where(jnp.abs(z) < 0.7, 0.5 + _middle(z), jnp.where(z < 0, beyond, 1 - beyond))


def _beyond(z, r):
    r"""$\Phi(-|z + r|)$."""
    return bell(_scaled_tail(jnp.abs(z)), z, r)


def _middle(z):
    """Φ(z) - 1/2 for |z| < 0.7, term by term."""
    u = jnp.clip(z, -0.7, 0.7)
    terms = 7 if bits(z) == 32 else 13
    series = polynomial(-u * u / 2, [1 / (math.factorial(n) * (2 * n + 1)) for n in range(terms)])
    return u * series / ROOT_TWO_PI


@_cdf.defjvp
def _cdf_jvp(at, tangents):
    x, mean, std = at
    dx, dmean, dstd = tangents
    z = _within((x - mean) / std)
    return _cdf(*at), _pdf(*at) * (dx - dmean - z * dstd)


@jax.custom_jvp
def _logcdf(x, mean, std):
    z, r = standardize(x, mean, std)
    below = jnp.where(z < 0, z, 0)
    lower = jnp.log(_scaled_tail(-below)) - _half_square(below)
    outer = jnp.where(z < 0, lower, log1p(-_beyond(z, r)))
    return jnp.where(jnp.abs(z) < 0.7, jnp.log(0.5 + _middle(z)), outer)


@_logcdf.defjvp
def _logcdf_jvp(at, tangents):
    return _logcdf(*at), _hazard(*at) * _moved(at, tangents)


@jax.custom_jvp
def _hazard(x, mean, std):
    """The standard density over its CDF at z."""
    z, r = standardize(x, mean, std)
    above = bell(1 / ROOT_TWO_PI * jnp.ones_like(z), z, r) / _cdf(x, mean, std)
    u = jnp.where(z < -0.7, -z, 0)
    return jnp.where(z < -0.7, (u + 4) / (ROOT_TWO_PI * tail(jnp.minimum(u, 1e30))), above)


@_hazard.defjvp
def _hazard_jvp(at, tangents):
    h, z = _hazard(*at), (at[0] - at[1]) / at[2]
    inner, outer = _within(z), jnp.where(z < -FAR, z, 1)  # z + h would be the difference of two numbers almost alike
    return h, jnp.where(z < -FAR, 1 / outer / outer - 1, -h * (inner + h)) * _moved(at, tangents)


def _moved(at, tangents):
    """The change of z = (x - mean) / std; where z is infinite, 0 times it is 0."""
    (x, mean, std), (dx, dmean, dstd) = at, tangents
    limits = jnp.finfo(x.dtype)
    return (dx - dmean - jnp.clip((x - mean) / std, limits.min, limits.max) * dstd) / std


@with_derivative(lambda z: z)
def _half_square(z):
    return z * (z / 2)  # z * z overflows first


@over_arrays(std=POSITIVE)
def normal_pdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\frac{1}{\sqrt{2\pi} \sigma} e^{-(x - \mu)^2 / 2 \sigma^2}$."""
    return _pdf(x, mean, std)


@over_arrays(std=POSITIVE)
def normal_logpdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$-\frac{(x - \mu)^2}{2 \sigma^2} - \ln \sigma - \frac12 \ln 2\pi$."""
    return -_half_square((x - mean) / std) - (jnp.log(std) + HALF_LOG_TWO_PI)


@over_arrays(std=POSITIVE)
def normal_cdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\Phi(z) = \int_{-\infty}^z \frac{1}{\sqrt{2\pi}} e^{-u^2/2} du$ with $z = (x - \mu) / \sigma$."""
    return _cdf(x, mean, std)


@over_arrays(std=POSITIVE)
def normal_logcdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\ln \Phi(z)$ with $z = (x - \mu) / \sigma$: finite where $\Phi$ itself is too small for the type."""
    return _logcdf(x, mean, std)


def normal_sample(key: Array, shape: tuple[int, ...], mean: Scalar = 0.0, std: Scalar = 1.0, dtype=float) -> Array:
    r"""$\mu + \sigma z$ with independent $z \sim N(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.normal, key, shape, mean, std, dtype)

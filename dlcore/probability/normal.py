r"""The normal distribution $N(\mu, \sigma^2)$, exact to a few units in the last place as far out as numbers reach.

$e^{-z^2/2}$ multiplies the relative error of $z$ by $z^2$, so $z = (x - \mu) / \sigma$ is carried with its rounding
error.
"""

import functools
import math

import jax
import jax.numpy as jnp

from dlcore.numerics.derivatives import with_derivative
from dlcore.numerics.exact import halves, two_sum
from dlcore.numerics.formats import Array, Scalar, bits
from dlcore.numerics.functions import finite, log1p, polynomial
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


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _bells(n, m, x, mean, std):
    r"""$He_n(z) \phi(z) / \sigma^m$, $m \ge 1$: by Hermite's polynomials, all derivatives of the density are such."""
    z, r = standardize(x, mean, std)
    w = _hermite(n, _within(z), jnp.where(jnp.abs(z) < FAR, r, 0)) / (std * ROOT_TWO_PI)
    w = functools.reduce(lambda w, _: w / std, range(m - 1), w)
    return jnp.where(jnp.abs(z) > FAR, 0, bell(w, z, r))


@_bells.defjvp
def _bells_jvp(n, m, at, tangents):
    dx, dmean, dstd = tangents
    by_x, by_std = -_bells(n + 1, m + 1, *at), _bells(n + 2, m + 1, *at)
    by_std = by_std if n + 1 == m else by_std + (n + 1 - m) * _bells(n, m + 1, *at)
    return _bells(n, m, *at), by_x * (dx - dmean) + by_std * dstd


def _hermite(n, z, r):
    """Of z + r, of which the second by its zeros: 1, z, z² - 1, z³ - 3z, and so forth."""
    if n < 3:
        return (jnp.ones_like(z), z, ((z - 1) + r) * ((z + 1) + r))[n]
    return z * _hermite(n - 1, z, r) - (n - 1) * _hermite(n - 2, z, r)


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
    return _cdf(*at), _cdf_moved(at, tangents)


def _cdf_moved(at, tangents):
    dx, dmean, dstd = tangents
    return _bells(0, 1, *at) * (dx - dmean) - _bells(1, 1, *at) * dstd


@jax.custom_jvp
def _logcdf(x, mean, std):
    z, r = standardize(x, mean, std)
    below = jnp.where(z < 0, z, 0)
    lower = jnp.log(_scaled_tail(-below)) - half_square(below)
    outer = jnp.where(z < 0, lower, log1p(-_beyond(z, r)))
    return jnp.where(jnp.abs(z) < 0.7, jnp.log(0.5 + _middle(z)), outer)


@_logcdf.defjvp
def _logcdf_jvp(at, tangents):
    far = (at[0] - at[1]) / at[2] > 8  # where the density may be no normal number, and its multiple one
    beyond = _cdf_moved(at, tangents) / jnp.where(far, _cdf(*at), 1)
    return _logcdf(*at), jnp.where(far, beyond, _hazard(*at) * _moved(at, tangents))


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
    """The change of z = (x - mean) / std."""
    (x, mean, std), (dx, dmean, dstd) = at, tangents
    return (dx - dmean - finite((x - mean) / std) * dstd) / std


@with_derivative(lambda z: z)
def half_square(z: Array) -> Array:
    r"""$z^2 / 2$."""
    return z * (z / 2)  # z * z overflows first


@jax.custom_jvp
def _logpdf(x, mean, std):
    return -half_square((x - mean) / std) - (jnp.log(std) + HALF_LOG_TWO_PI)


@_logpdf.defjvp
def _logpdf_jvp(at, tangents):
    (x, mean, std), (dx, dmean, dstd) = at, tangents
    z, r = standardize(x, mean, std)
    rest = jax.lax.stop_gradient(jnp.where(jnp.abs(z) < FAR, r, 0))
    by_std = ((z - 1) + rest) / std * ((z + 1) + rest)
    return _logpdf(*at), -finite(z / std) * (dx - dmean) + finite(by_std) * dstd


@over_arrays(std=POSITIVE)
def normal_pdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\frac{1}{\sqrt{2\pi} \sigma} e^{-(x - \mu)^2 / 2 \sigma^2}$."""
    return _bells(0, 1, x, mean, std)


@over_arrays(std=POSITIVE)
def normal_logpdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$-\frac{(x - \mu)^2}{2 \sigma^2} - \ln \sigma - \frac12 \ln 2\pi$."""
    return _logpdf(x, mean, std)


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

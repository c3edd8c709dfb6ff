r"""The normal distribution $N(\mu, \sigma^2)$, exact to a few units in the last place as far out as numbers reach.

Two things keep the digits. $e^{-z^2/2}$ multiplies the relative error of $z$ by $z^2$, so $z = (x - \mu) / \sigma$ is
carried with its rounding error, and $z^2$ is split into an exact part and a small rest. The tail probability is that
exponential times $R(z) = e^{z^2/2} \Phi(-z)$, a smooth function (Mills' ratio over $\sqrt{2\pi}$).
"""

import math

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar, with_derivative
from dlcore.elementary import bits, decay, log1p, polynomial
from dlcore.probability.arguments import location_scale, over_arrays

ROOT_TWO_PI = 2.5066282746310002
HALF_LOG_TWO_PI = 0.9189385332046728
FAR = 40.0  # e^(-z²/2) is 0 beyond, in float32 and in float64

# Coefficients of the powers of t = (z - k) / (z + k) in (1 + sqrt(pi/2) z) R(z) for z >= 0: interpolation of values
# of 60 digits at Chebyshev points; relative error 7e-9 with k = 3.5 (float32), 1e-17 with k = 6 (float64).
_R_F32 = [
    *(5.728387e-01, -7.5059414e-02, -3.089469e-02, 6.329995e-02, -4.275075e-02, 1.3403021e-02),
    *(6.8284e-04, -1.8746578e-03, 1.4482262e-04, 2.6043353e-04, -2.097254e-05, -2.9326955e-05),
]
_R_F64 = [
    *(0.5519122970150492, -0.07535601435244257, 0.023087607766545584, 0.015266730333857382),
    *(-0.03462449975937064, 0.037195268881296636, -0.02958345537176384, 0.018843409408412674),
    *(-0.009713980965788861, 0.003936020301477562, -0.0011348143717438092, 0.0001466235906262014),
    *(5.2564472185107644e-05, -3.4418814928598623e-05, 5.408531918568813e-06, 2.4171512760021453e-06),
    *(-1.2801180523110094e-06, -1.559389650509628e-08, 1.704341635704584e-07, -2.526902763608044e-08),
    *(-1.946638550369451e-08, 4.790633235663788e-09, 1.9658938428097517e-09, -4.272843840126235e-10),
    -1.3265094621431137e-10,
]


def standardise(x: Array, mean: Array, std: Array) -> tuple[Array, Array]:
    r"""$(z, r)$ with $z + r = (x - \mu) / \sigma$ to about twice the precision of the type."""
    d = x - mean
    d_rest = ((_head(x) - _head(d)) - _head(mean)) + ((_rest(x) - _rest(mean)) - _rest(d))
    z = d / std
    remainder = ((d - _head(z) * _head(std)) - _head(z) * _rest(std)) - _rest(z) * std
    return z, (remainder + d_rest) / std


def _head(a):
    """The upper half of the digits: products of heads are exact."""
    return jax.lax.reduce_precision(a, *((8, 11) if bits(a) == 32 else (11, 25)))


def _rest(a):
    return a - _head(a)


def _bell(w, z, r):
    """w e^(-(z + r)²/2), which may be a normal number where the exponential is not."""
    near = ~(jnp.abs(z) > FAR)
    z = jnp.where(near, z, FAR)
    r = jnp.where(near, r, 0)
    e, again = decay(jnp.square(_head(z)) / 2)
    return e * (w * jnp.exp(-(_rest(z) * (z + _head(z)) / 2 + z * r))) * again


def _scaled_tail(z):
    """R(z) for z >= 0."""
    k, coefficients = (3.5, _R_F32) if bits(z) == 32 else (6.0, _R_F64)
    u = jnp.minimum(z, 1e30)
    t = 2 * (u / (u + k)) - 1  # this way, its rounding error is least where the sum is most sensitive, at 0
    return polynomial(t, coefficients) / (1 + ROOT_TWO_PI / 2 * z)


def _tail(z, r):
    """Φ(-|z + r|)."""
    return _bell(_scaled_tail(jnp.abs(z)), z, r)


def _hazard(z):
    """The density over the CDF at z."""
    above = _bell(1 / ROOT_TWO_PI, z, jnp.zeros_like(z)) / _cdf(z, jnp.zeros_like(z), jnp.ones_like(z))
    return jnp.where(z < -0.7, 1 / (ROOT_TWO_PI * _scaled_tail(jnp.where(z < -0.7, -z, 0))), above)


@jax.custom_jvp
def _pdf(x, mean, std):
    z, r = standardise(x, mean, std)
    return _bell(1 / (std * ROOT_TWO_PI), z, r)


@_pdf.defjvp
def _pdf_jvp(at, tangents):
    x, mean, std = at
    dx, dmean, dstd = tangents
    p = _pdf(*at)
    z = _within((x - mean) / std)
    return p, _pdf_slope(*at) * (dx - dmean) + p * ((z * z - 1) / std) * dstd


@jax.custom_jvp
def _pdf_slope(x, mean, std):
    z, r = standardise(x, mean, std)
    return _bell(-_within(z) / (std * std * ROOT_TWO_PI), z, r)


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
    z, r = standardise(x, mean, std)
    tail = _tail(z, r)
    return jnp.where(jnp.abs(z) < 0.7, 0.5 + _middle(z), jnp.where(z < 0, tail, 1 - tail))


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
def _logcdf(z):
    """Of the standard normal: ln Φ(z)."""
    below = jnp.where(z < 0, z, 0)
    lower = jnp.log(_scaled_tail(-below)) - _half_square(below)
    outer = jnp.where(z < 0, lower, log1p(-_tail(z, jnp.zeros_like(z))))
    return jnp.where(jnp.abs(z) < 0.7, jnp.log(0.5 + _middle(z)), outer)


@_logcdf.defjvp
def _logcdf_jvp(at, tangents):
    (z,), (dz,) = at, tangents
    return _logcdf(z), _logcdf_slope(z) * dz


@jax.custom_jvp
def _logcdf_slope(z):
    return _hazard(z)


@_logcdf_slope.defjvp
def _logcdf_slope_jvp(at, tangents):
    (z,), (dz,) = at, tangents
    h = _logcdf_slope(z)
    inner = _within(z)
    outer = jnp.where(z < -FAR, z, 1)  # z + h would be the difference of two numbers almost alike
    return h, jnp.where(z < -FAR, 1 / outer / outer - 1, -h * (inner + h)) * dz


@with_derivative(lambda z: z)
def _half_square(z):
    return z * (z / 2)  # z * z overflows first


@over_arrays("std")
def normal_pdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\frac{1}{\sqrt{2\pi} \sigma} e^{-(x - \mu)^2 / 2 \sigma^2}$."""
    return _pdf(x, mean, std)


@over_arrays("std")
def normal_logpdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$-\frac{(x - \mu)^2}{2 \sigma^2} - \ln \sigma - \frac12 \ln 2\pi$."""
    return -_half_square((x - mean) / std) - (jnp.log(std) + HALF_LOG_TWO_PI)


@over_arrays("std")
def normal_cdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\Phi(z) = \int_{-\infty}^z \frac{1}{\sqrt{2\pi}} e^{-u^2/2} du$ with $z = (x - \mu) / \sigma$."""
    return _cdf(x, mean, std)


@over_arrays("std")
def normal_logcdf(x: Array, mean: Scalar = 0.0, std: Scalar = 1.0) -> Array:
    r"""$\ln \Phi(z)$ with $z = (x - \mu) / \sigma$: finite where $\Phi$ itself is too small for the type."""
    return _logcdf((x - mean) / std)


def normal_sample(key: Array, shape: tuple[int, ...], mean: Scalar = 0.0, std: Scalar = 1.0, dtype=float) -> Array:
    r"""$\mu + \sigma z$ with independent $z \sim N(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.normal, key, shape, mean, std, dtype)

r"""The Laplace distribution $L(\mu, b)$ and the uniform distribution $U(a, b)$."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.functions import absolute, log1p
from dlcore.numerics.ranges import POSITIVE
from dlcore.probability.arguments import location_scale, over_arrays
from dlcore.probability.normal import standardize

LOG_TWO = 0.6931471805599453
FAR = 800.0  # e^(-|z|) is 0 beyond, in float32 and in float64


def _decay(x, mean, scale):
    """e^(-|x - mean| / scale), the rounding error of the exponent made good."""
    z, rest = standardize(x, mean, scale)
    q = jnp.abs(z)
    p = jnp.exp(-jnp.minimum(q, FAR))
    return p - p * jnp.where(q < FAR, jnp.where(z < 0, -rest, rest), 0)


@jax.custom_jvp
def _pdf(x, mean, scale):
    return _decay(x, mean, scale) / (2 * scale)


@_pdf.defjvp
def _pdf_jvp(at, tangents):
    x, mean, scale = at
    dx, dmean, dscale = tangents
    p = _pdf(*at)
    q = jnp.minimum(jnp.abs((x - mean) / scale), FAR)
    return p, p / scale * (-jnp.sign(x - mean) * (dx - dmean) + (q - 1) * dscale)


@jax.custom_jvp
def _cdf(x, mean, scale):
    tail = _decay(x, mean, scale) / 2
    return jnp.where(x < mean, tail, 1 - tail)


@_cdf.defjvp
def _cdf_jvp(at, tangents):
    x, mean, scale = at
    dx, dmean, dscale = tangents
    z = jnp.clip((x - mean) / scale, -FAR, FAR)
    return _cdf(*at), _pdf(*at) * (dx - dmean - z * dscale)


@jax.custom_jvp
def _logcdf(x, mean, scale):
    z = (x - mean) / scale
    return jnp.where(z < 0, z - LOG_TWO, log1p(-_decay(x, mean, scale) / 2))


@_logcdf.defjvp
def _logcdf_jvp(at, tangents):
    x, mean, scale = at
    dx, dmean, dscale = tangents
    p = _slope_of_tail(*at)
    limits = jnp.finfo(x.dtype)
    z = jnp.clip((x - mean) / scale, limits.min, limits.max)
    return _logcdf(*at), p * ((dx - dmean - z * dscale) / scale)


def _slope_of_tail(x, mean, scale):
    """The standard density over its CDF: 1 below the mean."""
    p = 2 * scale * _pdf(x, mean, scale)
    return jnp.where(x < mean, 1, p / (2 - p))


@over_arrays(scale=POSITIVE)
def laplace_pdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$\frac{1}{2b} e^{-|x - \mu| / b}$ with $b$ ``scale``; its derivative at $\mu$ is taken as 0."""
    return _pdf(x, mean, scale)


@over_arrays(scale=POSITIVE)
def laplace_logpdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$-|x - \mu| / b - \ln 2b$."""
    return -absolute(x - mean) / scale - (jnp.log(scale) + LOG_TWO)


@over_arrays(scale=POSITIVE)
def laplace_cdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$\frac12 e^z$ for $z = (x - \mu) / b < 0$, else $1 - \frac12 e^{-z}$."""
    return _cdf(x, mean, scale)


@over_arrays(scale=POSITIVE)
def laplace_logcdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$z - \ln 2$ for $z = (x - \mu) / b < 0$, else $\ln(1 - \frac12 e^{-z})$."""
    return _logcdf(x, mean, scale)


def laplace_sample(key: Array, shape: tuple[int, ...], mean: Scalar = 0.0, scale: Scalar = 1.0, dtype=float) -> Array:
    r"""$\mu + b z$ with independent $z \sim L(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.laplace, key, shape, mean, scale, dtype)


def check_ordered(low: Scalar, high: Scalar) -> None:
    """Raise ValueError unless ``low`` is below ``high``; traced ones are data and pass."""
    if not isinstance(low, Tracer) and not isinstance(high, Tracer):
        POSITIVE.check("high - low", np.subtract(high, low))


def _ordered(f):
    known = over_arrays()(f)

    @functools.wraps(f)
    def called(x, low=0.0, high=1.0):
        check_ordered(low, high)
        return known(x, low, high)

    return called


def _nothing(x, width, value):
    """``value``, or NaN where there is one in ``x`` or ``width``."""
    return jnp.where(jnp.isnan(x) | jnp.isnan(width), jnp.nan, value)


@_ordered
def uniform_pdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$1 / (b - a)$ for $a \le x \le b$, else 0; NaN where not $a < b$."""
    width = POSITIVE.or_nan(high - low)
    return jnp.where((x >= low) & (x <= high), 1 / width, _nothing(x, width, 0))


@_ordered
def uniform_logpdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$-\ln(b - a)$ for $a \le x \le b$, else $-\infty$; NaN where not $a < b$."""
    width = POSITIVE.or_nan(high - low)
    return jnp.where((x >= low) & (x <= high), -jnp.log(width), _nothing(x, width, -jnp.inf))


@_ordered
def uniform_cdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$(x - a) / (b - a)$ for $a \le x \le b$, 0 below, 1 above; NaN where not $a < b$."""
    width = POSITIVE.or_nan(high - low)
    return jnp.where((x > low) & (x < high), (x - low) / width, _nothing(x, width, jnp.where(x <= low, 0.0, 1.0)))


def uniform_sample(key: Array, shape: tuple[int, ...], low: Scalar = 0.0, high: Scalar = 1.0, dtype=float) -> Array:
    r"""$a + (b - a) u$ with independent $u \sim U(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.uniform, key, shape, low, jnp.asarray(high) - jnp.asarray(low), dtype)

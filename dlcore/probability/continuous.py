r"""The Laplace distribution $L(\mu, b)$ and the uniform distribution $U(a, b)$."""

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.elementary import log1p
from dlcore.probability.arguments import check_positive, location_scale, over_arrays
from dlcore.probability.normal import standardise
from dlcore.probability.norms import absolute

LOG_TWO = 0.6931471805599453
FAR = 800.0  # e^(-|z|) is 0 beyond, in float32 and in float64


def _decay(x, mean, scale):
    """e^(-|x - mean| / scale), the rounding error of the exponent made good."""
    z, rest = standardise(x, mean, scale)
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


@over_arrays("scale")
def laplace_pdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$\frac{1}{2b} e^{-|x - \mu| / b}$ with $b$ ``scale``; its derivative at $\mu$ is taken as 0."""
    return _pdf(x, mean, scale)


@over_arrays("scale")
def laplace_logpdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$-|x - \mu| / b - \ln 2b$."""
    return -absolute(x - mean) / scale - (jnp.log(scale) + LOG_TWO)


@over_arrays("scale")
def laplace_cdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$\frac12 e^z$ for $z = (x - \mu) / b < 0$, else $1 - \frac12 e^{-z}$."""
    return _cdf(x, mean, scale)


@over_arrays("scale")
def laplace_logcdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$z - \ln 2$ for $z = (x - \mu) / b < 0$, else $\ln(1 - \frac12 e^{-z})$."""
    z = (x - mean) / scale
    above = log1p(-jnp.exp(-jnp.where(z < 0, 0, z)) / 2)
    return jnp.where(z < 0, z - LOG_TWO, above)


def laplace_sample(key: Array, shape: tuple[int, ...], mean: Scalar = 0.0, scale: Scalar = 1.0, dtype=float) -> Array:
    r"""$\mu + b z$ with independent $z \sim L(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.laplace, key, shape, mean, scale, dtype)


def _width(low, high):
    check_positive(**{"high - low": high - low})
    return jnp.where(high > low, high - low, jnp.nan)


def _nothing(x, width, value):
    """``value``, or NaN where there is one in ``x`` or ``width``."""
    return jnp.where(jnp.isnan(x) | jnp.isnan(width), jnp.nan, value)


@over_arrays()
def uniform_pdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$1 / (b - a)$ for $a \le x \le b$, else 0; NaN where not $a < b$."""
    width = _width(low, high)
    return jnp.where((x >= low) & (x <= high), 1 / width, _nothing(x, width, 0))


@over_arrays()
def uniform_logpdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$-\ln(b - a)$ for $a \le x \le b$, else $-\infty$; NaN where not $a < b$."""
    width = _width(low, high)
    return jnp.where((x >= low) & (x <= high), -jnp.log(width), _nothing(x, width, -jnp.inf))


@over_arrays()
def uniform_cdf(x: Array, low: Scalar = 0.0, high: Scalar = 1.0) -> Array:
    r"""$(x - a) / (b - a)$ for $a \le x \le b$, 0 below, 1 above; NaN where not $a < b$."""
    width = _width(low, high)
    return jnp.where((x > low) & (x < high), (x - low) / width, _nothing(x, width, jnp.where(x <= low, 0.0, 1.0)))


def uniform_sample(key: Array, shape: tuple[int, ...], low: Scalar = 0.0, high: Scalar = 1.0, dtype=float) -> Array:
    r"""$a + (b - a) u$ with independent $u \sim U(0, 1)$, an array of ``shape``; numbers are scalars or [*shape]."""
    return location_scale(jax.random.uniform, key, shape, low, jnp.asarray(high) - jnp.asarray(low), dtype)

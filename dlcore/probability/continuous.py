r"""The Laplace distribution $L(\mu, b)$ and the uniform distribution $U(a, b)$."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.functions import absolute, decay, finite, log1p, polynomial
from dlcore.numerics.ranges import POSITIVE
from dlcore.probability.arguments import location_scale, over_arrays
from dlcore.probability.normal import standardize

LOG_TWO = 0.6931471805599453
FAR = 800.0  # e^(-|z|) is 0 beyond, in float32 and in float64


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _decays(p, m, x, mean, scale):
    r"""$\frac12 p(q) e^{-q} / b^m$ with $q = |x - \mu| / b$: all derivatives of the density are such.

    ``p`` are the coefficients of a polynomial from the lowest power. The rounding error of q is made good.
    """
    z, rest = standardize(x, mean, scale)
    q, near = jnp.minimum(jnp.abs(z), FAR), jnp.abs(z) < FAR
    rest = jnp.where(near, jnp.where(z < 0, -rest, rest), 0)
    w = (polynomial(q, p) + polynomial(q, _derivative(p)) * rest) / 2
    w = functools.reduce(lambda w, _: w / scale, range(m), w)
    e, again = decay(q)
    return jnp.where(near | jnp.isnan(z), e * (w - w * rest) * again, 0)


@_decays.defjvp
def _decays_jvp(p, m, at, tangents):
    dx, dmean, dscale = tangents
    slope = _sum(_derivative(p), [-c for c in p])
    by_x = jnp.sign(at[0] - at[1]) * _decays(slope, m + 1, *at)
    by_scale = -_decays(_sum((0, *slope), [m * c for c in p]), m + 1, *at)
    return _decays(p, m, *at), by_x * (dx - dmean) + by_scale * dscale


def _derivative(p):
    return tuple(k * c for k, c in enumerate(p))[1:] or (0,)


def _sum(p, q):
    return tuple(a + b for a, b in itertools.zip_longest(p, q, fillvalue=0))


def _tail(x, mean, scale):
    r"""$\frac12 e^{-|z|}$."""
    return _decays((1,), 0, x, mean, scale)


@jax.custom_jvp
def _cdf(x, mean, scale):
    tail = _tail(x, mean, scale)
    return jnp.where(x < mean, tail, 1 - tail)


@_cdf.defjvp
def _cdf_jvp(at, tangents):
    return _cdf(*at), _cdf_moved(at, tangents)


def _cdf_moved(at, tangents):
    dx, dmean, dscale = tangents
    return _decays((1,), 1, *at) * (dx - dmean) - jnp.sign(at[0] - at[1]) * _decays((0, 1), 1, *at) * dscale


@jax.custom_jvp
def _logcdf(x, mean, scale):
    z = (x - mean) / scale
    return jnp.where(z < 0, z - LOG_TWO, log1p(-_tail(x, mean, scale)))


@_logcdf.defjvp
def _logcdf_jvp(at, tangents):
    x, mean, scale = at
    dx, dmean, dscale = tangents
    below = (dx - dmean - finite((x - mean) / scale) * dscale) / scale
    return _logcdf(*at), jnp.where(x < mean, below, _cdf_moved(at, tangents) / (1 - _tail(*at)))


@jax.custom_jvp
def _logpdf(x, mean, scale):
    return -absolute(x - mean) / scale - (jnp.log(scale) + LOG_TWO)


@_logpdf.defjvp
def _logpdf_jvp(at, tangents):
    (x, mean, scale), (dx, dmean, dscale) = at, tangents
    z, r = standardize(x, mean, scale)
    rest = jax.lax.stop_gradient(jnp.where(jnp.abs(z) < FAR, jnp.sign(z) * r, 0))
    return _logpdf(*at), (((finite(absolute(z)) - 1) + rest) * dscale - jnp.sign(x - mean) * (dx - dmean)) / scale


@over_arrays(scale=POSITIVE)
def laplace_pdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$\frac{1}{2b} e^{-|x - \mu| / b}$ with $b$ ``scale``; its derivative at $\mu$ is taken as 0."""
    return _decays((1,), 1, x, mean, scale)


@over_arrays(scale=POSITIVE)
def laplace_logpdf(x: Array, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""$-|x - \mu| / b - \ln 2b$."""
    return _logpdf(x, mean, scale)


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

r"""The smooth activations made of $e^s$: in terms of $e^{-|s|}$, nothing overflows and no digit is lost in a tail."""

import math

import jax.numpy as jnp

from dlcore.numerics.derivatives import with_curvature, with_derivative, with_rule
from dlcore.numerics.exact import two_sum
from dlcore.numerics.formats import Array, bits, elementwise
from dlcore.numerics.functions import exp_below, expm1_below, polynomial, sech2, tanh

_SILU_ZERO = {32: (1.2784645557403564, -1.297928265020314e-8), 64: (1.2784645427610737, 1.094699418309344e-16)}
_CURVATURE_ZERO = {32: (2.399357318878174, -3.836270616029226e-8), 64: (2.3993572805154675, 1.8464872855353364e-16)}
_SILU_SLOPE = (1.278464396, -0.1392322215, 0.04646299187, -0.0116129002)  # its series by minimax, to 2^-23
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _sigmoid_curvature(s) -> Array:
    return -tanh(s / 2) * sigmoid_grad(s)


@with_curvature(_sigmoid_curvature)
def _sigmoid(s):
    e = exp_below(-jnp.abs(s))
    q = e / (1 + e)
    return jnp.where(s < 0, q, 1 - q), q * (1 - q)


@elementwise
@with_rule(_sigmoid)
def sigmoid(s):
    r"""$\sigma(s) = 1 / (1 + e^{-s})$; $\sigma(-s) = 1 - \sigma(s)$."""
    e = exp_below(-jnp.abs(s))
    return jnp.where(s < 0, e, 1) / (1 + e)


@elementwise
def sigmoid_grad(s):
    r"""$\sigma(s) \sigma(-s)$, from the smaller of the two; $\sigma (1 - \sigma)$ has no digit left from 17 on."""
    return _sigmoid(s)[1]


def tanh_grad(s):
    r"""$1 - \tanh^2 s$."""
    return sech2(s)


@elementwise
@with_derivative(lambda s: sigmoid(s))
def softplus(s):
    r"""$\ln(1 + e^s) = \max(s, 0) + \ln(1 + e^{-|s|})$, the rounding error of the sum made good."""
    one_more, rest = two_sum(exp_below(-jnp.abs(s)), jnp.ones_like(s))
    return jnp.maximum(s, 0) + (jnp.log(one_more) + rest / one_more)


def softplus_grad(s):
    r"""$\sigma(s)$."""
    return sigmoid(s)


@elementwise
def log_sigmoid(s):
    r"""$\ln \sigma(s)$, minus the softplus of $-s$."""
    return -softplus(-s)


def log_sigmoid_grad(s):
    r"""$\sigma(-s)$."""
    return sigmoid(-s)


def _silu_curvature(s) -> Array:
    r"""$(2 - s \tanh \frac s2) \sigma'(s)$; next to the zero $r = 2 / t$ of the first factor, with $d = |s| - r$ and
    $u = \tanh \frac d2$, that factor is $-((r - 2t) u + d (t + u)) / (1 + t u)$.
    """
    x = jnp.where(jnp.abs(s) > 2000, 2000, jnp.abs(s))
    r, r_rest = _CURVATURE_ZERO[bits(s)]
    d, t = x - r, 2 / r
    u = tanh(d / 2)
    near = (r_rest * (r / 2) - ((r - 2 * t) * u + d * (t + u))) / (1 + t * u)
    e = exp_below(-x, lift=8)
    q = e / (1 + e / 256)  # 256 sigma(-x)
    return jnp.where(jnp.abs(d) < 0.5, near, 2 - x * tanh(x / 2)) * (q * (1 - q / 256)) / 256


@with_curvature(_silu_curvature)
def _silu(s):
    e = exp_below(-jnp.abs(s), lift=8)
    q = e / (1 + e / 256)  # 256 sigma(-x)
    x, above = jnp.where(jnp.abs(s) > 2000, 2000, jnp.abs(s)), 1 - q / 256
    g = (q * _silu_factor(x, above)) / 256
    return jnp.where(s < 0, -(x * q) / 256, s * above), jnp.where(s < 0, g, 1 - g)


@elementwise
@with_rule(_silu)
def silu(s):
    r"""$s \sigma(s)$, also called swish. Hendrycks & Gimpel 2016; Ramachandran et al. 2017."""
    e = exp_below(-jnp.abs(s), lift=8)
    below = jnp.where(s < -2000, -2000, s) * e
    return jnp.where(s < 0, below, s) / (1 + e / 256) * jnp.where(s < 0, 1 / 256, 1)


@elementwise
def silu_grad(s):
    r"""$\sigma(s) (1 + s \sigma(-s))$: $g = \sigma(-x) (1 - x \sigma(x))$, $x = |s|$, if $s < 0$, else $1 - g$."""
    return _silu(s)[1]


def _silu_factor(x, above):
    r"""$1 - x \sigma(x)$; next to its zero $r$, with $d = x - r$, it is $-d (1 + (r - 1)(1 - e^{-d})/d) \sigma(x)$."""
    r, r_rest = _SILU_ZERO[bits(x)]
    d = x - r
    slope = above * polynomial(d, _SILU_SLOPE if bits(x) == 32 else _silu_slope_series(12))
    return jnp.where(jnp.abs(d) < 0.15, r_rest * slope - d * slope, 1 - x * above)


def _silu_slope_series(terms):
    r = _SILU_ZERO[64][0]
    return [(k == 0) + (r - 1) * (-1) ** k / math.factorial(k + 1) for k in range(terms)]


@elementwise
def elu(s, alpha=1.0):
    r"""$s$ if $s > 0$, else $\alpha(e^s - 1)$. Clevert et al. 2016, eq. 15."""
    below = jnp.where(s > 0, 0, s)  # e^s of the branch not taken would overflow in the gradient
    return jnp.where(s > 0, s, alpha * expm1_below(below))


@elementwise
def elu_grad(s, alpha=1.0):
    r"""$1$ if $s > 0$, else $\alpha e^s$."""
    return jnp.where(s > 0, 1, alpha * jnp.exp(jnp.where(s > 0, 0, s)))


@elementwise
def selu(s):
    r"""$\lambda \operatorname{elu}(s, \alpha)$: keeps mean 0 and variance 1. Klambauer et al. 2017, eq. 2."""
    return SELU_SCALE * elu(s, SELU_ALPHA)


@elementwise
def selu_grad(s):
    r"""$\lambda$ if $s > 0$, else $\lambda \alpha e^s$."""
    return SELU_SCALE * elu_grad(s, SELU_ALPHA)

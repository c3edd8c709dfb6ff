r"""The smooth activations made of $e^s$: in terms of $e^{-|s|}$, nothing overflows and no digit is lost in a tail."""

import math

import jax.numpy as jnp

from dlcore.contracts import Array, elementwise, with_derivative
from dlcore.elementary import bits, decay, expm1, polynomial, sech2, tanh

_SILU_ZERO = {32: (1.2784645557403564, -1.297928265020314e-8), 64: (1.2784645427610737, 1.094699418309344e-16)}
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@elementwise
@with_derivative(lambda s: sigmoid_grad(s))
def sigmoid(s):
    r"""$\sigma(s) = 1 / (1 + e^{-s})$; $\sigma(-s) = 1 - \sigma(s)$."""
    e = jnp.exp(-jnp.abs(s))
    above = 1 / (1 + e)
    return jnp.where(s < 0, e * above, above)


def _sigmoid_curvature(s) -> Array:
    return -tanh(s / 2) * sigmoid_grad(s)


@elementwise
@with_derivative(_sigmoid_curvature)
def sigmoid_grad(s):
    r"""$\sigma(s) \sigma(-s) = e^{-|s|} / (1 + e^{-|s|})^2$; $\sigma (1 - \sigma)$ has no digit left from 17 on."""
    e = jnp.exp(-jnp.abs(s))
    above = 1 / (1 + e)
    return (e * above) * above


def tanh_grad(s):
    r"""$1 - \tanh^2 s$."""
    return sech2(s)


@elementwise
@with_derivative(lambda s: sigmoid(s))
def softplus(s):
    r"""$\ln(1 + e^s) = \max(s, 0) + \ln(1 + e^{-|s|})$."""
    return jnp.maximum(s, 0) + jnp.log1p(jnp.exp(-jnp.abs(s)))


def softplus_grad(s):
    r"""$\sigma(s)$."""
    return sigmoid(s)


def log_sigmoid(s):
    r"""$\ln \sigma(s)$, minus the softplus of $-s$."""
    return -softplus(-s)


def log_sigmoid_grad(s):
    r"""$\sigma(-s)$."""
    return sigmoid(-s)


@elementwise
@with_derivative(lambda s: silu_grad(s))
def silu(s):
    r"""$s \sigma(s)$, also called swish. Hendrycks & Gimpel 2016; Ramachandran et al. 2017."""
    e, again = decay(jnp.abs(s))
    above = 1 / (1 + e)
    return jnp.where(s < 0, (jnp.maximum(s, -2000) * e) * above * again, s * above)


@elementwise
@with_derivative(lambda s: (2 - jnp.clip(s, -2000, 2000) * tanh(s / 2)) * sigmoid_grad(s))
def silu_grad(s):
    r"""$\sigma(s) (1 + s \sigma(-s))$.

    With $x = |s|$ it is $g = e^{-x} (1 - x + e^{-x}) / (1 + e^{-x})^2$ for $s < 0$ and $1 - g$ above.
    """
    x = jnp.minimum(jnp.abs(s), 2000)
    e, again = decay(x)
    above = 1 / (1 + e)
    below = (e * _silu_factor(x, e)) * (above * above) * again
    return jnp.where(s < 0, below, 1 - below)


def _silu_factor(x, e):
    r"""$1 - x + e^{-x}$; next to its zero $r$, with $d = x - r$, it is $-d (1 + (r - 1)(1 - e^{-d})/d)$."""
    r, r_rest = _SILU_ZERO[bits(x)]
    d = jnp.clip(x - r, -0.15, 0.15)
    terms = 6 if bits(x) == 32 else 12
    slope = 1 + (r - 1) * polynomial(d, [(-1) ** k / math.factorial(k + 1) for k in range(terms)])
    return jnp.where(jnp.abs(x - r) < 0.15, r_rest * slope - d * slope, (1 - x) + e)


@elementwise
def elu(s, alpha=1.0):
    r"""$s$ if $s > 0$, else $\alpha(e^s - 1)$. Clevert et al. 2016, eq. 15."""
    below = jnp.where(s > 0, 0, s)  # e^s of the branch not taken would overflow in the gradient
    return jnp.where(s > 0, s, alpha * expm1(below))


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

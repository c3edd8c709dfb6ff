r"""The GELU, to the last bits far into the tails. Elementwise, [...] -> [...], dtype kept; TypeError for an integer."""

import jax.numpy as jnp

from dlcore.numerics.derivatives import with_derivative
from dlcore.numerics.formats import Array, bits, elementwise
from dlcore.numerics.gaussian import FAR, ROOT_TWO_PI, bell, series, tail

# Chebyshev coefficients in t = (x - 4) / (x + 4), x >= 0, computed with 40 digits
_SLOPE = (  # (e^{x^2/2} Q(x) - x / sqrt(2 pi)) / (x - r), where r is the zero of the numerator
    -0.4959547437006942475,
    0.125452486826620274,
    -0.03490510198467443606,
    0.007524010441293160966,
    -0.001156028443626337263,
    0.00009367727206401449433,
    5.659701230299688253e-6,
    -2.367730906666484271e-6,
    8.107593380313914725e-8,
    5.187774720824669329e-8,
    -4.570057475859398384e-9,
    -1.365617100370196048e-9,
    1.602660258606792131e-10,
    4.555152315040623713e-11,
    -4.927684771713830488e-12,
    -1.828653400261277981e-12,
    1.166767494573978027e-13,
    8.041463817134733546e-14,
    1.859088819063531475e-16,
    -3.518350228090694897e-15,
    -3.04911121812597367e-16,
    1.367841210303817787e-16,
    2.887512698082728011e-17,
)
_ROOT_TWO = {32: (1.4142135381698608, 2.420323420895794e-8), 64: (1.4142135623730951, -9.667293313452913e-17)}
_ZERO = {32: (0.7517915368080139, -1.211444945855772e-8), 64: (0.7517915246935645, -1.495675917700988e-17)}


def _curvature(s) -> Array:
    r"""$(2 - s^2) \phi(s)$, by the two zeros of the parabola."""
    x = jnp.where(jnp.abs(s) > FAR, FAR, jnp.abs(s))
    root, rest = _ROOT_TWO[bits(s)]
    other = (root + x) / ROOT_TWO_PI
    return bell((root - x) * other + rest * other, x, jnp.zeros_like(x))


@elementwise
@with_derivative(lambda s: gelu_grad(s))
def gelu(s):
    r"""$s \Phi(s)$, $\Phi$ the standard normal CDF. Hendrycks & Gimpel 2016. Without their tanh approximation."""
    x = jnp.where(jnp.abs(s) > FAR, FAR, jnp.abs(s))
    below = bell(x / (1 + x / 4) * tail(x), x, jnp.zeros_like(x)) / 4
    return jnp.where(s < 0, -below, s - below)


@elementwise
@with_derivative(_curvature)
def gelu_grad(s):
    r"""$\Phi(s) + s \phi(s)$; its zero at -0.7518 is factored out, so that the digits next to it are exact too."""
    x = jnp.where(jnp.abs(s) > FAR, FAR, jnp.abs(s))
    zero, zero_rest = _ZERO[bits(s)]
    slope = series(x, _SLOPE, 9 if bits(s) == 32 else 23)
    below = bell((x - zero) * slope - zero_rest * slope, x, jnp.zeros_like(x))
    return jnp.where(s < 0, below, 1 - below)

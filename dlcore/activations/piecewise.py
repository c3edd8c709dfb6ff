"""Activations made of straight pieces: exact in every format. NaN stays NaN."""

import jax.numpy as jnp

from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, Scalar, compiled, elementwise, in_dtype_of


def identity(s: Array) -> Array:
    r"""$s$, the activation of a linear layer; any dtype."""
    return s


def identity_grad(s: Array) -> Array:
    r"""$1$."""
    return jnp.ones_like(s)


@elementwise
def relu(s):
    r"""$\max(0, s)$.

    >>> import jax.numpy as jnp
    >>> from dlcore.activations import relu
    >>> print(relu(jnp.array([-1.0, 0.0, 2.0])))
    [0. 0. 2.]
    """
    return jnp.where(s <= 0, 0, s)  # compilers may lose the NaN of a maximum, whose derivative at 0 would be 1/2


@elementwise
def relu_grad(s):
    r"""$1$ if $s > 0$, else $0$."""
    return jnp.where(s <= 0, 0, jnp.ones_like(s))


@elementwise
def leaky_relu(s, negative_slope: Scalar = 0.01):
    r"""$s$ if $s > 0$, else $k s$ with the slope $k$; equal to $\max(k s, s)$ for $k \le 1$."""
    return jnp.where(s > 0, s, negative_slope * s)


@elementwise
def leaky_relu_grad(s, negative_slope: Scalar = 0.01):
    r"""$1$ if $s > 0$, else $k$."""
    return jnp.where(s > 0, jnp.ones_like(s), negative_slope)


@compiled()
def prelu(s: Array, alpha: Scalar) -> Array:
    r"""$s$ if $s > 0$, else $\alpha s$, $\alpha$ learned: a number or one per channel [C]. He et al. 2015, eq. 1.

    For $\alpha > 1$ it is not $\max(\alpha s, s)$, which would bend the other way. ValueError unless s is [..., C].
    """
    return leaky_relu(s, _per_channel(s, alpha))


@compiled()
def prelu_grad(s: Array, alpha: Scalar) -> Array:
    r"""Derivative to ``s``: $1$ if $s > 0$, else $\alpha$."""
    return leaky_relu_grad(s, _per_channel(s, alpha))


@elementwise
def prelu_alpha_grad(s):
    r"""Derivative to $\alpha$, to be summed over what shares it: $0$ if $s > 0$, else $s$. He et al. 2015, eq. 3."""
    return jnp.where(s > 0, 0, s)


@elementwise
def hard_tanh(s):
    r"""$-1$, $s$ or $1$: $s$ cut off at $\pm 1$."""
    return jnp.where(s > 1, 1, jnp.where(s <= -1, -1, s))


@elementwise
def hard_tanh_grad(s):
    r"""$1$ if $-1 < s \le 1$, else $0$."""
    return jnp.where((s > 1) | (s <= -1), 0, jnp.ones_like(s))


@elementwise
def step(s):
    r"""Heaviside's step: $0$ if $s < 0$, else $1$."""
    return jnp.where(s < 0, 0, jnp.where(s >= 0, 1, s))


@elementwise
def step_grad(s):
    r"""$0$ everywhere, the jump included."""
    return jnp.zeros_like(s)


@elementwise
def sign(s):
    r"""$-1$ if $s < 0$, else $1$."""
    return jnp.where(s < 0, -1, jnp.where(s >= 0, 1, s))


@elementwise
def sign_grad(s):
    r"""$0$ everywhere, the jump included."""
    return jnp.zeros_like(s)


@compiled()
def maxout(x: Array, W: Array, b: Array) -> Array:
    r"""$\max_k (x W_k + b_k)$: x [..., d], W [k, d, m], b [k, m] -> [..., m]. Goodfellow et al. 2013, eq. 1.

    The first of equal pieces is the one that learns. ValueError for shapes that do not fit.
    """
    pieces = _pieces(x, W, b)
    return jnp.take_along_axis(pieces, jnp.argmax(pieces, axis=-2, keepdims=True), axis=-2)[..., 0, :]


@compiled()
def maxout_jacobian(x: Array, W: Array, b: Array) -> Array:
    r"""Derivative to ``x``, the weights of the largest piece: [..., m, d]."""
    largest = jnp.argmax(_pieces(x, W, b), axis=-2)
    return jnp.moveaxis(W, -1, 0)[jnp.arange(W.shape[-1]), largest]


def _pieces(x, W, b):
    check_float("x", x)
    if W.ndim != 3 or x.shape[-1:] != W.shape[1:2] or b.shape != (W.shape[0], W.shape[2]):
        raise ValueError(
            f"needed x [..., d], W [k, d, m], b [k, m], got x {list(x.shape)}, W {list(W.shape)}, b {list(b.shape)}; "
            "try: one matrix [d, m] and one bias [m] for each of the k pieces, stacked"
        )
    W, b = in_dtype_of(x, W, b)
    products = jnp.einsum("...d,kdm->...km", x, W)
    return products + jnp.broadcast_to(b, products.shape)


def _per_channel(s, alpha):
    if jnp.ndim(alpha) and jnp.shape(alpha) != jnp.shape(s)[-1:]:
        raise ValueError(
            f"needed alpha as a number or [C] for s [..., C], got alpha {list(jnp.shape(alpha))} and s "
            f"{list(jnp.shape(s))}; try: move the channels of s last"
        )
    return jnp.broadcast_to(alpha, jnp.shape(s)) if jnp.ndim(alpha) else alpha

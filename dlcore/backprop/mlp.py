r"""Forward and backward pass of a multilayer perceptron, by hand.

Layer $l = 1, \dots, L$: $a_l = x_{l-1} W_l + b_l$, $x_l = \phi_l(a_l)$; examples are rows, $W_l$ is $[M_{l-1}, M_l]$.
The cost is the mean over the examples, $L = \frac1n \sum_i \ell(x_L, y)$. Error vectors $\delta_l = \partial L /
\partial a_l$ run backwards: $\delta_l = (\delta_{l+1} W_{l+1}^\top) \, \partial x_l / \partial a_l$, and
$\partial L / \partial W_l = x_{l-1}^\top \delta_l$, $\partial L / \partial b_l = \sum_n \delta_l$.
Rumelhart, Hinton & Williams 1986, eq. 6-9; Bishop 2006, eq. 5.53-5.56.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore import activations as phis
from dlcore import losses
from dlcore.losses.labels import distributions, yes_or_no
from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array


class Affine(NamedTuple):
    """Weights W [M_{l-1}, M_l] and biases b [M_l]."""

    W: Array
    b: Array


class ActivationAndGrad(NamedTuple):
    r"""$\phi$ and its elementwise derivative $\phi'$; None where $\phi$ is not elementwise, or has none by hand."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array] | None = None


class Head(NamedTuple):
    r"""The loss of each example, (x_L [n, M_L], y) -> [n], and its derivative $\partial \ell / \partial x_L$ [n, M_L].

    A derivative of None is left to JAX.
    """

    value: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array] | None = None


class Forward(NamedTuple):
    """``x`` holds x_0, the input, to x_L, the output; ``a`` holds a_1 to a_L: all [n, M_l]."""

    x: tuple[Array, ...]
    a: tuple[Array, ...]


class Backprop(NamedTuple):
    r"""The loss []; the forward pass; $\delta_1$ to $\delta_L$ [n, M_l]; the gradients of W_1, b_1 to W_L, b_L."""

    loss: Array
    x: tuple[Array, ...]
    a: tuple[Array, ...]
    delta: tuple[Array, ...]
    grads: tuple[Affine, ...]


Phi = Callable[[Array], Array] | ActivationAndGrad

Phis = Phi | Sequence[Phi]

GRADS: dict[Callable, Callable] = {
    phis.elu: phis.elu_grad,
    phis.gelu: phis.gelu_grad,
    phis.hard_tanh: phis.hard_tanh_grad,
    phis.identity: phis.identity_grad,
    phis.leaky_relu: phis.leaky_relu_grad,
    phis.log_sigmoid: phis.log_sigmoid_grad,
    phis.prelu: phis.prelu_grad,
    phis.relu: phis.relu_grad,
    phis.selu: phis.selu_grad,
    phis.sigmoid: phis.sigmoid_grad,
    phis.sign: phis.sign_grad,
    phis.silu: phis.silu_grad,
    phis.softplus: phis.softplus_grad,
    phis.step: phis.step_grad,
    phis.tanh: phis.tanh_grad,
}


def with_grad(phi: Phi) -> ActivationAndGrad:
    """``phi`` with its derivative, if it is one of ``dlcore.activations`` that has one.

    ``functools.partial(elu, alpha=0.5)`` has ``elu_grad`` with the same ``alpha``.
    """
    if isinstance(phi, ActivationAndGrad):
        return phi
    if isinstance(phi, functools.partial):
        inner = with_grad(phi.func).derivative
        return ActivationAndGrad(phi, inner and functools.partial(inner, *phi.args, **phi.keywords))
    return ActivationAndGrad(phi, GRADS.get(phi))


def forward(params: Sequence[tuple[Array, Array]], x: Array, activations: Phis) -> Forward:
    r"""$a_l = x_{l-1} W_l + b_l$, $x_l = \phi_l(a_l)$ for $l = 1, \dots, L$: x [n, M_0], params (W, b) per layer.

    ``activations`` are $L$ functions, or one for all layers but the last, which is then linear.
    Raises ValueError for shapes or numbers that do not fit, TypeError for an integer ``x``.
    """
    xs, a = [x], []
    _check(params, x)
    for (W, b), phi in zip(params, _per_layer(activations, len(params)), strict=True):
        a.append(xs[-1] @ W + b[None])
        xs.append(a[-1] if phi is None else phi.value(a[-1]))
    return Forward(tuple(xs), tuple(a))


def backward(
    params: Sequence[tuple[Array, Array]], seen: Forward, x_bar: Array, activations: Phis
) -> tuple[tuple[Array, ...], tuple[Affine, ...]]:
    r"""($\delta_1 \dots \delta_L$, gradients per layer) from $\bar x_L = \partial L / \partial x_L$ [n, M_L].

    $\delta_l = \bar x_l \odot \phi_l'(a_l)$ and $\bar x_{l-1} = \delta_l W_l^\top$ for $l = L, \dots, 1$.
    Yang, "Deep Learning", fig. 4.15.
    """
    delta, grads = [], []
    layers = zip(params, seen.x[:-1], seen.a, _per_layer(activations, len(params)), strict=True)
    for (W, _), x, a, phi in reversed(list(layers)):
        delta.append(x_bar if phi is None else _through(phi, a, x_bar))
        grads.append(Affine(W=x.T @ delta[-1], b=jnp.sum(delta[-1], axis=0)))
        x_bar = delta[-1] @ W.T
    return tuple(reversed(delta)), tuple(reversed(grads))


def backpropagate(params: Sequence[tuple[Array, Array]], x: Array, y: Array, activations: Phis, head: Head) -> Backprop:
    r"""Forward, loss $L = \frac1n \sum_i \ell(x_{L,i}, y_i)$, backward: equal to ``jax.grad`` of that mean.

    params (W [M_{l-1}, M_l], b [M_l]) per layer, x [n, M_0], y as the head needs it; ``activations`` and errors as in
    ``forward``. Functions select code: to compile, close over them.
    """
    seen = forward(params, x, activations)
    n = x.shape[0]
    value = jnp.mean(head.value(seen.x[-1], y))
    derivative = head.derivative or jax.grad(lambda out, target: jnp.sum(head.value(out, target)))
    delta, grads = backward(params, seen, derivative(seen.x[-1], y) / n, activations)
    return Backprop(value, seen.x, seen.a, delta, grads)


def _per_layer(activations, depth):
    if isinstance(activations, ActivationAndGrad) or not isinstance(activations, Sequence):
        return [with_grad(activations)] * (depth - 1) + [None]
    if len(activations) != depth:
        what, hint = f"one for each of the {depth} layers", "one function alone, for all layers but the last"
        raise ValueError(needed("activations", what, len(activations), hint))
    return [with_grad(phi) for phi in activations]


def _check(params, x):
    check_float("x", x)
    widths = [x.shape[-1] if x.ndim == 2 else None, *(b.size for _, b in params)]
    pairs = zip(params, itertools.pairwise(widths), strict=True)
    if not params or not all(W.shape == (m, n) and b.shape == (n,) for (W, b), (m, n) in pairs):
        shapes = ", ".join(f"W {list(W.shape)} b {list(b.shape)}" for W, b in params) or "no layers"
        what = "x [n, M_0] and per layer W [M_l-1, M_l], b [M_l]"
        hint = "x[None] for one example, W.T for weights [outputs, inputs]"
        raise ValueError(needed("params", what, f"x {list(x.shape)}, {shapes}", hint))


def _through(phi, a, x_bar):
    r"""$\bar x \, \partial x / \partial a$; Jacobians that are not diagonal are left to JAX."""
    if phi.derivative is not None:
        return x_bar * phi.derivative(a)
    return jax.vjp(phi.value, a)[1](x_bar)[0]


def _softmax_cross_entropy_grad(x, y):
    y = distributions(x, y)
    return phis.softmax(x) * jnp.sum(y, axis=-1, keepdims=True) - y


def _sigmoid_cross_entropy(x, y):
    return jnp.sum(losses.sigmoid_binary_cross_entropy(x, y), axis=-1)


squared_error_head = Head(losses.squared_error, lambda x, y: 2 * (x - y))
softmax_cross_entropy_head = Head(losses.softmax_cross_entropy, _softmax_cross_entropy_grad)  # of logits
sigmoid_cross_entropy_head = Head(_sigmoid_cross_entropy, lambda x, y: phis.sigmoid(x) - yes_or_no(x, y))  # of logits

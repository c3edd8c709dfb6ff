r"""Forward and backward pass of a multilayer perceptron, by hand.

Layer $l = 1, \dots, L$: $a_l = x_{l-1} W_l + b_l$, $x_l = \phi_l(a_l)$; examples are rows, $W_l$ is $[M_{l-1}, M_l]$.
The cost is the mean over the examples, $L = \frac1n \sum_i \ell(x_L, y)$. Error vectors $\delta_l = \partial L /
\partial a_l$ run backwards: $\delta_l = (\delta_{l+1} W_{l+1}^\top) \, \partial x_l / \partial a_l$, and
$\partial L / \partial W_l = x_{l-1}^\top \delta_l$, $\partial L / \partial b_l = \sum_n \delta_l$.
Rumelhart, Hinton & Williams 1986, eq. 6-9; Bishop 2006, eq. 5.53-5.56.
"""

import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, check_float, check_same_shape


class Layer(NamedTuple):
    """Weights W [M_{l-1}, M_l] and biases b [M_l]."""

    W: Array
    b: Array


class Activation(NamedTuple):
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
    grads: tuple[Layer, ...]


Activations = Callable[[Array], Array] | Activation | Sequence[Callable[[Array], Array] | Activation]


def activation_of(phi: Callable[[Array], Array] | Activation) -> Activation:
    """``phi`` with the derivative that stands beside it under its name and ``_grad``, if there is one.

    ``functools.partial(elu, alpha=0.5)`` has ``elu_grad`` with the same ``alpha``.
    """
    if isinstance(phi, Activation):
        return phi
    if isinstance(phi, functools.partial):
        inner = activation_of(phi.func).derivative
        return Activation(phi, inner and functools.partial(inner, *phi.args, **phi.keywords))
    name = getattr(phi, "__name__", "")
    for home in (getattr(phi, "__module__", None), "dlcore.activations"):  # where it was written, where it is offered
        module = sys.modules.get(home or "")
        if getattr(module, name, None) is phi and hasattr(module, f"{name}_grad"):
            return Activation(phi, getattr(module, f"{name}_grad"))
    return Activation(phi)


def forward(params: Sequence[tuple[Array, Array]], x: Array, activations: Activations) -> Forward:
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
    params: Sequence[tuple[Array, Array]], seen: Forward, x_bar: Array, activations: Activations
) -> tuple[tuple[Array, ...], tuple[Layer, ...]]:
    r"""($\delta_1 \dots \delta_L$, gradients per layer) from $\bar x_L = \partial L / \partial x_L$ [n, M_L].

    $\delta_l = \bar x_l \odot \phi_l'(a_l)$ and $\bar x_{l-1} = \delta_l W_l^\top$ for $l = L, \dots, 1$.
    Yang, "Deep Learning", fig. 4.15.
    """
    delta, grads = [], []
    layers = zip(params, seen.x[:-1], seen.a, _per_layer(activations, len(params)), strict=True)
    for (W, _), x, a, phi in reversed(list(layers)):
        delta.append(x_bar if phi is None else _through(phi, a, x_bar))
        grads.append(Layer(W=x.T @ delta[-1], b=jnp.sum(delta[-1], axis=0)))
        x_bar = delta[-1] @ W.T
    return tuple(reversed(delta)), tuple(reversed(grads))


def backpropagate(
    params: Sequence[tuple[Array, Array]], x: Array, y: Array, activations: Activations, head: Head
) -> Backprop:
    r"""Forward, loss $L = \frac1n \sum_i \ell(x_{L,i}, y_i)$, backward: equal to ``jax.grad`` of that mean.

    params (W [M_{l-1}, M_l], b [M_l]) per layer, x [n, M_0], y as the head needs it; ``activations`` and errors as in
    ``forward``. Functions select code: to compile, close over them.
    """
    seen = forward(params, x, activations)
    n = x.shape[0]
    losses = head.value(seen.x[-1], y)
    derivative = head.derivative or jax.grad(lambda out, target: jnp.sum(head.value(out, target)))
    delta, grads = backward(params, seen, derivative(seen.x[-1], y) / n, activations)
    return Backprop(jnp.mean(losses), seen.x, seen.a, delta, grads)


def _per_layer(activations, depth):
    if isinstance(activations, Activation) or not isinstance(activations, Sequence):
        return [activation_of(activations)] * (depth - 1) + [None]
    if len(activations) != depth:
        raise ValueError(
            f"activations: needed one for each of the {depth} layers, got {len(activations)}; "
            "try one function alone, for all layers but the last"
        )
    return [activation_of(phi) for phi in activations]


def _check(params, x):
    check_float("x", x)
    widths = [x.shape[-1] if x.ndim == 2 else None, *(b.size for _, b in params)]
    pairs = zip(params, itertools.pairwise(widths), strict=True)
    if not params or not all(W.shape == (m, n) and b.shape == (n,) for (W, b), (m, n) in pairs):
        shapes = ", ".join(f"W {list(W.shape)} b {list(b.shape)}" for W, b in params) or "no layers"
        raise ValueError(
            f"needed x [n, M_0] and per layer W [M_l-1, M_l], b [M_l]; got x {list(x.shape)}, {shapes}; "
            "try x[None] for one example, W.T for weights [outputs, inputs]"
        )


def _through(phi, a, x_bar):
    r"""$\bar x \, \partial x / \partial a$; Jacobians that are not diagonal are left to JAX."""
    if phi.derivative is not None:
        return x_bar * phi.derivative(a)
    return jax.vjp(phi.value, a)[1](x_bar)[0]


def _squared_error(x, y):
    check_same_shape(output=x, y=y)
    return jnp.sum((x - y) ** 2, axis=-1)


def _squared_error_grad(x, y):
    return 2 * (x - y)


def _softmax_cross_entropy(x, y):
    y = _distribution(x, y)
    return jnp.sum(y * (jax.nn.logsumexp(x, axis=-1, keepdims=True) - x), axis=-1)


def _softmax_cross_entropy_grad(x, y):
    y = _distribution(x, y)
    return jax.nn.softmax(x) * jnp.sum(y, axis=-1, keepdims=True) - y


def _distribution(x, y):
    y = jax.nn.one_hot(y, x.shape[-1], dtype=x.dtype) if jnp.issubdtype(y.dtype, jnp.integer) else y
    check_same_shape(logits=x, labels=y)
    return y


def _sigmoid_cross_entropy(x, y):
    check_same_shape(logits=x, labels=y)
    return jnp.sum(jnp.logaddexp(x, 0) - y * x, axis=-1)


def _sigmoid_cross_entropy_grad(x, y):
    return jax.nn.sigmoid(x) - y


squared_error_head = Head(_squared_error, _squared_error_grad)  # the sum of (x - y)^2
softmax_cross_entropy_head = Head(_softmax_cross_entropy, _softmax_cross_entropy_grad)  # x logits; p - y
sigmoid_cross_entropy_head = Head(_sigmoid_cross_entropy, _sigmoid_cross_entropy_grad)  # x logits; sigma(x) - y

r"""Activation functions, each with its analytic derivative as neighbor: ``relu`` and ``relu_grad``.

Elementwise, [...] -> [...], unless a docstring says otherwise; dtype kept; TypeError for an integer input. At a kink
the derivative is the one from the left.
"""

from dlcore.activations.exponential import (
    elu,
    elu_grad,
    log_sigmoid,
    log_sigmoid_grad,
    selu,
    selu_grad,
    sigmoid,
    sigmoid_grad,
    silu,
    silu_grad,
    softplus,
    softplus_grad,
    tanh_grad,
)
from dlcore.activations.gaussian import gelu, gelu_grad
from dlcore.activations.piecewise import (
    hard_tanh,
    hard_tanh_grad,
    identity,
    identity_grad,
    leaky_relu,
    leaky_relu_grad,
    maxout,
    maxout_jacobian,
    prelu,
    prelu_alpha_grad,
    prelu_grad,
    relu,
    relu_grad,
    sign,
    sign_grad,
    step,
    step_grad,
)
from dlcore.activations.simplex import log_softmax_jacobian, softmax_jacobian
from dlcore.numerics.functions import tanh
from dlcore.numerics.softmax import log_softmax, softmax

__all__ = [
    "elu",
    "elu_grad",
    "gelu",
    "gelu_grad",
    "hard_tanh",
    "hard_tanh_grad",
    "identity",
    "identity_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "log_sigmoid",
    "log_sigmoid_grad",
    "log_softmax",
    "log_softmax_jacobian",
    "maxout",
    "maxout_jacobian",
    "prelu",
    "prelu_alpha_grad",
    "prelu_grad",
    "relu",
    "relu_grad",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "sign",
    "sign_grad",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_jacobian",
    "softplus",
    "softplus_grad",
    "step",
    "step_grad",
    "tanh",
    "tanh_grad",
]

"""Backpropagation by hand, measures of vanishing and exploding gradients, and a check of any gradient."""

from dlcore.backprop.check import GradientReport, LeafReport, check_gradient
from dlcore.backprop.flow import JacobianNorms, growth_rate, jacobian_norms, layer_jacobians, layer_norms
from dlcore.backprop.mlp import (
    ActivationAndGrad,
    Affine,
    Backprop,
    Forward,
    Head,
    backpropagate,
    backward,
    forward,
    sigmoid_cross_entropy_head,
    softmax_cross_entropy_head,
    squared_error_head,
    with_grad,
)

__all__ = [
    "ActivationAndGrad",
    "Affine",
    "Backprop",
    "Forward",
    "GradientReport",
    "Head",
    "JacobianNorms",
    "LeafReport",
    "backpropagate",
    "backward",
    "check_gradient",
    "forward",
    "growth_rate",
    "jacobian_norms",
    "layer_jacobians",
    "layer_norms",
    "sigmoid_cross_entropy_head",
    "softmax_cross_entropy_head",
    "squared_error_head",
    "with_grad",
]

"""Backpropagation by hand, measures of vanishing and exploding gradients, and a check of any gradient."""

from dlcore.backprop.check import GradientReport, LeafReport, check_gradient
from dlcore.backprop.flow import JacobianNorms, growth_rate, jacobian_norms, layer_jacobians, layer_norms
from dlcore.backprop.mlp import (
    Activation,
    Backprop,
    Forward,
    Head,
    Layer,
    activation_of,
    backpropagate,
    backward,
    forward,
    sigmoid_cross_entropy_head,
    softmax_cross_entropy_head,
    squared_error_head,
)

__all__ = [
    "Activation",
    "Backprop",
    "Forward",
    "GradientReport",
    "Head",
    "JacobianNorms",
    "Layer",
    "LeafReport",
    "activation_of",
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
]

"""Models: layers and their composition."""

from dlcore.models.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Sequential,
    batch_moments,
    batch_norm,
    count_parameters,
    dense,
    output_shape,
    sequential,
)

__all__ = [
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Sequential",
    "batch_moments",
    "batch_norm",
    "count_parameters",
    "dense",
    "output_shape",
    "sequential",
]

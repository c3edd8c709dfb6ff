"""Models: layers and their composition."""

from dlcore.models.composition import Residual, Sequential, output_shape, residual, sequential
from dlcore.models.convolution import Conv, conv2d, conv2d_by_patches
from dlcore.models.counts import (
    ParameterRow,
    count_multiplications,
    count_parameters,
    format_parameter_table,
    parameter_table,
)
from dlcore.models.layers import Activation, Dense, Dropout, Flatten, Layer, Maxout, Reshape, dense
from dlcore.models.normalization import BatchNorm, LayerNorm, batch_moments, batch_norm, layer_norm
from dlcore.models.pooling import AvgPool, MaxPool, avg_pool, max_pool

__all__ = [
    "Activation",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerNorm",
    "MaxPool",
    "Maxout",
    "ParameterRow",
    "Reshape",
    "Residual",
    "Sequential",
    "avg_pool",
    "batch_moments",
    "batch_norm",
    "conv2d",
    "conv2d_by_patches",
    "count_multiplications",
    "count_parameters",
    "dense",
    "format_parameter_table",
    "layer_norm",
    "max_pool",
    "output_shape",
    "parameter_table",
    "residual",
    "sequential",
]

"""Models: layers and their composition; linear models and the classics."""

from dlcore.models.clusters import inertia, k_means, k_means_fit, k_means_plus_plus, lloyd
from dlcore.models.components import PrincipalComponents, pca, pca_fit, pca_inverse
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
from dlcore.models.linear import affine
from dlcore.models.logistic import (
    logistic_regression,
    logistic_regression_fit,
    logistic_regression_loss,
    softmax_regression,
    softmax_regression_fit,
    softmax_regression_loss,
)
from dlcore.models.margins import svm, svm_fit, svm_loss
from dlcore.models.normalization import BatchNorm, LayerNorm, batch_moments, batch_norm, layer_norm
from dlcore.models.perceptrons import (
    ThresholdUnit,
    adaline,
    adaline_fit,
    and_unit,
    mcculloch_pitts,
    not_unit,
    or_unit,
    perceptron,
    perceptron_fit,
)
from dlcore.models.pooling import AvgPool, MaxPool, avg_pool, max_pool
from dlcore.models.regression import linear_regression, linear_regression_fit, linear_regression_loss

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
    "PrincipalComponents",
    "Reshape",
    "Residual",
    "Sequential",
    "ThresholdUnit",
    "adaline",
    "adaline_fit",
    "affine",
    "and_unit",
    "avg_pool",
    "batch_moments",
    "batch_norm",
    "conv2d",
    "conv2d_by_patches",
    "count_multiplications",
    "count_parameters",
    "dense",
    "format_parameter_table",
    "inertia",
    "k_means",
    "k_means_fit",
    "k_means_plus_plus",
    "layer_norm",
    "linear_regression",
    "linear_regression_fit",
    "linear_regression_loss",
    "lloyd",
    "logistic_regression",
    "logistic_regression_fit",
    "logistic_regression_loss",
    "max_pool",
    "mcculloch_pitts",
    "not_unit",
    "or_unit",
    "output_shape",
    "parameter_table",
    "pca",
    "pca_fit",
    "pca_inverse",
    "perceptron",
    "perceptron_fit",
    "residual",
    "sequential",
    "softmax_regression",
    "softmax_regression_fit",
    "softmax_regression_loss",
    "svm",
    "svm_fit",
    "svm_loss",
]

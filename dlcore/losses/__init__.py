r"""Losses per example, always ``loss(prediction, target)``; ``mean``, ``total``, ... reduce them.

What acts on logits and what acts on probabilities have different names. Dtype kept: that of the prediction. TypeError
for a dtype, ValueError for a shape that does not fit. Class labels are indices, integer [...], or distributions,
floating [..., c]; the index of no class gives NaN.
"""

from dlcore.losses.classification import (
    binary_cross_entropy,
    categorical_cross_entropy,
    focal,
    hinge,
    multiclass_hinge,
    perceptron,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
)
from dlcore.losses.labels import check_probabilities
from dlcore.losses.likelihood import categorical_nll, gaussian_nll, laplace_nll, multivariate_gaussian_nll
from dlcore.losses.reductions import masked_mean, mean, total, weighted_mean
from dlcore.losses.regression import absolute_error, huber, log_cosh, mahalanobis_error, squared_error
from dlcore.losses.segmentation import pixelwise_cross_entropy, soft_dice, soft_jaccard

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "categorical_nll",
    "check_probabilities",
    "focal",
    "gaussian_nll",
    "hinge",
    "huber",
    "laplace_nll",
    "log_cosh",
    "mahalanobis_error",
    "masked_mean",
    "mean",
    "multiclass_hinge",
    "multivariate_gaussian_nll",
    "perceptron",
    "pixelwise_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "soft_dice",
    "soft_jaccard",
    "softmax_cross_entropy",
    "squared_error",
    "total",
    "weighted_mean",
]

"""Linear models, perceptrons, support vectors, clusters and components: the classics."""

from dlcore.classics.clusters import inertia, k_means, k_means_fit, k_means_plus_plus, lloyd
from dlcore.classics.components import PrincipalComponents, pca, pca_fit, pca_inverse
from dlcore.classics.linear import linear_classifier
from dlcore.classics.logistic import (
    logistic_regression,
    logistic_regression_fit,
    logistic_regression_loss,
    softmax_regression,
    softmax_regression_fit,
    softmax_regression_loss,
)
from dlcore.classics.margins import svm_fit, svm_loss
from dlcore.classics.perceptrons import (
    ThresholdUnit,
    adaline_fit,
    and_unit,
    mcculloch_pitts,
    not_unit,
    or_unit,
    perceptron_fit,
)
from dlcore.classics.regression import linear_regression, linear_regression_fit, linear_regression_loss

__all__ = [
    "PrincipalComponents",
    "ThresholdUnit",
    "adaline_fit",
    "and_unit",
    "inertia",
    "k_means",
    "k_means_fit",
    "k_means_plus_plus",
    "linear_classifier",
    "linear_regression",
    "linear_regression_fit",
    "linear_regression_loss",
    "lloyd",
    "logistic_regression",
    "logistic_regression_fit",
    "logistic_regression_loss",
    "mcculloch_pitts",
    "not_unit",
    "or_unit",
    "pca",
    "pca_fit",
    "pca_inverse",
    "perceptron_fit",
    "softmax_regression",
    "softmax_regression_fit",
    "softmax_regression_loss",
    "svm_fit",
    "svm_loss",
]

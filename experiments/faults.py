"""The faults that are planted, and the healthy setups beside them, each with the verdict that it deserves."""

import jax
import numpy as np

from dlcore import losses
from dlcore.activations import log_softmax, relu, sigmoid, softmax, tanh
from dlcore.initializers import constant, he_normal, normal
from dlcore.layers import BatchNorm, Dropout
from dlcore.optimizers import SGD, Adam, SGDMomentum
from dlcore.regularizers import L2
from experiments.planted import (
    TASK,
    Always,
    Planted,
    a_tenth,
    binary,
    broadcast_error,
    by_heart,
    cosine,
    deep,
    early,
    first_silenced,
    frozen,
    hidden,
    last,
    model,
    nll_of_logs,
    nll_of_probabilities,
    one_more,
    rated,
    swap,
    topped,
)
from experiments.spoiled import (
    both_parts,
    by_itself,
    by_validation,
    few,
    noisy_labels,
    one_class,
    one_wide,
    relabeled,
    repeated,
    shared,
)

CLASSES = tuple(name for name, task in TASK.items() if task.classes)
VALUES = tuple(name for name, task in TASK.items() if not task.classes)
FEW_CLASSES = ("wine", "breast_cancer", "iris")  # for models of their own, each a program to compile
LARGE = ("digits", "breast_cancer", "cancer_radius")  # a hundred validation examples and more
FOUR = ("digits", "breast_cancer", "iris", "cancer_radius")
SOME = ("wine", "iris", "diabetes")
OTHERS = ("wine", "breast_cancer", "cancer_radius")

LEAK, BY_OTHERS = "training examples in the validation set", "normalized by other examples"
TOO_HIGH = "learning rate too high or diverged or dead units"
FLAT = "output does not depend on the input or constant prediction or underfitting"
YES = losses.sigmoid_binary_cross_entropy


def on(tasks: tuple[str, ...], *some: Planted) -> tuple[Planted, ...]:
    """Faults for these tasks only."""
    return tuple(one._replace(tasks=tasks) for one in some)


def next_class(y, c):
    """Every label one more."""
    return (y + 1) % c


def swapped(y, c):
    """The first two classes named as each other."""
    return y + (y == 0) - (y == 1)


def one_row_on(y, c):
    """The label of the row before."""
    return np.roll(y, 1)


def from_one(y, c):
    """Labels that begin at 1."""
    return y + 1


DATA = (
    Planted("validation examples trained on", LEAK, after=shared(0.0, 0.5)),
    Planted("validated by the training part", LEAK, after=shared(0.0, 1.0)),
    Planted("twins across the split", "near copies in the validation set", after=shared(1e-3, 0.7)),
    Planted("normalized all together", BY_OTHERS, by=both_parts),
    Planted("each part normalized by itself", BY_OTHERS, by=by_itself),
    Planted("normalized by the validation part", BY_OTHERS, by=by_validation),
    Planted("one column in other units", "inputs of different scales", by=one_wide),
    Planted("always the same batch", "always the same batch", before=repeated),
    *on(
        CLASSES,
        Planted("validation labels shifted", "labels permuted", after=relabeled(next_class, "validation")),
        Planted("two validation labels swapped", "labels permuted", after=relabeled(swapped, "validation")),
        Planted(
            "validation rows moved by one", "labels of the neighboring row", after=relabeled(one_row_on, "validation")
        ),
    ),
    *on(
        LARGE,
        Planted(
            "noisy training labels", "validation easier than training or overfitting", after=noisy_labels(0.6, "train")
        ),
    ),
)

MODELS = (
    *on(
        FEW_CLASSES,
        Planted("softmax before the loss", "softmax applied twice", model(topped(softmax))),
        Planted("sigmoid before the loss", "sigmoid before softmax", model(topped(sigmoid))),
        Planted("sigmoid twice", "sigmoid applied twice", swap(model=binary(sigmoid), loss=YES), after=one_class),
        Planted(
            "log-probabilities given",
            "log-probabilities as probabilities",
            swap(model=topped(log_softmax), loss=nll_of_probabilities),
        ),
        Planted("logits given for probabilities", "logits as probabilities", swap(loss=nll_of_probabilities)),
        Planted("logits given for logarithms", "logits as log-probabilities", swap(loss=nll_of_logs)),
        Planted("an output silenced", "dead output unit", model(topped(first_silenced))),
        Planted("labels from 1", "output without examples", model(one_more), after=relabeled(from_one, "both")),
    ),
    *on(
        VALUES,
        Planted("targets broadcast", "loss mixes examples", swap(loss=broadcast_error)),
        Planted("tanh on the outputs", "activation on the outputs", model(topped(tanh))),
    ),
    *on(
        SOME,
        Planted("ReLU on the outputs", "activation on the outputs", model(topped(relu))),
        Planted("dropout in evaluation", "noise in evaluation", model(hidden(relu, Always(Dropout(0.3))))),
        Planted("batch norm by the batch", "batch statistics in evaluation", model(hidden(Always(BatchNorm()), relu))),
        Planted("no averages", "batch norm never averaged", model(hidden(BatchNorm(momentum=1.0), relu))),
        Planted(
            "slow averages",
            "batch norm's averages are off",
            model(hidden(BatchNorm(momentum=0.9999), relu, bias_init=constant(3.0))),
        ),
        Planted("a layer frozen", "frozen layer", swap(optimizer=frozen)),
        Planted("gradient stopped", "no gradient reaches a layer", model(hidden(relu, jax.lax.stop_gradient))),
        Planted("biases of -50", "dead units", model(hidden(relu, bias_init=constant(-50.0)))),
        Planted("weights of 20", "saturated units", model(hidden(tanh, kernel_init=normal(20.0)))),
    ),
    *on(
        OTHERS,
        Planted("eight layers, small weights", "vanishing gradient", model(deep(8, sigmoid, normal(0.1)))),
        Planted("eight layers, large weights", "exploding gradient", model(deep(8, relu, normal(1.5)))),
    ),
)

COURSES = (
    Planted("learning rate 0", "learning rate zero", rated(lambda rate: 0.0)),
    Planted("rate 300 times too low", "learning rate too low", rated(lambda rate: rate / 300)),
    Planted("rate 300 times too high", TOO_HIGH, rated(lambda rate: 300 * rate)),
    *on(
        FOUR,
        Planted("SGD that diverges", TOO_HIGH, rated(lambda rate: 30.0, SGD)),
        Planted("schedule in the wrong unit", "schedule ended early", swap(optimizer=early)),
        Planted("stopped after a few epochs", "underfitting or learning rate too low", swap(epochs=a_tenth)),
        Planted("too much weight decay", FLAT, swap(penalty=lambda task: L2(1.0))),
        Planted("few examples by heart", "overfitting", by_heart, before=few),
    ),
)

HEALTHY = (
    Planted("healthy", ""),
    *on(
        FOUR,
        Planted("healthy, cosine schedule", "", swap(optimizer=cosine)),
        Planted("healthy, momentum", "", rated(lambda rate: 3 * rate, SGDMomentum)),
        # a layer alone needs larger steps to come to rest
        Planted("healthy, linear", "", swap(model=last, optimizer=lambda task: Adam(10 * task.rate))),
        Planted("healthy, tanh", "", model(hidden(tanh))),
        Planted("healthy, batch norm and dropout", "", model(hidden(BatchNorm(), relu, Dropout(0.1)))),
    ),
    *on(OTHERS, Planted("healthy, four layers", "", model(deep(4, relu, he_normal)))),
    *on(FEW_CLASSES, Planted("healthy, one logit", "", swap(model=binary(), loss=YES), after=one_class)),
)

FAULTS = (*DATA, *MODELS, *COURSES)
EVERY = (*FAULTS, *HEALTHY)

"""The faults that are planted, and the healthy setups beside them, each with the verdict that it deserves."""

import jax

from dlcore import losses
from dlcore.activations import log_softmax, relu, sigmoid, softmax, tanh
from dlcore.initializers import constant, normal
from dlcore.layers import BatchNorm, Dropout, mlp
from dlcore.optimizers import SGD, Adam, Frozen, SGDMomentum
from dlcore.regularizers import L2
from dlcore.schedules import Cosine
from experiments.planted import (
    TASK,
    Always,
    Planted,
    binary,
    both_parts,
    broadcast_error,
    by_itself,
    by_validation,
    deep,
    early,
    few,
    first_silenced,
    hidden,
    model,
    nll_of_logs,
    nll_of_probabilities,
    noisy_labels,
    normalized,
    one_class,
    one_wide,
    rated,
    relabeled,
    repeated,
    shared,
    swap,
    topped,
)

CLASSES = tuple(name for name, task in TASK.items() if task.classes)
VALUES = tuple(name for name, task in TASK.items() if not task.classes)
SOME = ("wine", "iris", "diabetes")  # for models of their own, each a program to compile
KINDS = ("wine", "breast_cancer", "iris")
OTHERS = ("wine", "breast_cancer", "cancer_radius")

LEAK = ("training examples in the validation set",)
BY_OTHERS = ("normalized by other examples",)
TOO_HIGH = ("learning rate too high", "diverged", "dead units")
FLAT = ("constant prediction", "output does not depend on the input", "underfitting")

DATA = (
    Planted("validation examples trained on", LEAK, after=shared(0.0, 0.5)),
    Planted("validated by the training part", LEAK, after=shared(0.0, 1.0)),
    Planted("twins across the split", ("near copies in the validation set",), after=shared(1e-3, 0.7)),
    Planted("normalized all together", BY_OTHERS, by=both_parts),
    Planted("each part normalized by itself", BY_OTHERS, by=by_itself),
    Planted("normalized by the validation part", BY_OTHERS, by=by_validation),
    Planted("one column in other units", ("inputs of different scales",), after=one_wide),
    Planted("always the same batch", ("always the same batch",), before=repeated),
    Planted("validation labels shifted", ("labels permuted",), after=relabeled(lambda y, c: (y + 1) % c, "validation"), tasks=CLASSES),
    Planted("two validation labels swapped", ("labels permuted",), after=relabeled(lambda y, c: y + (y == 0) - (y == 1), "validation"), tasks=CLASSES),
    Planted("validation rows moved by one", ("labels of the neighboring row",), after=relabeled(lambda y, c: y[[-1, *range(len(y) - 1)]], "validation"), tasks=CLASSES),
    Planted("noisy training labels", ("validation easier than training",), after=noisy_labels(0.4, "train"), tasks=CLASSES),
)

MODELS = (
    Planted("softmax before the loss", ("softmax applied twice",), model(topped(softmax)), tasks=KINDS),
    Planted("sigmoid before softmax", ("sigmoid before softmax",), model(topped(sigmoid)), tasks=KINDS),
    Planted("sigmoid twice", ("sigmoid applied twice",), swap(model=lambda _, task: binary(sigmoid)(task), loss=losses.sigmoid_binary_cross_entropy), after=one_class, tasks=KINDS),
    Planted("log-probabilities as probabilities", ("log-probabilities as probabilities",), swap(model=lambda _, task: topped(log_softmax)(task), loss=nll_of_probabilities), tasks=KINDS),
    Planted("logits as probabilities", ("logits as probabilities",), swap(loss=nll_of_probabilities), tasks=KINDS),
    Planted("logits as log-probabilities", ("logits as log-probabilities",), swap(loss=nll_of_logs), tasks=KINDS),
    Planted("targets broadcast", ("loss mixes examples",), swap(loss=broadcast_error), tasks=VALUES),
    Planted("ReLU on the outputs", ("activation on the outputs",), model(topped(relu)), tasks=SOME),
    Planted("tanh on the outputs", ("activation on the outputs",), model(topped(tanh)), tasks=VALUES),
    Planted("output unit silenced", ("dead output unit",), model(topped(first_silenced)), tasks=KINDS),
    Planted("one output too many", ("output without examples",), model(lambda task: mlp((*task.widths, task.outputs + 1))), after=relabeled(lambda y, c: y + 1, "both"), tasks=KINDS),
    Planted("dropout in evaluation", ("noise in evaluation",), model(hidden(relu, Always(Dropout(0.3)))), tasks=SOME),
    Planted("batch statistics in evaluation", ("batch statistics in evaluation",), model(hidden(Always(BatchNorm()), relu)), tasks=SOME),
    Planted("batch norm never averaged", ("batch norm never averaged",), model(hidden(BatchNorm(momentum=1.0), relu)), tasks=SOME),
    Planted("batch norm averaged too slowly", ("batch norm's averages are off",), model(hidden(BatchNorm(momentum=0.9999), relu)), tasks=SOME),
    Planted("a layer frozen", ("frozen layer",), swap(optimizer=lambda _, task: Frozen(Adam(task.rate), ("[0]",))), tasks=SOME),
    Planted("gradient stopped", ("no gradient reaches a layer",), model(hidden(relu, jax.lax.stop_gradient)), tasks=SOME),
    Planted("dead units", ("dead units",), model(hidden(relu, bias_init=constant(-50.0))), tasks=SOME),
    Planted("saturated units", ("saturated units",), model(hidden(tanh, kernel_init=normal(20.0))), tasks=SOME),
    Planted("small weights, eight layers of sigmoid", ("vanishing gradient",), model(deep(8, 24, sigmoid, normal(0.1))), tasks=OTHERS),
    Planted("large weights, eight layers of ReLU", ("exploding gradient",), model(deep(8, 24, relu, normal(1.5))), tasks=OTHERS),
)  # fmt: skip

COURSES = (
    Planted("learning rate 0", ("learning rate zero",), rated(lambda rate: 0.0)),
    Planted("schedule in the wrong unit", ("schedule ended early",), swap(optimizer=early)),
    Planted("rate 300 times too low", ("learning rate too low",), rated(lambda rate: rate / 300)),
    Planted("rate 300 times too high", TOO_HIGH, rated(lambda rate: 300 * rate)),
    Planted("SGD that diverges", TOO_HIGH, rated(lambda rate: 30.0, SGD)),
    Planted("stopped after a few epochs", ("underfitting", "learning rate too low"), swap(epochs=lambda _, task: max(task.epochs // 10, 4))),
    Planted("far too much weight decay", FLAT, swap(penalty=L2(1.0))),
    Planted("few examples, noisy labels, no weight decay", ("overfitting",), swap(penalty=None, epochs=lambda _, task: 3 * task.epochs, batch_size=12), after=few),
)  # fmt: skip

HEALTHY = (
    Planted("healthy", ()),
    Planted("healthy, cosine schedule", (), swap(optimizer=lambda _, task: Adam(Cosine(2 * task.rate, float(task.epochs), per="epoch")))),
    Planted("healthy, momentum", (), swap(optimizer=lambda _, task: SGDMomentum(3 * task.rate))),
    Planted("healthy, linear", (), model(lambda task: mlp((task.outputs,)))),
    Planted("healthy, tanh", (), model(hidden(tanh)), tasks=SOME),
    Planted("healthy, batch norm and dropout", (), model(hidden(BatchNorm(), relu, Dropout(0.1))), tasks=SOME),
    Planted("healthy, four layers", (), model(deep(4, 24, relu, mlp((1,)).layers[0].kernel_init)), tasks=OTHERS),
    Planted("healthy, one logit", (), swap(model=lambda _, task: binary()(task), loss=losses.sigmoid_binary_cross_entropy), after=one_class, tasks=CLASSES),
)  # fmt: skip

FAULTS = (*DATA, *MODELS, *COURSES)
EVERY = (*FAULTS, *HEALTHY)

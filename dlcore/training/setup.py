"""A whole training setup as one pytree: its numbers are leaves, what selects code or shapes is its structure."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from dlcore.layers import Layer
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.optimizers import Adam, Rule
from dlcore.regularizers import MaxNorm
from dlcore.training.metrics import Metric
from dlcore.tree.fields import hyperparams, number, static


@hyperparams
class EarlyStopping:
    """Stop when the validation loss has not fallen by ``min_delta`` in ``patience`` epochs. A mask, so it vmaps.

    With ``Watch(by=…)`` it is that metric that has to become better.
    """

    patience: Scalar = number(default=10.0, low=1)
    min_delta: Scalar = number(default=0.0, low=0)


@hyperparams
class Mixup:
    r"""Mini-batches of mixed examples and labels, ``layers.mixup`` with this $\alpha$. Zhang et al. 2018, eq. 1.

    Class numbers are mixed as distributions over the classes, which the loss has to take.
    """

    alpha: Scalar = number(default=0.2, low=0)


@hyperparams
class Watch:
    """What is watched while a setup learns: validation every so many epochs and at the last, training examples too.

    ``training`` is "all", a number of training examples, drawn once from the key, or None for none. Losses and metrics
    of what is not looked at are NaN; without an evaluation no epoch is the best and none stops. At most ``chunk``
    examples are evaluated at once, which bounds memory and has no influence on the numbers; in a sweep more than eight
    rows at once share eight times as many.

    Trainings are judged ``by`` a metric, such as ``F1()``, or by the validation loss: it says which epoch is the best,
    when to stop early, and what a sweep compares. A function says by an attribute ``larger`` whether that is better.
    """

    every: int = static(default=1, low=1, whole=True)
    training: str | int | None = static(default="all")
    chunk: int = static(default=256, low=1, whole=True)
    by: Metric | None = static(default=None)


@hyperparams
class Setup:
    """Everything that defines a training except its data and its random key.

    ``loss(outputs, y)`` and metrics give one value per example, of which the mean counts, by weight where examples have
    weights; a metric may also be one of a set as a whole, such as ``F1()``. ``penalty(params)``, one or a tuple of
    several, is added to the mean loss. ``projection(params)`` follows every step. ``augment(key, x)`` changes the
    inputs of a mini-batch, ``mix`` mixes them and their labels; evaluation sees neither. ``batch_size=None`` is the
    full batch; ``metrics=None`` is accuracy for integer labels and nothing else.

    ``compute_dtype="bfloat16"`` is mixed precision: layers compute forward and backward in it; parameters, gradients,
    the optimizer, losses, metrics and the statistics of batch norm stay in the type of the inputs, float32. None is one
    type for all. Micikevicius et al. 2018; bfloat16 has the range of float32 and needs no scaling of the loss.
    """

    model: Layer
    loss: Callable[[Array, Array], Array]
    optimizer: Rule = Adam()
    penalty: Any = None
    stopping: EarlyStopping | None = None
    projection: MaxNorm | Callable[[PyTree], PyTree] | None = None
    augment: Callable[[Array, Array], Array] | None = None
    mix: Mixup | None = None
    watch: Watch = Watch()
    epochs: int = static(default=30, low=1, whole=True)
    batch_size: int | None = static(default=32, low=1, whole=True)
    metrics: tuple[Metric, ...] | None = static(default=None)
    compute_dtype: str | None = static(default=None)


def as_arrays(setup: PyTree) -> PyTree:
    """``setup`` with every number as a floating array, so that another number is never another program."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, jax.dtypes.canonicalize_dtype(float)), setup)

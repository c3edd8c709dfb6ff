"""A whole training setup as one pytree: its numbers are leaves, what selects code or shapes is its structure."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, PyTree, Scalar
from dlcore.models import Layer
from dlcore.optimizers import Adam, Rule
from dlcore.pytrees import hyperparams, static
from dlcore.training.metrics import accuracy

Metric = Callable[[Array, Array], Array]


@hyperparams
class EarlyStopping:
    """Stop when the validation loss has not fallen by ``min_delta`` in ``patience`` epochs. A mask, so it vmaps."""

    patience: Scalar = 10.0
    min_delta: Scalar = 0.0


@hyperparams
class Setup:
    """Everything that defines a training except its data and its random key.

    ``loss(outputs, y)`` and the metrics give one value per example; ``penalty(params)`` is added to the mean loss.
    ``batch_size=None`` is the full batch; ``metrics=None`` is accuracy for integer labels and nothing else.
    """

    model: Layer
    loss: Callable[[Array, Array], Array]
    optimizer: Rule = Adam()
    penalty: Any = None
    stopping: EarlyStopping | None = None
    epochs: int = static(default=30)
    batch_size: int | None = static(default=32)
    metrics: tuple[Metric, ...] | None = static(default=None)


def metrics_of(setup: Setup, y: Array) -> dict[str, Metric]:
    """The metrics of ``setup`` by name, for labels like ``y``."""
    chosen = setup.metrics
    if chosen is None:
        chosen = (accuracy,) if jnp.issubdtype(y.dtype, jnp.integer) else ()
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in chosen}


def as_arrays(setup: PyTree) -> PyTree:
    """``setup`` with every number as a floating array, so that another number is never another program."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, jax.dtypes.canonicalize_dtype(float)), setup)

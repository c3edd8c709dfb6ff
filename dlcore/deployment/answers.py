"""From outputs of a network to what people ask for: classes with their probabilities, or quantities."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import losses
from dlcore.activations import sigmoid, softmax
from dlcore.numerics.formats import Array
from dlcore.tuning.ensembles import log_mean_softmax, mean_of_members

# what the outputs of a network are that was trained with a loss
_LOGITS = (losses.softmax_cross_entropy, losses.pixelwise_cross_entropy)
_LOGITS_OF_YES = (losses.sigmoid_binary_cross_entropy, losses.focal)
_PROBABILITIES = (losses.categorical_cross_entropy, losses.binary_cross_entropy, losses.categorical_nll)


def _kind(loss):
    """The function behind a loss with or without numbers of its own."""
    return loss.func if isinstance(loss, jax.tree_util.Partial) else loss


def has_constant(loss: Any) -> bool:
    """Whether the best constant prediction is known for ``loss``: the shares of the classes, or the mean."""
    entropies = (losses.softmax_cross_entropy, losses.sigmoid_binary_cross_entropy, *_PROBABILITIES)
    return loss in (*entropies, losses.squared_error)


def averaged(loss: Any, outputs: Array) -> Array:
    """The voice of all members: outputs [members, n, ...] -> [n, ...], of the kind that ``loss`` takes.

    Logits become the logarithm of the mean probability; anything else is averaged as it is.
    """
    sound = jnp.ones(outputs.shape[0], bool)
    if _kind(loss) in _LOGITS:
        return log_mean_softmax(outputs, sound)
    if _kind(loss) in _LOGITS_OF_YES:
        yes_or_no = log_mean_softmax(jnp.stack([jnp.zeros_like(outputs), outputs], -1), sound)
        return yes_or_no[..., 1] - yes_or_no[..., 0]
    return mean_of_members(outputs, sound)


def probabilities(loss: Any, outputs: Array, classes: int) -> Array | None:
    """Probabilities [n, ..., classes] from outputs; None where the loss knows none, as that of support vectors.

    A single output is the logit, or the probability, of the second of two classes.
    """
    kind = _kind(loss)
    if kind in _LOGITS:
        return softmax(outputs)
    if kind not in (*_LOGITS_OF_YES, *_PROBABILITIES):
        return None
    p = sigmoid(outputs) if kind in _LOGITS_OF_YES else outputs
    return jnp.stack([1 - _single(p), _single(p)], -1) if _is_single(p, classes) else p


def class_numbers_of(loss: Any, outputs: Array, classes: int) -> np.ndarray:
    """The class numbers [n, ...] that outputs stand for; a row with NaN has -1."""
    values = np.asarray(outputs)
    if _is_single(values, classes):
        middle = 0.5 if _kind(loss) in _PROBABILITIES else 0.0
        numbers, unknown = (_single(values) > middle).astype(int), np.isnan(_single(values))
    else:
        numbers, unknown = values.argmax(-1), np.isnan(values).any(-1)
    return np.where(unknown, -1, numbers)


def _is_single(values, classes):
    return classes == 2 and (values.ndim == 1 or values.shape[-1] == 1)


def _single(values):
    return values if values.ndim == 1 else values[..., 0]


class Predictions(NamedTuple):
    """What a model says of n examples: names of classes [n, ...] with probabilities [n, ..., c], or quantities [n, k].

    ``names`` are those of the k quantities, or that of what is classified; ``probabilities`` is None for quantities,
    and where the loss knows none.
    """

    names: tuple[str, ...]
    values: np.ndarray
    probabilities: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def frame(self) -> Any:
        """A pandas frame: a column for each quantity, or the class and the probability of each class."""
        import pandas as pd

        if self.values.ndim > 1 + (not self.classes):
            raise ValueError(f"needed one class for each example, got {list(self.values.shape)}; try .values")
        if not self.classes:
            return pd.DataFrame(self.values, columns=list(self.names))
        table = {self.names[0]: self.values}
        shares = () if self.probabilities is None else self.probabilities.T
        return pd.DataFrame(table | {f"p({c})": share for c, share in zip(self.classes, shares, strict=False)})

"""What a label may be: a class index, a distribution over the classes, a yes or no, a side of a hyperplane.

Shapes and types are checked; a wrong value is data, and gives NaN.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float, check_same_shape, needed
from dlcore.numerics.formats import Array
from dlcore.numerics.ranges import DISTRIBUTION, SHARE


def are_indices(predictions: Array, labels: Array) -> bool:
    """Whether ``labels`` are indices [...] for predictions [..., c], and not distributions [..., c].

    TypeError for a dtype, ValueError for a shape that is neither.
    """
    check_float("predictions", predictions)
    shape, kind = predictions.shape, jnp.result_type(labels)
    if not shape:
        raise ValueError("needed predictions [..., c], got []; try: predictions[None] or a loss for two classes")
    if jnp.issubdtype(kind, jnp.integer) and jnp.shape(labels) == shape[:-1]:
        return True
    if jnp.issubdtype(kind, jnp.floating) and jnp.shape(labels) == shape:
        return False
    hint = "put the classes on the last axis, for example with jnp.moveaxis"
    if jnp.shape(labels) == shape[:-1]:
        hint = "labels.astype(int) if they are class indices"
    elif jnp.shape(labels) == shape:
        hint = "one-hot labels.astype(predictions.dtype), or indices without the last axis"
    elif jnp.shape(labels) == (*shape[:-1], 1):
        hint = "labels[..., 0]"
    error = TypeError if jnp.shape(labels) in (shape, shape[:-1]) else ValueError
    raise error(
        f"needed integer labels {list(shape[:-1])} or floating labels {list(shape)} for predictions {list(shape)}, "
        f"got {kind} {list(jnp.shape(labels))}; try: {hint}"
    )


def distributions(predictions: Array, labels: Array) -> Array:
    """``labels`` over the classes [..., c], in the dtype of ``predictions``; no class or distribution gives NaN."""
    if not are_indices(predictions, labels):
        return DISTRIBUTION.or_nan(jnp.asarray(labels, predictions.dtype))
    at_label = index_mask(predictions, labels).astype(predictions.dtype)
    return jnp.where(is_class(predictions, labels)[..., None], at_label, jnp.nan)


def index_mask(predictions: Array, labels: Array) -> Array:
    """Where predictions [..., c] stand for the class of labels [...]."""
    labels = _no_bytes(labels)
    return jax.lax.broadcasted_iota(labels.dtype, predictions.shape, predictions.ndim - 1) == labels[..., None]


def is_class(predictions: Array, labels: Array) -> Array:
    """Which of labels [...] are the index of a class of predictions [..., c]."""
    labels = _no_bytes(labels)
    return (labels >= 0) & (labels < predictions.shape[-1])


def _no_bytes(labels):
    """In bytes, classes from 256 on would be those from 0 on once more."""
    labels = jnp.asarray(labels)
    return labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels


def yes_or_no(predictions: Array, labels: Array) -> Array:
    """Labels [...] from 0 to 1, like ``predictions``; others give NaN, as do integer ones that are not 0 or 1."""
    check_float("predictions", predictions)
    check_same_shape(predictions=predictions, labels=labels)
    return SHARE.or_nan(jnp.asarray(labels).astype(predictions.dtype))


def side(scores: Array, labels: Array) -> Array:
    """Labels -1 or +1, like ``scores``; others give NaN, those of classes 0 and 1 too."""
    check_float("scores", scores)
    check_same_shape(scores=scores, labels=labels)
    y = jnp.asarray(labels)
    if not (jnp.issubdtype(y.dtype, jnp.floating) or jnp.issubdtype(y.dtype, jnp.signedinteger)):
        raise TypeError(needed("labels", "-1 and 1", y.dtype, "2 * labels.astype(int) - 1"))
    return jnp.where(jnp.abs(y) == 1, y.astype(scores.dtype), jnp.nan)


def check_probabilities(p: Array) -> None:
    """Raise ValueError unless all of ``p``, a concrete array [...], lie in [0, 1]."""
    values = np.asarray(p)
    outside = values[~((values >= 0) & (values <= 1))]
    if outside.size:
        raise ValueError(
            needed("probabilities", "numbers in [0, 1]", outside.flat[0], "the loss on logits, or softmax first")
        )

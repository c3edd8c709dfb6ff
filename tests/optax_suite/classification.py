"""dlcore's losses for classes under the names and keywords of ``optax.losses``."""

import math

import jax.numpy as jnp

from dlcore import losses

OFFERED = (
    "hinge_loss",
    "multiclass_hinge_loss",
    "perceptron_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
)


def masked(logits, where):
    """Optax's ``where``: a mask of examples, or of logits, which dlcore says with -inf."""
    if where is None or where.ndim < logits.ndim:
        return logits
    return jnp.where(where, logits, -jnp.inf)


def kept(values, where):
    if where is None:
        return values
    counts = where if where.ndim == values.ndim else jnp.any(where, -1)
    return jnp.where(counts, values, 0)


def softmax_cross_entropy(logits, labels, axis=-1, where=None):
    logits, labels = (jnp.moveaxis(jnp.asarray(a), axis, -1) for a in (logits, labels))
    logits = masked(logits, where)
    labels = jnp.where(jnp.isneginf(logits), 0, labels) if where is not None else labels
    return kept(losses.softmax_cross_entropy(logits, labels), where)


def safe_softmax_cross_entropy(logits, labels):
    return losses.softmax_cross_entropy(jnp.asarray(logits), jnp.asarray(labels))


def softmax_cross_entropy_with_integer_labels(logits, labels, axis=-1, where=None):
    logits = jnp.asarray(logits)
    axes = [a % logits.ndim for a in ((axis,) if isinstance(axis, int) else axis)]
    last = jnp.moveaxis(logits, axes, range(-len(axes), 0))
    last = last.reshape(*last.shape[: -len(axes)], math.prod(last.shape[-len(axes) :]))
    return kept(losses.softmax_cross_entropy(masked(last, where), labels), where)


def sigmoid_binary_cross_entropy(logits, labels):
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    return losses.sigmoid_binary_cross_entropy(logits, jnp.broadcast_to(labels, logits.shape))


def hinge_loss(predictor_outputs, targets):
    return losses.hinge(predictor_outputs, targets)


def perceptron_loss(predictor_outputs, targets):
    return losses.perceptron(predictor_outputs, targets)


def multiclass_hinge_loss(scores, labels):
    return losses.multiclass_hinge(scores, labels)


def sigmoid_focal_loss(logits, labels, *, alpha=None, gamma=2.0):
    return losses.focal(logits, jnp.asarray(labels, logits.dtype), gamma, alpha)

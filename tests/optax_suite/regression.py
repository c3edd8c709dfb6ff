"""dlcore's losses for real targets, which sum over the last axis, as Optax's, which are elementwise."""

import jax.numpy as jnp

from dlcore import losses

OFFERED = ("huber_loss", "l2_loss", "log_cosh", "squared_error")


def each(loss, predictions, targets, *options):
    predictions = jnp.asarray(predictions)
    targets = jnp.zeros_like(predictions) if targets is None else jnp.asarray(targets)
    return loss(predictions[..., None], targets[..., None], *options)


def squared_error(predictions, targets=None):
    return each(losses.squared_error, predictions, targets)


def l2_loss(predictions, targets=None):
    return each(losses.squared_error, predictions, targets) / 2


def huber_loss(predictions, targets=None, *, delta=1.0):
    return each(losses.huber, predictions, targets, delta)


def log_cosh(predictions, targets=None):
    return each(losses.log_cosh, predictions, targets)

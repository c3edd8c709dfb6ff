"""dlcore's soft Dice loss under Optax's name and keywords: Optax's smoothing counts twice in dlcore's."""

import jax.numpy as jnp

from dlcore import activations, losses

OFFERED = ("dice_loss",)


def dice_loss(predictions, targets, *, smooth=1.0, apply_softmax=True, class_weights=None):
    assert class_weights is None
    if predictions.ndim == targets.ndim - 1:
        predictions = predictions[..., None]
    if targets.ndim == predictions.ndim - 1:
        targets = targets[..., None]
    if apply_softmax:
        probability = activations.sigmoid if predictions.shape[-1] == 1 else activations.softmax
        predictions = probability(predictions)
    return losses.soft_dice(predictions, jnp.asarray(targets, predictions.dtype), eps=2 * smooth)

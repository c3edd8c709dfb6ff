"""Losses per image, or volume: predictions [n, ..., c] with any number of spatial axes between -> [n].

Labels are indices [n, ...] or distributions [n, ..., c].
"""

import jax.numpy as jnp

from dlcore.contracts import Array, Scalar, at_least_f32, in_dtype_of
from dlcore.losses.classification import softmax_cross_entropy
from dlcore.losses.labels import distributions


def soft_jaccard(probabilities: Array, labels: Array, eps: Scalar = 1e-6) -> Array:
    r"""$1 - \frac1c \sum_i (\alpha_i + \epsilon) / (\beta_i - \alpha_i + \epsilon)$.

    $\alpha = \sum y \odot \hat y$ and $\beta = \sum (y + \hat y)$ over the pixels. A class that is neither there nor
    predicted counts as met.
    """
    alpha, beta, eps = _overlap(probabilities, labels, eps)
    J = (alpha + eps) / (beta - alpha + eps)
    return (1 - jnp.mean(J, axis=-1)).astype(probabilities.dtype)


def soft_dice(probabilities: Array, labels: Array, eps: Scalar = 1e-6) -> Array:
    r"""$1 - \frac1c \sum_i (2 \alpha_i + \epsilon) / (\beta_i + \epsilon)$; the rest as in ``soft_jaccard``."""
    alpha, beta, eps = _overlap(probabilities, labels, eps)
    D = (2 * alpha + eps) / (beta + eps)
    return (1 - jnp.mean(D, axis=-1)).astype(probabilities.dtype)


def pixelwise_cross_entropy(logits: Array, labels: Array, class_weights: Array | None = None) -> Array:
    r"""$-\sum_{\text{pixels}} \sum_k w_k y_k \ln p_k$: the sum over the pixels of ``softmax_cross_entropy``."""
    losses = softmax_cross_entropy(logits, labels, class_weights)
    return jnp.sum(losses, axis=tuple(range(1, losses.ndim)))


def _overlap(probabilities, labels, eps):
    y = distributions(probabilities, labels)
    if probabilities.ndim < 2:
        raise ValueError(f"needed probabilities [n, ..., c], got {list(probabilities.shape)}; try: probabilities[None]")
    wide = at_least_f32(probabilities.dtype)
    p, y = probabilities.astype(wide), y.astype(wide)
    pixels = tuple(range(1, p.ndim - 1))
    return jnp.sum(y * p, axis=pixels), jnp.sum(y + p, axis=pixels), in_dtype_of(wide, eps)

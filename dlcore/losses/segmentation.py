"""Losses per image, or volume: predictions [n, ..., c] with any number of spatial axes between -> [n].

Labels are indices [n, ...] or shares [n, ..., c], which overlap where a pixel may be of several classes.
"""

import jax.numpy as jnp

from dlcore.losses.classification import softmax_cross_entropy
from dlcore.losses.labels import are_indices, distributions
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, Scalar, lifted
from dlcore.numerics.ranges import NOT_NEGATIVE, SHARE


@lifted(eps=NOT_NEGATIVE)
def soft_jaccard(probabilities: Array, labels: Array, eps: Scalar = 1e-6) -> Array:
    r"""$1 - \frac1c \sum_i (\alpha_i + \epsilon) / (\beta_i - \alpha_i + \epsilon)$.

    $\alpha = \sum y \odot \hat y$ and $\beta = \sum (y + \hat y)$ over the pixels. A class that is neither there nor
    predicted counts as met.
    """
    alpha, beta = _overlap(probabilities, labels)
    return 1 - jnp.mean((alpha + eps) / (beta - alpha + eps), axis=-1)


@lifted(eps=NOT_NEGATIVE)
def soft_dice(probabilities: Array, labels: Array, eps: Scalar = 1e-6) -> Array:
    r"""$1 - \frac1c \sum_i (2 \alpha_i + \epsilon) / (\beta_i + \epsilon)$; the rest as in ``soft_jaccard``."""
    alpha, beta = _overlap(probabilities, labels)
    return 1 - jnp.mean((2 * alpha + eps) / (beta + eps), axis=-1)


def pixelwise_cross_entropy(logits: Array, labels: Array, class_weights: Array | None = None) -> Array:
    r"""$-\sum_{\text{pixels}} \sum_k w_k y_k \ln p_k$: the sum over the pixels of ``softmax_cross_entropy``."""
    return _over_pixels(softmax_cross_entropy(logits, labels, class_weights))


@lifted()
def _over_pixels(losses):
    return jnp.sum(losses, axis=tuple(range(1, losses.ndim)))


def _overlap(probabilities, labels):
    p = SHARE.or_nan(probabilities)
    y = distributions(p, labels) if are_indices(p, labels) else SHARE.or_nan(jnp.asarray(labels, p.dtype))
    if p.ndim < 2:
        raise ValueError(needed("probabilities", "[n, ..., c]", list(p.shape), "probabilities[None]"))
    pixels = tuple(range(1, p.ndim - 1))
    return jnp.sum(y * p, axis=pixels), jnp.sum(y + p, axis=pixels)

"""Losses for classes: on logits, on probabilities, on scores with a margin."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.activations import relu
from dlcore.losses import cross_entropy
from dlcore.losses.binary import of_logit, of_probability, of_yes, part
from dlcore.losses.labels import are_indices, distributions, is_class, side, yes_or_no
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, Scalar, at_least_f32, in_dtype_of, lifted
from dlcore.numerics.ranges import DISTRIBUTION, NOT_NEGATIVE, SHARE


@lifted()
def binary_cross_entropy(probabilities: Array, labels: Array) -> Array:
    r"""$-(y \ln p + (1 - y) \ln (1 - p))$: probabilities of "yes" [...], labels [...] -> [...].

    Exact at the ends: 0 for certainty that is right, infinite for certainty that is wrong; NaN for what is none.
    """
    return of_probability(SHARE.or_nan(probabilities), yes_or_no(probabilities, labels))


@lifted()
def sigmoid_binary_cross_entropy(logits: Array, labels: Array) -> Array:
    r"""$-(y \ln \sigma(s) + (1 - y) \ln \sigma(-s))$: logits s [...], labels [...] -> [...].

    >>> import jax.numpy as jnp
    >>> from dlcore.losses import sigmoid_binary_cross_entropy
    >>> print(sigmoid_binary_cross_entropy(jnp.array([0.0, 30.0]), jnp.array([1, 0])).round(4))
    [ 0.6931 30.    ]
    """
    return of_logit(logits, yes_or_no(logits, labels))


def focal(logits: Array, labels: Array, gamma: Scalar = 2.0, alpha: Scalar | None = None) -> Array:
    r"""$-\alpha_t (1 - p_t)^\gamma \ln p_t$, $p_t$ the probability of what is true. Lin et al. 2017, eq. 5.

    logits [...], labels [...] -> [...]; ``alpha`` weighs "yes", 1 - alpha "no"; both count in full where it is None.
    Raises ValueError for a negative gamma and an alpha outside [0, 1].
    """
    alpha = in_dtype_of(at_least_f32(jnp.result_type(logits)), alpha)
    yes, no = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return _focal(logits, labels, gamma, yes, no)


@lifted(gamma=NOT_NEGATIVE, alpha=SHARE, beta=SHARE)
def _focal(logits, labels, gamma, alpha, beta):
    y, gamma = yes_or_no(logits, labels), jnp.asarray(gamma, logits.dtype)
    return part(y, alpha * of_yes(logits, gamma)) + part(1 - y, beta * of_yes(-logits, gamma))


def categorical_cross_entropy(
    probabilities: Array, labels: Array, class_weights: Array | None = None, label_smoothing: Scalar = 0.0
) -> Array:
    r"""$-\sum_k w_k y_k \ln p_k$: probabilities [..., c] -> [...]; options as in ``softmax_cross_entropy``."""
    return _categorical(probabilities, labels, class_weights, *_smoothing(probabilities, label_smoothing))


@lifted(class_weights=NOT_NEGATIVE, kept=SHARE)
def _categorical(probabilities, labels, class_weights, kept, spread):
    p, y = DISTRIBUTION.or_nan(probabilities), distributions(probabilities, labels)
    y = _weighted(kept * y + spread, class_weights)
    return -jnp.sum(y * jnp.log(jnp.where((y == 0) & (p == 0), 1, p)), axis=-1)


def softmax_cross_entropy(
    logits: Array, labels: Array, class_weights: Array | None = None, label_smoothing: Scalar = 0.0
) -> Array:
    r"""$\ln \sum_j e^{s_j} - s_y$, or $-\sum_k w_k y_k \ln p_k$ with $p$ = ``softmax(logits)``: [..., c] -> [...].

    ``class_weights`` w [c]; ``label_smoothing`` $\alpha$ puts $(1 - \alpha) y_k + \alpha / c$ for $y_k$. Loss and
    gradient keep their digits where the label's probability rounds to 1. For the mean by weights,
    ``weighted_mean(losses, class_weights[labels])`` of the losses without weights. Raises ValueError for a negative
    weight and a smoothing outside [0, 1].

    >>> import jax.numpy as jnp
    >>> from dlcore.losses import softmax_cross_entropy
    >>> print(softmax_cross_entropy(jnp.zeros((2, 4)), jnp.array([0, 3])).round(4))  # ln 4
    [1.3863 1.3863]
    """
    smooth: Any = label_smoothing
    if are_indices(logits, labels) and isinstance(smooth, (int, float)) and smooth == 0:
        return _of_index(logits, labels, class_weights)
    return _of_distribution(logits, labels, class_weights, *_smoothing(logits, label_smoothing))


@lifted(class_weights=NOT_NEGATIVE)
def _of_index(logits, labels, class_weights):
    losses = cross_entropy.of_index(logits, jnp.asarray(labels))
    if class_weights is not None:
        weights = _per_class(class_weights, logits)
        losses = losses * jnp.take(weights, jnp.clip(labels, 0, logits.shape[-1] - 1))
    return jnp.where(is_class(logits, labels), losses, jnp.nan)


@lifted(class_weights=NOT_NEGATIVE, kept=SHARE)
def _of_distribution(logits, labels, class_weights, kept, spread):
    y = kept * distributions(logits, labels) + spread
    return cross_entropy.of_distribution(logits, _weighted(y, class_weights))


@lifted()
def hinge(scores: Array, labels: Array) -> Array:
    r"""$\max(0, 1 - y s)$: scores s [...], labels -1 or 1 [...] -> [...]. Reaches exactly 0."""
    return relu(1 - side(scores, labels) * scores)


@lifted()
def perceptron(scores: Array, labels: Array) -> Array:
    r"""$\max(0, -y s)$: scores s [...], labels -1 or 1 [...] -> [...]. Rosenblatt 1958."""
    return relu(-side(scores, labels) * scores)


@lifted(margin=NOT_NEGATIVE)
def multiclass_hinge(scores: Array, labels: Array, margin: Scalar = 1.0) -> Array:
    r"""$\sum_{j \ne y} \max(0, s_j - s_y + 1)$: scores [..., c] -> [...]. Weston & Watkins 1999.

    Optax's loss of this name takes the largest term instead of the sum (Crammer & Singer 2001).
    """
    y = distributions(scores, labels)
    own = jnp.sum(y * scores, axis=-1, keepdims=True)
    return jnp.sum((1 - y) * relu(scores - own + margin), axis=-1)


def _smoothing(predictions, a):
    """What the labels keep and what every class gets; of a Python number, in its own precision."""
    SHARE.check("label_smoothing", a)
    a = in_dtype_of(at_least_f32(jnp.result_type(predictions)), a)
    return 1 - a, a / (math.prod(np.shape(predictions)[-1:]) or 1)


def _weighted(y, class_weights):
    return y if class_weights is None else y * jnp.broadcast_to(_per_class(class_weights, y), y.shape)


def _per_class(class_weights, predictions):
    if jnp.shape(class_weights) != predictions.shape[-1:]:
        raise ValueError(
            needed(
                "class_weights",
                f"[c] for predictions {list(predictions.shape)}",
                list(jnp.shape(class_weights)),
                "one weight for each class",
            )
        )
    return jnp.asarray(class_weights, predictions.dtype)

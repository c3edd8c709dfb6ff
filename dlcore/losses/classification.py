"""Losses for classes: on logits, on probabilities, on scores with a margin."""

from typing import Any

import jax
import jax.numpy as jnp

from dlcore.activations import relu, sigmoid, softplus
from dlcore.activations.simplex import behind_largest
from dlcore.contracts import Array, Scalar, at_least_f32, in_dtype_of
from dlcore.elementary import exp_below, log1p, product
from dlcore.losses.labels import are_indices, distributions, index_mask, is_class, side, yes_or_no


def binary_cross_entropy(probabilities: Array, labels: Array) -> Array:
    r"""$-(y \ln p + (1 - y) \ln (1 - p))$: probabilities of "yes" [...], labels [...] -> [...].

    Exact at the ends: 0 for certainty that is right, infinite for certainty that is wrong.
    """
    p, y = _wide(probabilities, yes_or_no(probabilities, labels))
    yes = y * jnp.log(jnp.where((y == 0) & (p == 0), 1, p))
    no = (1 - y) * log1p(-jnp.where((y == 1) & (p == 1), 0, p))
    return -(yes + no).astype(probabilities.dtype)


def sigmoid_binary_cross_entropy(logits: Array, labels: Array) -> Array:
    r"""$-(y \ln \sigma(s) + (1 - y) \ln \sigma(-s))$: logits s [...], labels [...] -> [...]."""
    s, y = _wide(logits, yes_or_no(logits, labels))
    return (_share(y, softplus(-s)) + _share(1 - y, softplus(s))).astype(logits.dtype)


def focal(logits: Array, labels: Array, gamma: Scalar = 2.0, alpha: Scalar | None = None) -> Array:
    r"""$-\alpha_t (1 - p_t)^\gamma \ln p_t$, $p_t$ the probability of what is true. Lin et al. 2017, eq. 5.

    logits [...], labels [...] -> [...]; ``alpha`` weighs "yes", 1 - alpha "no"; both count in full where it is None.
    """
    s, y = _wide(logits, yes_or_no(logits, labels))
    gamma = jnp.asarray(gamma, s.dtype)
    yes, no = (1, 1) if alpha is None else (in_dtype_of(s, alpha), 1 - in_dtype_of(s, alpha))
    losses = _share(y, yes * _focal(s, gamma)) + _share(1 - y, no * _focal(-s, gamma))
    return losses.astype(logits.dtype)


@jax.custom_jvp
def _missed(s, gamma):
    r"""$\sigma(-s)^\gamma = (e^{-\max(s, 0)} / (1 + e^{-|s|}))^\gamma$; a power of $\sigma$ multiplies its error."""
    x = jnp.maximum(s, 0)
    power, rest = product(jnp.where(x > 2000, 2000, x), gamma * jnp.ones_like(s))
    return exp_below(-power) * (1 - rest) / (1 + exp_below(-jnp.abs(s))) ** gamma


@_missed.defjvp
def _missed_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    value = _missed(s, gamma)
    return value, -value * (gamma * sigmoid(s) * ds + softplus(s) * dgamma)


@jax.custom_jvp
def _focal(s, gamma):
    """For "yes": sigma(-s)^gamma softplus(-s)."""
    return _missed(s, gamma) * softplus(-s)


@_focal.defjvp
def _focal_jvp(primals, tangents):
    (s, gamma), (ds, dgamma) = primals, tangents
    q, at_least = sigmoid(-s), jnp.maximum(s, -1000)  # at minus infinity 0 times infinity, which is 0
    slope = -_missed(s, gamma) * (gamma * sigmoid(s) * softplus(-at_least) + q)
    value = _focal(s, gamma)
    return value, slope * ds - value * softplus(s) * dgamma


def categorical_cross_entropy(
    probabilities: Array, labels: Array, class_weights: Array | None = None, label_smoothing: Scalar = 0.0
) -> Array:
    r"""$-\sum_k w_k y_k \ln p_k$: probabilities [..., c] -> [...]; options as in ``softmax_cross_entropy``."""
    p, y = _wide(probabilities, distributions(probabilities, labels))
    y = _weighted(_smooth(y, label_smoothing), class_weights)
    log_p = jnp.log(jnp.where((y == 0) & (p == 0), 1, p))
    return -jnp.sum(y * log_p, axis=-1).astype(probabilities.dtype)


def softmax_cross_entropy(
    logits: Array, labels: Array, class_weights: Array | None = None, label_smoothing: Scalar = 0.0
) -> Array:
    r"""$-\sum_k w_k y_k \ln p_k$ with $p$ = ``softmax(logits)``: logits [..., c] -> [...].

    ``class_weights`` w [c]; ``label_smoothing`` $\alpha$ puts $(1 - \alpha) y_k + \alpha / c$ for $y_k$. Loss and
    gradient keep their digits where the label's probability rounds to 1. For the mean by weights,
    ``weighted_mean(losses, class_weights[labels])`` of the losses without weights.
    """
    smooth: Any = label_smoothing
    if are_indices(logits, labels) and isinstance(smooth, (int, float)) and smooth == 0:
        losses = _at_index(_wide(logits)[0], jnp.asarray(labels))
        inside = is_class(logits, labels)
        losses = losses if class_weights is None else losses * _weights(logits, class_weights, labels)
        return jnp.where(inside, losses, jnp.nan).astype(logits.dtype)
    s, y = _wide(logits, distributions(logits, labels))
    y = _weighted(_smooth(y, label_smoothing), class_weights)
    return _of_distribution(s, y).astype(logits.dtype)


@jax.custom_jvp
def _at_index(s, labels):
    r"""$-\ln p_y = \ln (1 + \sum_{j \ne y} e^{s_j - s_y})$, in terms of the largest other logit."""
    return _loss_and_shares(s, labels)[0]


@_at_index.defjvp
def _at_index_jvp(primals, tangents):
    r"""$p_j$ for the others, $-\sum_{j \ne y} p_j$ for the label: $p_y - 1$ would be 0 once $p_y$ rounds to 1."""
    (s, labels), (ds, _) = primals, tangents
    loss, others, missed = _loss_and_shares(s, labels)
    slopes = others - jnp.where(index_mask(s, labels), missed[..., None], 0)
    return loss, jnp.sum(slopes * ds, axis=-1)


def _loss_and_shares(s, labels):
    """The loss, the probabilities of the other classes [..., c], 0 at the label, and their sum [...]."""
    others = jnp.where(index_mask(s, labels), -jnp.inf, s)
    m = jnp.maximum(jnp.max(others, axis=-1, initial=-jnp.inf), jnp.finfo(s.dtype).min)
    e = jnp.exp(others - m[..., None])
    total = jnp.sum(e, axis=-1)
    ahead, rest = _difference(m, _own(s, labels))
    behind, own = jnp.exp(jnp.minimum(ahead, 0)) * (1 + rest), jnp.exp(-jnp.maximum(ahead, 0))
    more = jnp.where(ahead < 0, behind * total, jnp.maximum(total - 1, 0) + own)
    unit = behind / jnp.where(total == 0, 1, behind * total + own)
    return jnp.maximum(ahead, 0) + jnp.log1p(more), e * unit[..., None], total * unit


def _own(s, labels):
    if not s.shape[-1]:
        return jnp.zeros(s.shape[:-1], s.dtype)
    return jnp.take_along_axis(s, labels.astype(jnp.int32)[..., None], axis=-1, mode="clip")[..., 0]


def _difference(a, b):
    """a - b and, where it is below 0, its rounding error: Knuth's two-sum."""
    d = a - b
    back = d - a
    return d, jnp.where((d < 0) & (d > -1e4), (a - (d - back)) - (b + back), 0)


@jax.custom_jvp
def _of_distribution(s, y):
    r"""$-\sum_k y_k \ln p_k = \sum_k y_k \ln (1 + r) - \sum_k y_k d_k$; $d$ and $r$ as in ``behind_largest``."""
    return _loss_of_distribution(y, *behind_largest(s, -1))


@_of_distribution.defjvp
def _of_distribution_jvp(primals, tangents):
    r"""$p_k \sum_j y_j - y_k$ as $p_k \sum_{j \ne k} y_j - y_k (1 - p_k)$, by $r$ without a loss of digits."""
    (s, y), (ds, dy) = primals, tangents
    d, e, r = behind_largest(s, -1)
    all_y = jnp.sum(y, axis=-1)
    slopes = (e * (all_y[..., None] - y) - y * (r[..., None] + (1 - e))) * (1 / (1 + r))[..., None]
    surprise = jnp.log1p(r)[..., None] - jnp.maximum(d, jnp.finfo(d.dtype).min)  # finite: its share may be 0
    return _loss_of_distribution(y, d, e, r), jnp.sum(slopes * ds, axis=-1) + jnp.sum(surprise * dy, axis=-1)


def _loss_of_distribution(y, d, _, r):
    return jnp.sum(y, axis=-1) * jnp.log1p(r) - jnp.sum(jnp.where(y == 0, 0, y * d), axis=-1)


def hinge(scores: Array, labels: Array) -> Array:
    r"""$\max(0, 1 - y s)$: scores s [...], labels -1 or 1 [...] -> [...]. Reaches exactly 0."""
    s, y = _wide(scores, side(scores, labels))
    return relu(1 - y * s).astype(scores.dtype)


def perceptron(scores: Array, labels: Array) -> Array:
    r"""$\max(0, -y s)$: scores s [...], labels -1 or 1 [...] -> [...]. Rosenblatt 1958."""
    s, y = _wide(scores, side(scores, labels))
    return relu(-y * s).astype(scores.dtype)


def multiclass_hinge(scores: Array, labels: Array, margin: Scalar = 1.0) -> Array:
    r"""$\sum_{j \ne y} \max(0, s_j - s_y + 1)$: scores [..., c] -> [...]. Weston & Watkins 1999.

    Optax's loss of this name takes the largest term instead of the sum (Crammer & Singer 2001).
    """
    s, y = _wide(scores, distributions(scores, labels))
    own = jnp.sum(y * s, axis=-1, keepdims=True)
    return jnp.sum((1 - y) * relu(s - own + in_dtype_of(s, margin)), axis=-1).astype(scores.dtype)


def _wide(*arrays):
    return [jnp.asarray(a, at_least_f32(a.dtype)) for a in arrays]


def _share(y, losses):
    """y times losses; what does not count may be infinite."""
    return y * jnp.where((y == 0) & jnp.isinf(losses), 0, losses)


def _smooth(y, label_smoothing):
    a = in_dtype_of(y, label_smoothing)
    return (1 - a) * y + a / y.shape[-1] if y.shape[-1] else y


def _weighted(y, class_weights):
    return y if class_weights is None else y * jnp.broadcast_to(_check_weights(y, class_weights), y.shape)


def _weights(logits, class_weights, labels):
    w = _check_weights(logits, class_weights).astype(at_least_f32(logits.dtype))
    return jnp.take(w, jnp.clip(labels, 0, logits.shape[-1] - 1))


def _check_weights(predictions, class_weights):
    if jnp.shape(class_weights) != predictions.shape[-1:]:
        raise ValueError(
            f"needed class_weights [c] for predictions [..., c], got {list(jnp.shape(class_weights))} and "
            f"{list(predictions.shape)}; try: one weight for each class"
        )
    return in_dtype_of(predictions, jnp.asarray(class_weights))

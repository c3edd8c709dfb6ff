r"""Losses per example, always ``loss(prediction, target)``; ``mean``, ``total``, ... reduce them.

Dtype kept. TypeError for a prediction that is not floating, ValueError for shapes that do not fit.
"""

import jax.numpy as jnp

from dlcore.activations import log_softmax
from dlcore.contracts import Array, check_float, check_same_shape


def squared_error(predictions: Array, targets: Array) -> Array:
    r"""$\|y - \hat y\|_2^2$: [..., k], [..., k] -> [...]. Least in expectation at the mean of $y$."""
    check_float("predictions", predictions)
    check_float("targets", targets)
    check_same_shape(predictions=predictions, targets=targets)
    return jnp.sum(jnp.square(targets - predictions), axis=-1)


def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    r"""$-\sum_k y_k \ln p_k$ with $p$ = ``softmax(logits)``: logits [..., c] -> [...].

    ``labels`` are class indices, integer [...], or distributions, floating [..., c]; an index outside 0 … c-1
    gives NaN.
    """
    check_float("logits", logits)
    log_p = log_softmax(logits)
    if jnp.issubdtype(labels.dtype, jnp.integer):
        _check_indices(logits, labels)
        return -_at_index(log_p, labels)
    check_same_shape(logits=logits, labels=labels)
    no_mass = (labels == 0) & (log_p == -jnp.inf)
    return -jnp.sum(labels * jnp.where(no_mass, 0, log_p), axis=-1)


def mean(losses: Array) -> Array:
    r"""$\frac1n \sum_i \ell_i$ over all examples: [...] -> []."""
    return jnp.mean(losses)


def _check_indices(logits, labels):
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"needed labels {list(logits.shape[:-1])} for logits {list(logits.shape)}, got {list(labels.shape)}; "
            "try: class indices without the class axis, or distributions over the classes as floats"
        )


def _at_index(log_p, labels):
    inside = (labels >= 0) & (labels < log_p.shape[-1])
    picked = jnp.take_along_axis(log_p, jnp.where(inside, labels, 0)[..., None], axis=-1)[..., 0]
    return jnp.where(inside, picked, jnp.nan)

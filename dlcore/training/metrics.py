"""Metrics of one example each; their mean over a set is what the history shows."""

import jax.numpy as jnp

from dlcore.contracts import Array


def accuracy(outputs: Array, labels: Array) -> Array:
    """1 where the largest of outputs [..., c] is at the label [...] (a class index), else 0: [...].

    Labels of outputs' rank are distributions over the classes, counted at their largest entry. A row with NaN counts
    as wrong.
    """
    if labels.ndim == outputs.ndim and not jnp.issubdtype(labels.dtype, jnp.integer):
        labels = jnp.argmax(labels, -1)
    if labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"accuracy: needed labels {list(outputs.shape[:-1])} for outputs {list(outputs.shape)}, "
            f"got labels {list(labels.shape)}; try labels.squeeze(-1)"
        )
    hit = jnp.argmax(outputs, -1).astype(labels.dtype) == labels
    return (hit & ~jnp.isnan(outputs).any(-1)).astype(outputs.dtype)

"""Metrics of one example each; their mean over a set is what the history shows."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training.setup import Metric, Setup


def accuracy(outputs: Array, labels: Array) -> Array:
    """1 where the largest of outputs [..., c] is at the label [...] (a class index), else 0: [...].

    Labels of outputs' rank are distributions over the classes, counted at their largest entry. A single output is the
    logit of two classes: outputs [n] or [..., 1], labels of that shape or without the last axis, yes above 1/2. A row
    with NaN counts as wrong.
    """
    if outputs.ndim == 1 or outputs.shape[-1] == 1:
        return _yes_or_no(outputs, labels)
    if labels.ndim == outputs.ndim and jnp.issubdtype(labels.dtype, jnp.floating):
        labels = jnp.argmax(labels, -1)
    if labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"accuracy: needed labels {list(outputs.shape[:-1])} for outputs {list(outputs.shape)}, "
            f"got labels {list(labels.shape)}; try labels.squeeze(-1)"
        )
    hit = jnp.argmax(outputs, -1).astype(jnp.int32) == labels.astype(jnp.int32)  # bytes would count from 256 anew
    return (hit & ~jnp.isnan(outputs).any(-1)).astype(outputs.dtype)


def _yes_or_no(logits, labels):
    shape = logits.shape[:-1] if logits.ndim > 1 else logits.shape
    if labels.shape not in (shape, (*shape, 1)):
        got = f"labels {list(labels.shape)} for outputs {list(logits.shape)}"
        raise ValueError(needed("accuracy", f"labels {list(shape)}", got, "labels.reshape(outputs.shape)"))
    s, y = logits.reshape(shape), labels.reshape(shape).astype(jnp.float32)
    return (((s > 0) == (y > 0.5)) & ~jnp.isnan(s)).astype(logits.dtype)


def metrics_of(setup: Setup, y: Array) -> dict[str, Metric]:
    """The metrics of ``setup`` by name, for labels like ``y``; raises ValueError for two of one name."""
    chosen = setup.metrics
    if chosen is None:
        chosen = (accuracy,) if jnp.issubdtype(y.dtype, jnp.integer) else ()
    named = {name_of(metric): metric for metric in chosen}
    if len(named) < len(chosen):
        got = ", ".join(map(name_of, chosen))
        raise ValueError(needed("metrics", "another name for each", got, "functions of different names"))
    return named


def name_of(metric: Callable) -> str:
    """The name of a metric, with the numbers of a partial one: "accuracy", "top(k=5)"."""
    if isinstance(metric, jax.tree_util.Partial) or hasattr(metric, "keywords"):
        told = [*map(str, metric.args), *(f"{name}={value}" for name, value in metric.keywords.items())]
        return f"{name_of(metric.func)}({', '.join(told)})"
    return getattr(metric, "__name__", type(metric).__name__)

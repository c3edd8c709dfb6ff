"""What is measured of a setup's outputs: loss and metrics, part by part of a set."""

from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, PyTree, at_least_f32
from dlcore.training.forward import per_example, weighed
from dlcore.training.metrics import Metric, SetMetric, accuracy, by_name
from dlcore.training.setup import Setup


def metrics_of(setup: Setup, y: Array) -> dict[str, Metric]:
    """The metrics of ``setup`` by name, for labels like ``y``; raises ValueError for two of one name."""
    chosen = setup.metrics
    if chosen is None:
        chosen = (accuracy,) if jnp.issubdtype(y.dtype, jnp.integer) else ()
    return by_name(chosen, setup.watch.by)


def counted(setup: Setup, outputs: Array, y: Array, weights: Array | None) -> tuple[PyTree, dict[str, PyTree]]:
    """What (loss, each metric by name) has to know of examples [n], each by its weight: true and false count too."""
    metrics = metrics_of(setup, y).items()
    loss = _counted("loss", setup.loss, outputs, y, weights)
    return loss, {name: _counted(name, metric, outputs, y, weights) for name, metric in metrics}


def measured(setup: Setup, parts: tuple[PyTree, dict[str, PyTree]], y: Array, n: Array | int) -> tuple[Array, dict]:
    """(loss, each metric by name) of what was ``counted`` of all parts of a set, with a first axis of them.

    ``n`` is the number of examples, or the sum of their weights.
    """
    loss, metrics = parts
    named = metrics_of(setup, y).items()
    return _value(setup.loss, loss, n), {name: _value(metric, metrics[name], n) for name, metric in named}


def metric_values(setup: Setup, outputs: Array, y: Array, weights: Array | None = None) -> dict[str, Array]:
    """Each metric by name, of outputs that are there."""
    found, n = {}, len(outputs) if weights is None else jnp.sum(weights)
    for name, metric in metrics_of(setup, y).items():
        part = _counted(name, metric, outputs, y, weights)
        found[name] = _value(metric, jax.tree.map(lambda a: a[None], part), n)
    return found


def _counted(name: str, measure: Any, outputs: Array, y: Array, weights: Array | None) -> PyTree:
    if isinstance(measure, SetMetric):
        each = jnp.ones(len(outputs), bool) if weights is None else weights
        return measure.count(outputs, y, each.astype(at_least_f32(outputs.dtype)))
    return jnp.sum(weighed(per_example(name, measure, outputs, y), weights))


def _value(measure: Any, parts: PyTree, n: Array | int) -> Array:
    if isinstance(measure, SetMetric):
        return measure.value(parts)
    total = jnp.sum(parts, 0)
    if isinstance(n, int):
        return total / n
    return total / jnp.where(n == 0, 1, n).astype(total.dtype)  # some examples, drawn to be looked at, may weigh 0

"""What is measured of a setup's outputs: loss and metrics, part by part of a set."""

from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, PyTree, at_least_f32
from dlcore.training.forward import per_example
from dlcore.training.metrics import Metric, SetMetric, accuracy, by_name
from dlcore.training.setup import Setup


def metrics_of(setup: Setup, y: Array) -> dict[str, Metric]:
    """The metrics of ``setup`` by name, for labels like ``y``; raises ValueError for two of one name."""
    chosen = setup.metrics
    if chosen is None:
        chosen = (accuracy,) if jnp.issubdtype(y.dtype, jnp.integer) else ()
    return by_name(chosen, setup.watch.by)


def counted(setup: Setup, outputs: Array, y: Array, counts: Array | None) -> tuple[PyTree, dict[str, PyTree]]:
    """What (loss, each metric by name) has to know of examples [n], of those that count."""
    metrics = metrics_of(setup, y).items()
    loss = _counted("loss", setup.loss, outputs, y, counts)
    return loss, {name: _counted(name, metric, outputs, y, counts) for name, metric in metrics}


def measured(setup: Setup, parts: tuple[PyTree, dict[str, PyTree]], y: Array, n: Array | int) -> tuple[Array, dict]:
    """(loss, each metric by name) of what was ``counted`` of all parts of a set of n, with a first axis of them."""
    loss, metrics = parts
    named = metrics_of(setup, y).items()
    return _value(setup.loss, loss, n), {name: _value(metric, metrics[name], n) for name, metric in named}


def metric_values(setup: Setup, outputs: Array, y: Array) -> dict[str, Array]:
    """Each metric by name, of outputs that are there."""
    found = {}
    for name, metric in metrics_of(setup, y).items():
        part = _counted(name, metric, outputs, y, None)
        found[name] = _value(metric, jax.tree.map(lambda a: a[None], part), len(outputs))
    return found


def _counted(name: str, measure: Any, outputs: Array, y: Array, counts: Array | None) -> PyTree:
    if isinstance(measure, SetMetric):
        weights = jnp.ones(len(outputs), bool) if counts is None else counts
        return measure.count(outputs, y, weights.astype(at_least_f32(outputs.dtype)))
    values = per_example(name, measure, outputs, y)
    return jnp.sum(values if counts is None else jnp.where(counts, values, 0))


def _value(measure: Any, parts: PyTree, n: Array | int) -> Array:
    if isinstance(measure, SetMetric):
        return measure.value(parts)
    total = jnp.sum(parts, 0)
    return total / (n if isinstance(n, int) else n.astype(total.dtype))

"""What is measured of a setup's outputs: loss and metrics, part by part of a set."""

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

    def of(name, measure):
        if isinstance(measure, SetMetric):
            weights = jnp.ones(len(outputs), bool) if counts is None else counts
            return measure.count(outputs, y, weights.astype(at_least_f32(outputs.dtype)))
        values = per_example(name, measure, outputs, y)
        return jnp.sum(values if counts is None else jnp.where(counts, values, 0))

    return of("loss", setup.loss), {name: of(name, metric) for name, metric in metrics_of(setup, y).items()}


def measured(setup: Setup, parts: tuple[PyTree, dict[str, PyTree]], y: Array, n: Array | int) -> tuple[Array, dict]:
    """(loss, each metric by name) of what was ``counted`` of all parts of a set of n, with a first axis of them."""

    def of(measure, part):
        if isinstance(measure, SetMetric):
            return measure.value(part)
        total = jnp.sum(part, 0)
        return total / (n if isinstance(n, int) else n.astype(total.dtype))

    loss, metrics = parts
    return of(setup.loss, loss), {name: of(metric, metrics[name]) for name, metric in metrics_of(setup, y).items()}

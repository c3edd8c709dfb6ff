"""What a model gives in evaluation mode: its outputs, and the mean loss and metrics over a set."""

from functools import partial

import jax
import jax.numpy as jnp

from dlcore.data import Examples, Padded
from dlcore.data.batches import spread, whole
from dlcore.numerics.formats import Array, PyTree
from dlcore.training.door import as_array
from dlcore.training.forward import outputs_of, per_example
from dlcore.training.metrics import metrics_of
from dlcore.training.setup import Setup


def predict(setup: Setup, params: PyTree, model_state: PyTree, x: Array) -> Array:
    """The outputs of the model for x [n, ...] in evaluation mode."""
    return outputs_of(setup, params, model_state, x, key=None, train=False)[0]


def evaluate(
    setup: Setup, params: PyTree, model_state: PyTree, examples: Examples | Padded
) -> tuple[Array, dict[str, Array]]:
    """(mean loss, mean of each metric by name) over ``examples`` in evaluation mode, ``setup.watch.chunk`` at once."""
    x, y = (as_array(name, a) for name, a in zip("xy", examples[:2], strict=True))
    n, real = x.shape[0], examples.n if isinstance(examples, Padded) else None
    count = -(-n // setup.watch.chunk)
    size = -(-n // count)

    def sums_from(first):
        # the last chunk may begin within the one before: what was counted there does not count again
        start = jnp.minimum(first, n - size)
        chunk = Examples(*(jax.lax.dynamic_slice_in_dim(a, start, size) for a in (x, y)))
        places = start + jnp.arange(size, dtype=jnp.int32)
        counts = places >= first
        return _sums(setup, params, model_state, chunk, counts if real is None else counts & (places < real))

    if count == 1:
        counts = None if real is None else jnp.arange(n, dtype=jnp.int32) < real
        sums = _sums(setup, params, model_state, Examples(x, y), counts)
    else:
        parts = jax.lax.map(sums_from, jnp.arange(count, dtype=jnp.int32) * size)
        sums = jax.tree.map(partial(jnp.sum, axis=0), parts)
    loss, metrics = jax.tree.map(lambda v: v / (n if real is None else real.astype(v.dtype)), sums)
    return loss, metrics


def _sums(setup, params, model_state, examples, counts):
    """The sums over the examples that count: (loss, metrics)."""
    (x, y), counts = spread(whole((examples, counts)))
    outputs = predict(setup, params, model_state, x)

    def total(name, f):
        values = per_example(name, f, outputs, y)
        return jnp.sum(values if counts is None else jnp.where(counts, values, 0))

    return total("loss", setup.loss), {name: total(name, metric) for name, metric in metrics_of(setup, y).items()}

"""What a model gives in evaluation mode: its outputs, and the mean loss and metrics of a set."""

import jax
import jax.numpy as jnp

from dlcore.data import Examples, Padded, Weighted, weights_of
from dlcore.data.batches import spread, whole
from dlcore.numerics.formats import Array, PyTree
from dlcore.training.door import as_array
from dlcore.training.forward import outputs_of
from dlcore.training.measures import counted, measured
from dlcore.training.setup import Setup


def predict(setup: Setup, params: PyTree, model_state: PyTree, x: Array) -> Array:
    """The outputs of the model for x [n, ...] in evaluation mode."""
    return outputs_of(setup, params, model_state, x, key=None, train=False)[0]


def evaluate(
    setup: Setup, params: PyTree, model_state: PyTree, examples: Examples | Weighted | Padded
) -> tuple[Array, dict[str, Array]]:
    """(mean loss, each metric by name) of ``examples`` in evaluation mode, ``setup.watch.chunk`` at once."""
    x, y = (as_array(name, a) for name, a in zip("xy", examples[:2], strict=True))
    n, weights = x.shape[0], _weights(examples)
    count, size = chunks_of(setup, n)

    def counted_from(first):
        # the last chunk may begin within the one before: what was counted there does not count again
        start = jnp.minimum(first, n - size)
        xs, ys, ws = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), (x, y, weights))
        new = start + jnp.arange(size, dtype=jnp.int32) >= first
        ws = new if ws is None else jnp.where(new, ws, jnp.zeros((), ws.dtype))
        return counted_in(setup, params, model_state, Examples(xs, ys), ws)

    if count == 1:
        part = counted_in(setup, params, model_state, Examples(x, y), weights)
        parts = jax.tree.map(lambda a: a[None], part)
    else:
        parts = jax.lax.map(counted_from, jnp.arange(count, dtype=jnp.int32) * size)
    return measured(setup, parts, y, n if weights is None else jnp.sum(weights))


def _weights(examples):
    """How much each example counts, true or false where it does or not; None where all do."""
    weights = weights_of(examples)
    weights = None if weights is None else as_array("weights", weights)
    if not isinstance(examples, Padded):
        return weights
    real = jnp.arange(examples.x.shape[0], dtype=jnp.int32) < examples.n
    return real if weights is None else jnp.where(real, weights, jnp.zeros((), weights.dtype))


def chunks_of(setup: Setup, n: int) -> tuple[int, int]:
    """In how many chunks n examples are evaluated, and of which size; the last begins within the one before."""
    count = -(-n // setup.watch.chunk)
    return count, -(-n // count)


def counted_in(
    setup: Setup, params: PyTree, model_state: PyTree, examples: Examples, weights: Array | None
) -> tuple[PyTree, dict[str, PyTree]]:
    """What is ``counted`` of the examples of a chunk, by weight, each device its share."""
    (x, y), weights = spread(whole((examples, weights)))
    return counted(setup, predict(setup, params, model_state, x), y, weights)

"""What a model gives in evaluation mode: its outputs, and the mean loss and metrics of a set."""

import jax
import jax.numpy as jnp

from dlcore.data import Examples, Padded
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
    setup: Setup, params: PyTree, model_state: PyTree, examples: Examples | Padded
) -> tuple[Array, dict[str, Array]]:
    """(mean loss, each metric by name) of ``examples`` in evaluation mode, ``setup.watch.chunk`` at once."""
    x, y = (as_array(name, a) for name, a in zip("xy", examples[:2], strict=True))
    n, real = x.shape[0], examples.n if isinstance(examples, Padded) else None
    count, size = chunks_of(setup, n)

    def counted_from(first):
        # the last chunk may begin within the one before: what was counted there does not count again
        start = jnp.minimum(first, n - size)
        xs, ys = (jax.lax.dynamic_slice_in_dim(a, start, size) for a in (x, y))
        places = start + jnp.arange(size, dtype=jnp.int32)
        counts = (places >= first) if real is None else (places >= first) & (places < real)
        return counted_in(setup, params, model_state, Examples(xs, ys), counts)

    if count == 1:
        counts = None if real is None else jnp.arange(n, dtype=jnp.int32) < real
        part = counted_in(setup, params, model_state, Examples(x, y), counts)
        parts = jax.tree.map(lambda a: a[None], part)
    else:
        parts = jax.lax.map(counted_from, jnp.arange(count, dtype=jnp.int32) * size)
    return measured(setup, parts, y, n if real is None else real)


def chunks_of(setup: Setup, n: int) -> tuple[int, int]:
    """In how many chunks n examples are evaluated, and of which size; the last begins within the one before."""
    count = -(-n // setup.watch.chunk)
    return count, -(-n // count)


def counted_in(
    setup: Setup, params: PyTree, model_state: PyTree, examples: Examples, counts: Array | None
) -> tuple[PyTree, dict[str, PyTree]]:
    """What is ``counted`` of the examples of a chunk, or of those that count, each device its share."""
    (x, y), counts = spread(whole((examples, counts)))
    return counted(setup, predict(setup, params, model_state, x), y, counts)

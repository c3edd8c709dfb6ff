"""What a training gives: a ``Run``, which carries its setup, and hence predicts."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import Examples, Streamed, Weighted, check_weights
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree
from dlcore.training.door import as_array, is_examples
from dlcore.training.evaluation import evaluate, predict
from dlcore.training.measures import measured
from dlcore.training.pieces import Piece, apply_stream, count_stream, counted_of
from dlcore.training.setup import Setup, as_arrays
from dlcore.tree.fields import hyperparams, static


def outputs(run: "Run", x: Array) -> Array:
    """What ``run`` gives for x [n, ...] in evaluation mode: [n, ...], or of every member [members, n, ...]."""
    return outputs_at_once(Trained(run.setup, run.params, run.model_state, run.inputs), x, run.members is not None)


class Trained(NamedTuple):
    """What predicts of a run, without what only tells how it came to be: with or without a first axis of members."""

    setup: Setup
    params: PyTree
    model_state: PyTree
    inputs: Any


def trained(run: "Run") -> Trained:
    """What predicts of ``run``; numbers as arrays, so that others compile nothing."""
    return Trained(as_arrays(run.setup), run.params, run.model_state, run.inputs)


def outputs_at_once(model: Trained, x: Array, members: bool) -> Array:
    """What ``model`` gives for x [n, ...], all in one piece: [n, ...], or of every member [members, n, ...]."""
    return (_by_members(_predict) if members else _predict)(*model, x)


def outputs_in_chunks(model: Trained, x: Any, members: bool) -> Array:
    """What ``model`` gives for x [n, ...]: [n, ...], or of every member [members, n, ...].

    Any n: computed in chunks of ``setup.watch.chunk``, sizes rounded up to powers of two.
    """
    f, chunk = _member_outputs if members else _outputs, model.setup.watch.chunk
    starts = range(0, max(len(x), 1), chunk)
    parts = [_filled(f, model, x[i : i + chunk], members) for i in starts]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, int(members))


def _predict(setup, params, model_state, inputs, x):
    return predict(setup, params, model_state, x if inputs is None else inputs(x))


def _evaluate(setup, params, model_state, inputs, examples):
    return evaluate(setup, params, model_state, examples if inputs is None else examples._replace(x=inputs(examples.x)))


def _count(setup, params, model_state, inputs, piece: Piece):
    return counted_of(setup, params, model_state, piece if inputs is None else piece._replace(x=inputs(piece.x)))


def _by_members(f):
    return jax.vmap(f, (0, 0, 0, 0, None))


def _measure_members(setup, parts, y, n):
    return jax.vmap(partial(measured, y=y, n=n))(setup, parts)


_outputs, _evaluated = jax.jit(_predict), jax.jit(_evaluate)
_member_outputs, _members_evaluated = jax.jit(_by_members(_predict)), jax.jit(_by_members(_evaluate))
_counted, _members_counted = jax.jit(_count), jax.jit(_by_members(_count))
_measured, _members_measured = (jax.jit(f, static_argnums=3) for f in (measured, _measure_members))


@hyperparams
class Run:
    """The result of a training: its setup, the best parameters with their model state, the history, the last state.

    A first axis on every leaf, that of the setup's numbers too, makes it the run of several ``members``. ``inputs`` is
    what is done to every x before the model sees it, None for nothing. ``notes`` says what was done on the way that was
    not asked for, such as a split of the data.
    """

    setup: Setup
    params: PyTree
    model_state: PyTree
    history: Any
    state: Any
    inputs: Any = None
    notes: tuple[str, ...] = static(default=())

    @property
    def members(self) -> int | None:
        """The number of members; None for a single training."""
        shape = np.shape(self.state.first_nonfinite)
        return shape[0] if shape else None

    @property
    def ending(self) -> str:
        """How a single training ended: "diverged", "stopped early", "interrupted" or "finished"."""
        if bool(self.state.diverged):
            return "diverged"
        if bool(self.state.stopped):
            return "stopped early"
        return "interrupted" if int(self.state.epoch) < self.setup.epochs else "finished"

    @property
    def mean_history(self) -> Any:
        """The history; of several members the mean over the sound ones, or over all where none is.

        A member that has stopped stays as it was.
        """
        if self.members is None:
            return self.history
        diverged = np.asarray(self.state.diverged)
        some = diverged if diverged.all() else ~diverged
        seen = ~np.isnan(np.asarray(self.history.running_loss)[some])
        epochs = np.arange(min(seen.shape[1], max(1, seen.any(0).sum())))
        last = np.maximum.accumulate(np.where(seen[:, epochs], epochs, 0), axis=1)
        return jax.tree.map(lambda curves: np.take_along_axis(np.asarray(curves)[some], last, 1).mean(0), self.history)

    def predict(self, x: Any) -> Any:
        """The outputs of the model for x [n, ...] in evaluation mode [n, ...], or of every member [members, n, ...].

        Any n: computed in chunks of ``setup.watch.chunk``, sizes rounded up to powers of two, which bounds both memory
        and the number of programs. Examples of ``data.stream`` are read ahead; of them the outputs alone are kept, on
        the host.
        """
        model, members = trained(self), self.members is not None
        if not isinstance(x, Streamed):
            return outputs_in_chunks(model, as_array("x", x), members)
        f = partial(outputs_in_chunks, model, members=members)
        return apply_stream(x, f, self.setup.watch.chunk, axis=int(members))

    def evaluate(self, examples: Any) -> dict[str, Any]:
        """{"loss": mean loss, name of a metric: its mean} over ``examples``, numbers, or one per member.

        Examples are (x, y), or (x, y, weights) for means by weight, or ``data.stream``, which is read ahead in constant
        memory to the same numbers. Raises TypeError for anything else.
        """
        loss, metrics = _of_stream(self, examples) if isinstance(examples, Streamed) else _in_memory(self, examples)
        return {name: np.asarray(value)[()] for name, value in {"loss": loss, **metrics}.items()}


def _in_memory(run, examples):
    """(loss, metrics) of examples that are there."""
    if not is_examples(examples):
        hint = "split.validation"
        raise TypeError(needed("examples", "(x, y), (x, y, weights) or a stream", type(examples).__name__, hint))
    x, y, *weights = (as_array(name, a) for name, a in zip(Weighted._fields, examples, strict=False))
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(needed("examples", "as many labels as examples and at least one", f"{len(x)}, {len(y)}"))
    if weights:
        check_weights("weights", weights[0], len(x))
    f = _evaluated if run.members is None else _members_evaluated
    return f(*trained(run), Weighted(x, y, *weights) if weights else Examples(x, y))


def _of_stream(run, part):
    """(loss, metrics) of a stream: what is counted of its chunks, put together."""
    model, alone = trained(run), run.members is None
    count, measure = (_counted, _measured) if alone else (_members_counted, _members_measured)
    parts = count_stream(model.setup, part, partial(count, *model), axis=int(not alone))
    return measure(model.setup, parts, jnp.zeros((1, *part.shapes.y.shape[1:]), part.shapes.y.dtype), len(part))


def _filled(f, model, x, members):
    """``f`` of x [n, ...], filled up to a power of two by the last example."""
    n = len(x)
    size = 1 << max(n - 1, 0).bit_length()
    rest = x[-1:] if n else jnp.zeros((1, *x.shape[1:]), x.dtype)
    filled = x if n == size else jnp.concatenate([x, jnp.repeat(rest, size - n, 0)])
    outputs = f(*model, filled)
    return outputs[:, :n] if members else outputs[:n]

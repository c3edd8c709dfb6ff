"""Training as pure functions: ``start``, ``advance`` and, one after the other, ``train``.

All of it is one XLA program: jit, vmap and grad apply. Failures are data: a run that meets a number that is not
finite goes back to the end of the epoch before, stays there and says when it happened.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import Split, Streamed, in_memory
from dlcore.data.batches import whole
from dlcore.numerics.formats import Array, PyTree
from dlcore.training import learner as learning
from dlcore.training import watch
from dlcore.training.door import arrays
from dlcore.training.learner import Learner, Steps
from dlcore.training.run import Run
from dlcore.training.setup import Setup
from dlcore.training.watch import Best, History, Watched


class Midway(NamedTuple):
    """An epoch in hand, of streamed examples: what learns, the steps done, their losses [steps of an epoch].

    ``norms`` are those of the last step that moved anything, where updates are accumulated, else nothing.
    """

    learner: Learner
    step: Array
    losses: Array
    norms: Any


class TrainState(NamedTuple):
    """What the next epoch needs: the key of all randomness, the number of epochs done, what learns and what watches.

    All is as it was at the end of an epoch; ``midway`` is the next one, where that was begun.
    """

    key: Array
    epoch: Array
    learner: Learner
    watched: Watched
    midway: Midway | None = None

    @property
    def params(self) -> PyTree:
        """The parameters after the last step."""
        return self.learner.params

    @property
    def model_state(self) -> PyTree:
        """The state of the model after the last step."""
        return self.learner.model_state

    @property
    def optimizer_state(self) -> PyTree:
        """The state of the optimizer after the last step."""
        return self.learner.optimizer_state

    @property
    def best(self) -> Best:
        """The parameters of the epoch with the lowest validation loss."""
        return self.watched.best

    @property
    def stopped(self) -> Array:
        """Whether early stopping has ended the run."""
        return self.watched.stopped

    @property
    def first_nonfinite(self) -> Array:
        """The step of a diverged run's first loss that was not finite, else -1."""
        return self.watched.first_nonfinite

    @property
    def diverged(self) -> Array:
        """Whether a loss was not finite."""
        return self.first_nonfinite >= 0

    @property
    def active(self) -> Array:
        """Whether the run still learns: neither stopped early nor diverged."""
        return ~self.stopped & ~self.diverged


def start(setup: Setup, data: Any, key: Array) -> TrainState:
    """The state before the first epoch: parameters of the dtype of the inputs, initialized from ``key``."""
    train = data.train
    x = train.shapes.x if isinstance(train, Streamed) else jnp.asarray(train.x)
    return started(setup, key, learning.beginner(setup, key, x))


def started(setup: Setup, key: Array, learner: Learner) -> TrainState:
    """The state before the first epoch of ``learner``."""
    return TrainState(key, jnp.zeros((), jnp.int32), learner, watch.fresh(setup, learner))


def advance(setup: Setup, data: Any, state: TrainState, epochs: int) -> tuple[TrainState, History]:
    """``epochs`` more epochs: (state, history). ``data.train`` and ``data.validation`` are x [n, ...] and y [n, ...].

    Every training example is used once an epoch, in mini-batches of a new order. An epoch that a stream has begun
    begins again.
    """
    data, state = whole(arrays(data)), state._replace(midway=None)
    seen = watch.looked_at(setup, data, state.key)

    def one(state, _):
        after, row = epoch(setup, data, seen, state)
        # key and clock run on in runs that have ended: all runs of a sweep share one order of the examples
        kept = watch.where(state.active, (after.learner, after.watched), (state.learner, state.watched))
        row = jax.tree.map(lambda v: jnp.where(state.active, v, jnp.nan), row)
        return TrainState(state.key, state.epoch + 1, *kept), row

    return jax.lax.scan(one, state, length=epochs)


def advance_some(
    setup: Setup, data: Split, state: TrainState, epochs: Array, most: int
) -> tuple[TrainState, History, Array]:
    """``advance`` by ``epochs``, a traced number up to ``most``, or until the run ends: (state, rows, epochs done).

    The rows are [most] each; those behind the epochs done mean nothing. One program for every number of epochs.
    """
    data, state = whole(data), state._replace(midway=None)
    seen = watch.looked_at(setup, data, state.key)
    _, row = jax.eval_shape(epoch, setup, data, seen, state)
    rows = jax.tree.map(lambda a: jnp.zeros((most, *a.shape), a.dtype), row)

    def going(carry):
        state, _, done = carry
        return (done < epochs) & state.active

    def one(carry):
        state, rows, done = carry
        state, row = epoch(setup, data, seen, state)
        return state, jax.tree.map(lambda whole, v: whole.at[done].set(v), rows, row), done + 1

    return jax.lax.while_loop(going, one, (state, rows, jnp.zeros((), jnp.int32)))


def epoch(setup: Setup, data: Split, seen: Split, state: TrainState) -> tuple[TrainState, History]:
    """One epoch on ``data.train``, then a look at ``seen``: (state, row of the history)."""
    size = data.train.x.shape[0] if setup.batch_size is None else setup.batch_size
    batches = in_memory(data.train, order_key(state.key, state.epoch), size)
    learner, steps = learning.epoch(setup, state.learner, batches, state.key, state.epoch)
    return ended(setup, state, learner, steps, watch.look(setup, seen, learner, state.epoch))


def ended(setup: Setup, state: TrainState, learner: Learner, steps: Steps, found: Any) -> tuple[TrainState, History]:
    """(state, row of the history) after an epoch from ``state`` to ``learner``, of which that was ``found``."""
    row, candidate, sound = watch.told(setup, learner, steps, found, state.epoch)
    watched = watch.noted(setup, state.watched, candidate, steps.finite, sound)
    after = TrainState(state.key, state.epoch + 1, watch.where(sound, learner, state.learner), watched)
    return whole((after, row))


def order_key(key: Array, number: Any) -> Array:
    """What the order of the examples in epoch ``number`` is drawn from."""
    return jax.random.fold_in(jax.random.fold_in(key, learning.ORDER), number)


def no_epochs(setup: Setup, data: Any, state: TrainState) -> History:
    """The history of no epoch, of the dtypes that ``data``, arrays or their shapes, will give."""
    _, rows, _ = jax.eval_shape(partial(advance_some, most=1), setup, data, state, np.int32(0))
    return jax.tree.map(lambda a: np.zeros((0,), a.dtype), rows)


def train(setup: Setup, data: Any, key: Array) -> Run:
    """The whole training as one pure function: ``start``, then ``advance`` over ``setup.epochs``."""
    state, history = advance(setup, data, start(setup, data, key), setup.epochs)
    return Run(setup, state.best.params, state.best.model_state, history, state)

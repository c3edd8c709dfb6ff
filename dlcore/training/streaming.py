"""Training on streamed examples: the numbers of ``advance``, from pieces that are read while others are trained on.

The steps, what watches and what is counted are those of a training in memory, in the same order; only where an epoch is
cut into programs differs.
"""

import functools
import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dlcore.data import Batch, Examples, Split, batch_count
from dlcore.data.batches import spread, whole
from dlcore.numerics.formats import Array, PyTree
from dlcore.training import learner as learning
from dlcore.training.devices import agreed, dealt, everywhere, here, on
from dlcore.training.door import shapes
from dlcore.training.epochs import Midway, TrainState, ended, no_epochs, start
from dlcore.training.evaluation import chunks_of, evaluate
from dlcore.training.learner import Learner, Steps, averaged
from dlcore.training.measures import measured
from dlcore.training.pieces import Piece, counted_of
from dlcore.training.reading import Reading
from dlcore.training.setup import Setup
from dlcore.training.watch import History, is_due, look, where

SECONDS = 1.0  # between two tellings of how far an epoch is


def begun(setup: Setup, state: TrainState, like: Examples, steps: int) -> Midway:
    """The epoch after ``state`` before the first of its ``steps``, on mini-batches like x [B, ...] and y [B, ...]."""
    clocked = learning.in_time(setup, steps)
    one = partial(learning.step, clocked, tell=learning.accumulates(clocked))
    _, (loss, _, norms) = jax.eval_shape(one, state.learner, Batch(*like), state.key, state.epoch)
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), norms)
    return Midway(state.learner, jnp.zeros((), jnp.int32), jnp.zeros((steps,), loss.dtype), zeros)


def stretch(setup: Setup, key: Array, number: Array, midway: Midway, piece: Piece) -> Midway:
    """The steps of epoch ``number`` on the mini-batches of ``piece``, none of which has free places."""
    steps = midway.losses.shape[0]
    clocked, every = learning.in_time(setup, steps), learning.accumulates(setup)

    def one(i, midway):
        batch = Batch(*(spread(a[i]) for a in (piece.x, piece.y)))
        learner, (loss, _, norms) = learning.step(
            clocked, midway.learner, batch, key, number * steps + midway.step, every
        )
        norms = where(norms.update > 0, norms, midway.norms) if every else ()
        return Midway(learner, midway.step + 1, midway.losses.at[midway.step].set(loss), norms)

    return whole(jax.lax.fori_loop(0, piece.count, one, midway))


def finished(setup: Setup, key: Array, number: Array, midway: Midway, last: Piece) -> tuple[Learner, Steps]:
    """The step of epoch ``number`` on its last mini-batch, and what all of them tell."""
    steps, size = midway.losses.shape[0], last.x.shape[1]
    clocked = learning.in_time(setup, steps)
    batch = Batch(*spread(jax.tree.map(lambda a: a[0], last[:3])))
    learner, (loss, real, norms) = learning.step(
        clocked, midway.learner, batch, key, number * steps + steps - 1, tell=True
    )
    losses = midway.losses.at[-1].set(loss)
    sizes = jnp.full_like(losses, size).at[-1].set(real)
    if learning.accumulates(setup):
        norms = where((norms.update > 0) | ~(midway.norms.update > 0), norms, midway.norms)
    return whole((learner, learning.steps_of(clocked, learner, losses, sizes, norms, number)))


def judged(setup: Setup, learner: Learner, examples: Examples) -> tuple[Array, dict[str, Array]]:
    """(mean loss, metrics) of ``examples`` in memory."""
    return whole(evaluate(setup, averaged(setup, learner), learner.model_state, examples))


def counted_by(setup: Setup, learner: Learner, piece: Piece) -> PyTree:
    """What is counted of each of the chunks of ``piece``, with a first axis of them."""
    return counted_of(setup, averaged(setup, learner), learner.model_state, piece)


_start, _begun = jax.jit(start), jax.jit(begun, static_argnames="steps")
_stretch, _finished, _judged, _counted_by = (jax.jit(f) for f in (stretch, finished, judged, counted_by))
_ended, _measured = jax.jit(ended), jax.jit(measured, static_argnums=3)


def initial(setup: Setup, data: Split, key: Array) -> TrainState:
    """``start`` for examples that are not there yet."""
    return _start(setup, jax.tree.map(lambda a: jnp.zeros((1, *a.shape[1:]), a.dtype), shapes(data)), key)


def state_like(setup: Setup, data: Split, key: Array, midway: bool) -> TrainState:
    """The shapes of a state of this training, at the end of an epoch or ``midway`` in one."""
    known = shapes(data)
    state, n = jax.eval_shape(start, setup, known, key), len(known.train.x)
    if not midway:
        return state
    size = setup.batch_size or n
    like = Examples(*(jax.ShapeDtypeStruct((size, *a.shape[1:]), a.dtype) for a in known.train[:2]))
    begin = partial(begun, steps=batch_count(n, size))
    return state._replace(midway=jax.eval_shape(begin, setup, state, like))


def chunks(
    setup: Setup, data: Split, state: TrainState, asked: Callable[[], bool], mesh: Mesh | None
) -> Iterator[tuple[TrainState, History]]:
    """(state, rows) about every second and after every epoch, until the training ends or somebody has ``asked`` for it.

    In between the state is ``midway`` in an epoch, and there are no rows.
    """
    step = 0 if state.midway is None else int(state.midway.step)
    reading = Reading(setup, data, state.key, int(state.epoch), step)
    nothing = no_epochs(setup, shapes(data), state)
    setup, state = everywhere((setup, state), mesh)
    with reading.pieces() as pieces:
        training = _Training(setup, reading, pieces, mesh)
        while int(state.epoch) < setup.epochs and bool(state.active):
            told, begun_at = time.perf_counter(), state
            for state in training.midway(begun_at):
                over = agreed(mesh, 1, asked())[1]
                if over or time.perf_counter() - told > SECONDS:
                    yield here(state, mesh), nothing
                    told = time.perf_counter()
                if over:
                    return
            state, row = training.end(state)
            yield here(state, mesh), jax.tree.map(lambda a: np.asarray(a)[None], here(row, mesh))


class _Training:
    """The parts of an epoch, each on the pieces that come next."""

    def __init__(self, setup: Setup, reading: Reading, pieces: Iterator[Piece], mesh: Mesh | None):
        self.setup, self.reading, self.pieces, self.mesh, self.begin = setup, reading, pieces, mesh, reading.begin
        like = shapes(reading.data).train
        size = setup.batch_size or 1
        self.like = Examples(*(jnp.zeros((size, *a.shape[1:]), a.dtype) for a in like))
        there = {name: part for name, part in reading.seen.items() if name not in reading.looks}
        self.there = everywhere(jax.tree.map(jnp.asarray, there), mesh)

    def midway(self, state: TrainState) -> Iterator[TrainState]:
        """``state`` with the epoch in hand, after every stretch of it."""
        done, midway = state._replace(midway=None), state.midway
        if midway is None:
            midway = self._run(_begun, done, self.like, steps=self.reading.steps)
        left, self.begin = len(self.reading.stretches) - self.begin, 0
        for _ in range(left):
            after = self._run(_stretch, done.key, done.epoch, midway, self._next())
            jax.block_until_ready(midway.step)  # the next piece is fetched while this one is trained on, and no more
            midway = after
            yield done._replace(midway=midway)
        if not left:
            yield done._replace(midway=midway)

    def end(self, state: TrainState) -> tuple[TrainState, History]:
        """The last step and all that is watched."""
        done = state._replace(midway=None)
        learner, steps = self._run(_finished, done.key, done.epoch, state.midway, self._next())
        found = {name: self._counted(name, learner) for name in self.reading.looks}
        if is_due(self.setup, int(done.epoch)):
            found |= {name: self._run(_judged, learner, part) for name, part in self.there.items()}
        else:
            found = everywhere(self._unseen, self.mesh)
        return self._run(_ended, done, learner, steps, found)

    def _run(self, f, *given, **static):
        with on(self.mesh):
            return f(self.setup, *given, **static)

    def _next(self):
        return dealt(next(self.pieces), self.mesh)

    def _counted(self, name, learner):
        """(mean loss, metrics) of a part from its chunks as they come."""
        part, counted = getattr(self.reading.data, name), []
        for _ in self.reading.looks[name]:
            piece = self._next()
            if not piece:  # this epoch is not looked at
                continue
            counted.append(self._run(_counted_by, learner, piece))
            jax.block_until_ready(counted[-2:-1])
        if not counted:
            return None
        count, _ = chunks_of(self.setup, len(part))
        together = jax.tree.map(lambda *a: np.concatenate(a)[:count], *jax.device_get(here(counted, self.mesh)))
        return self._run(_measured, everywhere(together, self.mesh), everywhere(self.like.y, self.mesh), len(part))

    @functools.cached_property
    def _unseen(self):
        """What is found where an epoch is not looked at."""
        data = shapes(self.reading.data)
        like = jax.eval_shape(
            look, self.setup, data, jax.eval_shape(start, self.setup, data, self.reading.key).learner, np.int32(0)
        )
        return jax.tree.map(lambda a: np.full(a.shape, np.nan, a.dtype), like)

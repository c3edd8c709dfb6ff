"""Training as pure functions: ``start``, ``advance`` and, one after the other, ``train``.

All of it is one XLA program: jit, vmap and grad apply. Failures are data: a run that meets a number that is not
finite goes back to the end of the epoch before, stays there and says when it happened.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, PyTree, at_least_f32, in_precision_of
from dlcore.data import Examples, Split, batch_indices
from dlcore.optimizers import apply_updates, at
from dlcore.pytrees import paths
from dlcore.schedules import in_steps
from dlcore.training.full_batch import as_rule
from dlcore.training.setup import Setup, metrics_of

EVALUATION_BATCH = 4096  # examples evaluated at once: bounds memory, has no influence on the numbers


class Best(NamedTuple):
    """The parameters of the epoch with the lowest validation loss."""

    params: PyTree
    model_state: PyTree
    validation_loss: Array
    epoch: Array


class TrainState(NamedTuple):
    """What the next epoch needs. ``first_nonfinite`` is the step of a diverged run's first such loss, else -1."""

    key: Array
    epoch: Array
    params: PyTree
    model_state: PyTree
    optimizer_state: PyTree
    best: Best
    reference: Array
    waited: Array
    stopped: Array
    first_nonfinite: Array

    @property
    def diverged(self) -> Array:
        """Whether a loss was not finite."""
        return self.first_nonfinite >= 0

    @property
    def active(self) -> Array:
        """Whether the run still learns: neither stopped early nor diverged."""
        return ~self.stopped & ~self.diverged


class History(NamedTuple):
    """One row per epoch, [epochs] each; rows after a run has ended are NaN.

    ``running_loss`` is the mean over the epoch's mini-batches while learning, in training mode; ``train_loss`` and
    ``validation_loss`` are taken at the end of the epoch in evaluation mode. None of them contains ``penalty``.
    ``learning_rate``, ``gradient_norm`` and ``update_ratio`` (norm of the update over that of the parameters after it)
    are those of the epoch's last step.
    """

    running_loss: Array
    train_loss: Array
    validation_loss: Array
    train_metrics: dict[str, Array]
    validation_metrics: dict[str, Array]
    penalty: Array
    learning_rate: Array
    gradient_norm: Array
    update_ratio: Array


class Run(NamedTuple):
    """The result of a training: the best parameters with their model state, the history, the last state."""

    params: PyTree
    model_state: PyTree
    history: History
    state: TrainState


def arrays(data: Any) -> Split:
    """The parts of ``data`` that a training sees, ``train`` and ``validation``, as arrays of JAX."""
    return jax.tree.map(_array, Split(Examples(*data.train), Examples(*data.validation)))


def _array(a):
    if isinstance(a, jax.Array):
        return a
    a = np.asarray(a)  # cast on the host: on the device it would be a program of its own
    return jax.device_put(a.astype(jax.dtypes.canonicalize_dtype(a.dtype)))


def start(setup: Setup, data: Any, key: Array) -> TrainState:
    """The state before the first epoch: parameters of the dtype of the inputs, initialised from ``key``."""
    x = jnp.asarray(data.train.x)
    params, model_state = setup.model.init(jax.random.fold_in(key, 0), x.shape[1:])
    params, model_state = jax.tree.map(lambda a: in_precision_of(x.dtype, a), (params, model_state))
    worst = jnp.array(jnp.inf, at_least_f32(x.dtype))
    count = jnp.zeros((), jnp.int32)
    return TrainState(
        key=key,
        epoch=count,
        params=params,
        model_state=model_state,
        optimizer_state=as_rule(setup.optimizer).init(params),
        best=Best(params, model_state, worst, count - 1),
        reference=worst,
        waited=count,
        stopped=jnp.zeros((), bool),
        first_nonfinite=count - 1,
    )


def advance(setup: Setup, data: Any, state: TrainState, epochs: int) -> tuple[TrainState, History]:
    """``epochs`` more epochs: (state, history). ``data.train`` and ``data.validation`` are x [n, ...] and y [n, ...].

    Every training example is used once an epoch, in mini-batches of a new order.
    """
    data = arrays(data)

    def epoch(state, _):
        after, row = _epoch(setup, data, state)
        # key and clock run on in runs that have ended: all runs of a sweep share one order of the examples
        still = _where(state.active, after._replace(key=()), state._replace(key=()))
        after = still._replace(key=state.key, epoch=state.epoch + 1)
        return after, jax.tree.map(lambda v: jnp.where(state.active, v, jnp.nan), row)

    return jax.lax.scan(epoch, state, length=epochs)


def train(setup: Setup, data: Any, key: Array) -> Run:
    """The whole training as one pure function: ``start``, then ``advance`` over ``setup.epochs``."""
    state, history = advance(setup, data, start(setup, data, key), setup.epochs)
    return Run(state.best.params, state.best.model_state, history, state)


def predict(setup: Setup, params: PyTree, model_state: PyTree, x: Array) -> Array:
    """The outputs of the model for x [n, ...] in evaluation mode."""
    return setup.model.apply(params, model_state, x, key=None, train=False)[0]


def evaluate(setup: Setup, params: PyTree, model_state: PyTree, examples: Examples) -> tuple[Array, dict[str, Array]]:
    """(mean loss, mean of each metric by name) over ``examples`` in evaluation mode."""
    examples = jax.tree.map(_array, Examples(*examples))
    n = examples.x.shape[0]
    metrics = metrics_of(setup, examples.y)

    def totals(x, y):
        outputs = predict(setup, params, model_state, x)
        values = {"": setup.loss(outputs, y)} | {name: metric(outputs, y) for name, metric in metrics.items()}
        return jax.tree.map(lambda v: jnp.sum(_wide(v), 0), values)

    whole, rest = divmod(n, EVALUATION_BATCH)
    sums = totals(*(a[n - rest :] for a in examples)) if rest else None
    if whole:
        chunks = [a[: n - rest].reshape(whole, EVALUATION_BATCH, *a.shape[1:]) for a in examples]
        in_chunks = jax.tree.map(lambda v: jnp.sum(v, 0), jax.lax.map(lambda xy: totals(*xy), chunks))
        sums = in_chunks if sums is None else jax.tree.map(jnp.add, sums, in_chunks)
    means = jax.tree.map(lambda v: v / n, sums)
    return means.pop(""), means


def _epoch(setup, data, state):
    n = data.train.x.shape[0]
    batch_size = n if setup.batch_size is None else setup.batch_size
    indices, mask = batch_indices(jax.random.fold_in(jax.random.fold_in(state.key, 1), state.epoch), n, batch_size)
    steps = indices.shape[0]
    setup = _ready(setup, steps)
    noise = jax.random.fold_in(state.key, 2)

    def step(carry, batch, last):
        i, chosen, weights = batch
        examples = Examples(data.train.x[chosen], data.train.y[chosen])
        key = jax.random.fold_in(noise, state.epoch * steps + i)
        return _step(setup, carry, examples, weights, key, last)

    carry = (state.params, state.model_state, state.optimizer_state)
    batches = (jnp.arange(steps, dtype=jnp.int32), indices, mask)
    most, end = jax.tree.map(lambda a: a[:-1], batches), jax.tree.map(lambda a: a[-1], batches)
    # The last step is a program part of its own, for the norms: in the loop, updates would be written out every time.
    earlier = []
    if steps > 1:
        carry, losses = jax.lax.scan(partial(step, last=False), carry, most)
        earlier.append(losses)
    carry, (loss, norms) = step(carry, end, last=True)
    losses = jnp.concatenate([*earlier, loss[None]])
    row = _row(setup, data, carry, losses, norms, mask, at_step=(state.epoch + 1) * steps - 1)
    return _end_of_epoch(setup, state, carry, losses, row), row


def _step(setup, carry, examples, weights, key, last):
    """The carry after one step, and its loss; of the ``last`` step also (norms of gradient, update, parameters)."""
    params, model_state, optimizer_state = carry
    point = setup.optimizer.evaluation_point(params, optimizer_state)

    def objective(p):
        outputs, after = setup.model.apply(p, model_state, examples.x, key=key, train=True)
        losses = _wide(setup.loss(outputs, examples.y))
        loss = jnp.sum(jnp.where(weights, losses, 0)) / jnp.sum(weights, dtype=losses.dtype)
        return loss + _penalty(setup, p), (loss, after)

    grads, (loss, model_state) = jax.grad(objective, has_aux=True)(point)
    updates, optimizer_state = setup.optimizer.update(
        grads, optimizer_state, params, objective=lambda p: objective(p)[0]
    )
    after = apply_updates(params, updates)
    norms = (_norm(grads), _norm(updates), _norm(after))
    return (after, model_state, optimizer_state), (loss, norms) if last else loss


def _row(setup, data, carry, losses, norms, mask, at_step):
    params, model_state, _ = carry
    train_loss, train_metrics = evaluate(setup, params, model_state, data.train)
    validation_loss, validation_metrics = evaluate(setup, params, model_state, data.validation)
    gradient_norm, update_norm, parameter_norm = norms
    sizes = jnp.sum(mask, 1, dtype=losses.dtype)
    return History(
        running_loss=jnp.sum(losses * sizes) / jnp.sum(sizes),
        train_loss=train_loss,
        validation_loss=validation_loss,
        train_metrics=train_metrics,
        validation_metrics=validation_metrics,
        penalty=jnp.asarray(_penalty(setup, params), losses.dtype),
        learning_rate=_learning_rate(setup.optimizer, at_step, losses.dtype),
        gradient_norm=gradient_norm,
        update_ratio=update_norm / jnp.where(parameter_norm > 0, parameter_norm, 1),
    )


def _end_of_epoch(setup, state, carry, losses, row):
    steps = losses.shape[0]
    finite = jnp.isfinite(losses)
    sound = jnp.all(finite) & jnp.isfinite(row.train_loss) & jnp.isfinite(row.validation_loss)
    first = state.epoch * steps + jnp.where(jnp.all(finite), steps - 1, jnp.argmin(finite)).astype(jnp.int32)
    before = (state.params, state.model_state, state.optimizer_state)
    params, model_state, optimizer_state = _where(sound, carry, before)
    loss = row.validation_loss.astype(state.reference.dtype)
    better = sound & (loss < state.best.validation_loss)
    best = _where(better, Best(params, model_state, loss, state.epoch), state.best)
    reference, waited, stopped = _stopping(setup.stopping, state, loss)
    return TrainState(
        key=state.key,
        epoch=state.epoch + 1,
        params=params,
        model_state=model_state,
        optimizer_state=optimizer_state,
        best=best,
        reference=reference,
        waited=waited,
        stopped=stopped,
        first_nonfinite=jnp.where(sound, state.first_nonfinite, first),
    )


def _stopping(stopping, state, loss):
    if stopping is None:
        return state.reference, state.waited, state.stopped
    min_delta, patience = (jnp.asarray(v, loss.dtype) for v in (stopping.min_delta, stopping.patience))
    improved = loss < state.reference - min_delta
    reference = jnp.where(improved, loss, state.reference)
    waited = jnp.where(improved, 0, state.waited + 1)
    return reference, waited, state.stopped | (waited.astype(loss.dtype) >= patience)


def _ready(setup, steps_per_epoch):
    """``setup`` with schedules that count in steps and a solver as a rule."""
    optimizer = in_steps(as_rule(setup.optimizer), steps_per_epoch, steps_per_epoch * setup.epochs)
    return dataclasses.replace(setup, optimizer=optimizer)


def _penalty(setup, params):
    return 0.0 if setup.penalty is None else setup.penalty(params)


def _learning_rate(optimizer, step, dtype):
    places = paths(at(optimizer, jnp.asarray(step, float)))
    rates = [value for path, value in places.items() if path.rpartition(".")[2] == "learning_rate"]
    return jnp.asarray(rates[-1] if rates else jnp.nan, dtype)


def _where(condition, new, old):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _norm(tree):
    return jnp.sqrt(sum(jnp.sum(jnp.square(jnp.abs(_wide(x)))) for x in jax.tree.leaves(tree)))


def _wide(x):
    return x.astype(at_least_f32(x.dtype))

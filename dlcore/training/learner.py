"""What learns: one step on a mini-batch, and one epoch of them. Nothing here knows how it is judged."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.data import Batch, Batches
from dlcore.layers.augmentation import mixup
from dlcore.losses.labels import distributions
from dlcore.numerics.formats import Array, PyTree, at_least_f32, in_precision_of
from dlcore.optimizers import MultiSteps, apply_updates, at, learning_rate_of, start_slots
from dlcore.schedules import in_steps
from dlcore.training.forward import mean_over, outputs_of, per_example, weighed
from dlcore.training.full_batch import FullBatch, as_rule
from dlcore.training.setup import Setup
from dlcore.tree.names import children

ORDER, NOISE, AUGMENTATION, MIXING, WATCHED = 1, 2, 3, 4, 5  # streams of random numbers; the parameters' is 0


class Learner(NamedTuple):
    """What a step changes."""

    params: PyTree
    model_state: PyTree
    optimizer_state: PyTree


class Steps(NamedTuple):
    """What the steps of an epoch tell: whether each loss was finite, their mean over the examples; of the last step
    the learning rate, the norms of the gradient, of the update and of the parameters after it."""

    finite: Array
    running_loss: Array
    learning_rate: Array
    norms: "Norms"


class Norms(NamedTuple):
    """Euclidean norms of one step."""

    gradient: Array
    update: Array
    params: Array


def beginner(setup: Setup, key: Array, x: Array) -> Learner:
    """The learner before its first step on inputs like x [n, ...]: parameters from ``key``, of the dtype of ``x``.

    Where ``x`` holds whole numbers, of the usual floating type.
    """
    dtype = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.result_type(float)
    made = setup.model.init(jax.random.fold_in(key, 0), x.shape[1:])
    return taught(setup, *jax.tree.map(partial(in_precision_of, dtype), made))


def taught(setup: Setup, params: PyTree, model_state: PyTree) -> Learner:
    """The learner that goes on from these parameters, its optimizer at rest."""
    return Learner(params, model_state, start_slots(as_rule(setup.optimizer), params))


def averaged(setup: Setup, learner: Learner) -> PyTree:
    """The parameters to judge and to keep: those that the optimizer averages, ``EMA``, where it does, else the last."""
    params = as_rule(setup.optimizer).averaged(learner.params, learner.optimizer_state)
    return params if setup.projection is None else setup.projection(params)


def in_time(setup: Setup, steps_per_epoch: int) -> Setup:
    """``setup`` with schedules that count in steps and a solver as a rule."""
    optimizer = in_steps(as_rule(setup.optimizer), steps_per_epoch, steps_per_epoch * setup.epochs)
    return dataclasses.replace(setup, optimizer=optimizer)


def epoch(setup: Setup, learner: Learner, batches: Batches, key: Array, number: Array) -> tuple[Learner, Steps]:
    """Every batch once. ``number`` is that of the epoch, from 0; with it ``key`` gives every step its own."""
    count = batches.count
    setup, every = in_time(setup, count), accumulates(setup)

    def step_at(learner, numbered, tell):
        i, place = numbered
        return step(setup, learner, batches.draw(place), key, number * count + i, tell)

    i = jnp.arange(count, dtype=jnp.int32)
    told = []
    if count > 1:
        learner, earlier = jax.lax.scan(partial(step_at, tell=every), learner, (i[:-1], batches.places))
        told.append(earlier)
    # The last step is a program part of its own, for the norms: in the loop, updates would be written out every time.
    learner, end = step_at(learner, (i[-1], batches.last), tell=True)
    losses, sizes = (jnp.concatenate([*(part[j] for part in told), end[j][None]]) for j in (0, 1))
    norms = _last_real([part[2] for part in told], end[2]) if every else end[2]
    return learner, steps_of(setup, learner, losses, sizes, norms, number)


def accumulates(setup: Setup) -> bool:
    """Whether updates are 0 in most steps: then the norms of the last real one are wanted, hence all."""
    return any(isinstance(node, MultiSteps) for node in _nodes(setup.optimizer))


def steps_of(setup: Setup, learner: Learner, losses: Array, sizes: Array, norms: Norms, number: Array) -> Steps:
    """What the steps of epoch ``number`` tell, of the loss [count] and the number of examples [count] of each.

    ``setup`` is ``in_time`` and ``learner`` as the last step left it.
    """
    count = losses.shape[0]
    rule = at(setup.optimizer, (number * count + count - 1).astype(float))
    rate = jnp.asarray(learning_rate_of(rule, learner.optimizer_state), losses.dtype)
    return Steps(jnp.isfinite(losses), jnp.sum(losses * sizes) / jnp.sum(sizes), rate, norms)


def step(
    setup: Setup, learner: Learner, batch: Batch, key: Array, t: Array, tell: bool
) -> tuple[Learner, tuple[Array, Array, Any]]:
    """(learner, (loss, number of examples, ``Norms`` if ``tell``)) after the step ``t``, from 0, on ``batch``."""
    params, model_state, slots = learner
    time = t.astype(float)
    rule = at(setup.optimizer, time)
    point = rule.look_ahead_tree(params, slots, time + 1)
    objective = objective_of(setup, learner, batch, key, t)
    if isinstance(rule, FullBatch):  # it takes the gradients that it needs
        grads, (loss, model_state) = None, objective(point)[1]
    else:
        grads, (loss, model_state) = jax.grad(objective, has_aux=True)(point)
    updates, slots = rule.step_tree(grads, slots, params, time + 1, objective=lambda p: objective(p)[0])
    after = apply_updates(params, updates)
    after = after if setup.projection is None else setup.projection(after)
    size = jnp.asarray(batch.x.shape[0] if batch.counts is None else jnp.sum(batch.counts), loss.dtype)
    gradient = slots.gradient if grads is None else grads
    norms = Norms(norm(gradient), norm(updates), norm(after)) if tell else ()
    return Learner(after, model_state, slots), (loss, size, norms)


def objective_of(setup: Setup, learner: Learner, batch: Batch, key: Array, t: Array) -> Callable[[PyTree], Any]:
    """What the step ``t`` on ``batch`` lowers: of parameters (loss + penalty, (loss, model state after))."""
    x, y, weights = _disturbed(setup, learner, batch, key, t)
    noise = _key(key, NOISE, t)

    def objective(p):
        outputs, after = outputs_of(setup, p, learner.model_state, x, key=noise, train=True)
        loss = mean_over(weighed(per_example("loss", setup.loss, outputs, y), weights), batch.counts)
        return loss + penalty(setup, p), (loss, after)

    return objective


def _disturbed(setup, learner, batch, key, t):
    """Inputs, labels and weights of ``batch``, augmented and mixed: what is mixed of two has of each its share."""
    x, y, weights = batch.x, batch.y, batch.weights
    if setup.augment is not None:
        x = setup.augment(_key(key, AUGMENTATION, t), x)
    if setup.mix is None:
        return x, y, weights
    outputs = jax.eval_shape(
        lambda: outputs_of(setup, learner.params, learner.model_state, x, key=None, train=False)[0]
    )
    mixing, alpha = _key(key, MIXING, t), setup.mix.alpha
    weights = weights if weights is None else mixup(mixing, x, weights, alpha)[1]
    return *mixup(mixing, x, _soft(y, outputs), alpha), weights


def _soft(y, outputs):
    """Labels that can be mixed: whole numbers as distributions over the classes, or as the yes or no that they are."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        return y
    if y.size == outputs.size:
        return y.astype(outputs.dtype)
    return distributions(jnp.zeros(outputs.shape, outputs.dtype), y)


def _key(key, stream, t):
    return jax.random.fold_in(jax.random.fold_in(key, stream), t)


def penalty(setup: Setup, params: PyTree) -> Any:
    """What is added to the loss: the sum of the setup's penalties."""
    terms = setup.penalty if isinstance(setup.penalty, tuple) else (setup.penalty,)
    return sum((term(params) for term in terms if term is not None), 0.0)


def _last_real(earlier, end):
    """The norms of the last step whose update moved anything; those of the end where none did."""
    stacked = jax.tree.map(lambda *parts: jnp.concatenate(parts), *earlier, jax.tree.map(lambda a: a[None], end))
    steps = stacked.update.shape[0]
    last = jnp.max(jnp.where(stacked.update > 0, jnp.arange(steps), -1))
    return jax.tree.map(lambda a: a[last], stacked)


def _nodes(tree):
    """``tree`` and every hyperparameter object below it."""
    yield tree
    for child in children(tree).values():
        yield from _nodes(child)


def norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together, in at least float32."""
    leaves = [leaf.astype(at_least_f32(leaf.dtype)) for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(jnp.sum(jnp.square(jnp.abs(leaf))) for leaf in leaves))

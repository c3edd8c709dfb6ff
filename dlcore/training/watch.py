"""What watches: the history, the best parameters so far, early stopping and the end of a run that diverged."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.data import Padded, Split, permutation_of_first, taken
from dlcore.numerics.formats import Array, PyTree, at_least_f32
from dlcore.training.evaluation import evaluate
from dlcore.training.forward import precision_of
from dlcore.training.learner import WATCHED, Learner, Steps, averaged, penalty
from dlcore.training.metrics import criterion_of
from dlcore.training.setup import Setup


class Best(NamedTuple):
    """The parameters of the epoch with the lowest validation loss, or of lowest ``cost`` where ``watch.by`` says so.

    The cost is that metric, or minus it where larger is better.
    """

    params: PyTree
    model_state: PyTree
    validation_loss: Array
    epoch: Array
    cost: Any = None

    @property
    def judged(self) -> Array:
        """What it is the lowest of."""
        return self.validation_loss if self.cost is None else self.cost


class Watched(NamedTuple):
    """What watches remembers: the best, what it was judged by to improve on and for how many epochs it was not.

    ``first_nonfinite`` is the step of a diverged run's first loss that was not finite, else -1.
    """

    best: Best
    reference: Array
    waited: Array
    stopped: Array
    first_nonfinite: Array


class History(NamedTuple):
    """One row per epoch, [epochs] each; rows after a run has ended are NaN.

    ``running_loss`` is the mean over the epoch's mini-batches while learning, in training mode; ``train_loss`` and
    ``validation_loss`` are taken at the end of the epoch in evaluation mode, where ``setup.watch`` looks, else NaN.
    None of them contains ``penalty``. ``learning_rate`` and ``gradient_norm`` are those of the epoch's last step,
    ``update_ratio`` (norm of the update over that of the parameters after it) of the last that moved anything.
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


Found = dict[str, tuple[Array, dict[str, Array]]]  # the mean loss and the metrics of a part by its name


def fresh(setup: Setup, learner: Learner) -> Watched:
    """Nothing seen yet: the first parameters are the best, of an infinite loss."""
    worst = jnp.array(jnp.inf, at_least_f32(precision_of(learner.params)))
    count = jnp.zeros((), jnp.int32)
    cost = None if setup.watch.by is None else worst
    best = Best(averaged(setup, learner), learner.model_state, worst, count - 1, cost)
    return Watched(best, worst, count, jnp.zeros((), bool), count - 1)


def looked_at(setup: Setup, data: Split, key: Array) -> Split:
    """The examples that are evaluated: all for validation and, of those for training, what ``setup.watch`` says."""
    train = data.train
    real = (train.n,) if isinstance(train, Padded) else ()
    chosen = sample(setup, key, train.x.shape[0], *real)
    if chosen is None:
        return data
    if not real:
        return Split(taken(train, chosen), data.validation)
    seen = jax.tree.map(lambda a: a[chosen], train._replace(n=None))
    return Split(seen._replace(n=jnp.minimum(chosen.shape[0], train.n)), data.validation)


def sample(setup: Setup, key: Array, n: int, *count: Array) -> Array | None:
    """Which of n training examples, of which the first ``count`` count, are evaluated; None for all of them."""
    some = setup.watch.training
    if not isinstance(some, int) or some >= n:
        return None
    key = jax.random.fold_in(key, WATCHED)
    return (permutation_of_first(key, n, *count) if count else jax.random.permutation(key, n))[:some]


def parts_of(setup: Setup, seen: Split) -> dict[str, Any]:
    """The parts that are evaluated, by the names of the history."""
    training = {} if setup.watch.training is None else {"train": seen.train}
    return {"validation": seen.validation} | training


def look(setup: Setup, seen: Split, learner: Learner, number: Array) -> Found:
    """After epoch ``number``, from 0: (mean loss, metrics) of each part; NaN where this epoch is not looked at."""
    params, parts = averaged(setup, learner), parts_of(setup, seen)

    def judge():
        return {name: evaluate(setup, params, learner.model_state, examples) for name, examples in parts.items()}

    due = is_due(setup, number)
    return judge() if due is True else jax.lax.cond(due, judge, lambda: _nothing(judge))


def told(setup: Setup, learner: Learner, steps: Steps, found: Found, number: Array) -> tuple[History, Best, Array]:
    """Of an epoch and what was ``found`` after it: (row of the history, candidate for the best, was all finite?).

    The validation loss of a candidate that was not looked at is NaN.
    """
    params, due = averaged(setup, learner), is_due(setup, number)
    sound = jnp.all(steps.finite)
    for loss, _ in found.values():
        sound &= jnp.isfinite(loss) if due is True else jnp.isfinite(loss) | ~due
    loss, metrics = found["validation"]
    train_loss, train_metrics = found.get("train", (jnp.full_like(loss, jnp.nan), {}))
    norms = steps.norms
    row = History(
        running_loss=steps.running_loss,
        train_loss=train_loss,
        validation_loss=loss,
        train_metrics=train_metrics,
        validation_metrics=metrics,
        penalty=jnp.asarray(penalty(setup, params), steps.running_loss.dtype),
        learning_rate=steps.learning_rate,
        gradient_norm=norms.gradient,
        update_ratio=norms.update / jnp.where(norms.params > 0, norms.params, 1),
    )
    by = criterion_of(setup.watch.by)
    cost = None if by.name is None else by.cost(by.values(loss, metrics))
    return row, Best(params, learner.model_state, loss, number, cost), sound


def is_due(setup: Setup, number: Any) -> Any:
    """Whether to evaluate after epoch ``number``, from 0."""
    if setup.watch.every == 1:
        return True
    return ((number + 1) % setup.watch.every == 0) | (number + 1 == setup.epochs)


def _nothing(judge):
    return jax.tree.map(lambda a: jnp.full(a.shape, jnp.nan, a.dtype), jax.eval_shape(judge))


def noted(setup: Setup, watched: Watched, candidate: Best, finite: Array, sound: Array) -> Watched:
    """``watched`` after an epoch: the better of two, stopping, and where it was not ``sound`` the first step to blame.

    ``finite`` [steps] says which losses of the epoch were.
    """
    candidate = jax.tree.map(lambda new, old: new.astype(old.dtype), candidate, watched.best)
    best = where(sound & (candidate.judged < watched.best.judged), candidate, watched.best)
    count = finite.shape[0]
    bad = candidate.epoch * count + jnp.where(jnp.all(finite), count - 1, jnp.argmin(finite)).astype(jnp.int32)
    first = jnp.where(sound, watched.first_nonfinite, bad)
    watched = watched._replace(best=best, first_nonfinite=first)
    return watched if setup.stopping is None else _stopping(setup.stopping, watched, candidate.judged)


def _stopping(stopping, watched, cost):
    """An epoch that was not looked at, whose cost is NaN, makes the wait longer and never ends it."""
    min_delta, patience = (jnp.asarray(v, cost.dtype) for v in (stopping.min_delta, stopping.patience))
    improved = cost < watched.reference - min_delta
    waited = jnp.where(improved, 0, watched.waited + 1)
    over = ~jnp.isnan(cost) & (waited.astype(cost.dtype) >= patience)
    return watched._replace(
        reference=jnp.where(improved, cost, watched.reference), waited=waited, stopped=watched.stopped | over
    )


def where(condition: Array, new: PyTree, old: PyTree) -> PyTree:
    """The one tree or the other."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)

"""``probe``: a training, fresh or finished, in numbers: its loss, its outputs, its layers before and after."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import taken, weights_of
from dlcore.diagnosis.contract import LossTrial, Outputs, given, tried
from dlcore.diagnosis.histograms import Histograms, histograms_of
from dlcore.diagnosis.walk import Layers, at_place, layers_at, parts_of, walked
from dlcore.numerics.formats import Array
from dlcore.training import Run, arrays, as_arrays, evaluate, predict
from dlcore.training.forward import per_example
from dlcore.training.learner import averaged, beginner, norm
from dlcore.tree.fields import hyperparams, static

_EXAMPLES, _BATCH = 2048, 256  # that are looked at: for outputs, for layers


@hyperparams
class Probe:
    """What the rules on a training look at; arrays alone, of several members each with a first axis.

    ``layers`` [2, parts] are those before the first step and after the last, ``histograms`` how their values are
    spread, ``moved`` the norm of the difference of the parameters, ``state_moved`` that of their states [parts];
    ``kinds`` says what they are, ``weighted`` and ``stateful`` which have parameters and states. ``place`` and
    ``company``: by how much an output in evaluation mode depends on where its example stands in the batch, and on which
    others are there, in standard deviations of the outputs. ``initial``: the training loss before the first step;
    ``validation_error``: the standard error of the last validation loss.
    ``constant``: that of the best constant prediction, as logarithm of probabilities and as probabilities, or twice
    that of the mean target. ``needs``: the least and the greatest target of a regression.
    """

    loss: LossTrial
    train: Outputs
    validation: Outputs
    layers: Layers
    histograms: Histograms
    moved: Any
    state_moved: Any
    place: Any
    company: Any
    initial: Any
    validation_error: Any
    constant: Any
    needs: Any
    learning_rate: Any
    train_loss: Any
    running_loss: Any
    update_ratio: Any
    epochs: Any
    names: tuple[str, ...] = static()
    kinds: tuple[str, ...] = static()
    weighted: tuple[bool, ...] = static()
    stateful: tuple[bool, ...] = static()

    @property
    def members(self) -> "list[Probe]":
        """That of every member; of a single training itself."""
        shape = np.shape(self.epochs)
        return [jax.tree.map(lambda a, i=i: a[i], self) for i in range(shape[0])] if shape else [self]


def probe(run: Run, data: Any) -> Probe:
    """Measure ``run``, of several members each by itself, on ``data`` as ``fit`` takes them, in one program.

    Looked at are the last parameters, not the best: which those are, faulty validation data would say. The layers
    before the first step are made again from the run's key. Where a run began at other parameters
    (``start_from``), the first are those that its setup would have begun with.
    """
    data = arrays(data)
    parts = [_first_of(part) for part in (data.train, data.validation)]
    what = as_arrays(run.setup), run.state.learner, run.inputs, run.state.key, run.history, run.state.epoch
    return _program(run.members is not None, jax.default_backend())(*what, *parts)


def sound_members(run: Run, measured: Probe) -> list[Probe]:
    """What was measured of the members that did not diverge; of all where all did."""
    diverged = np.atleast_1d(jax.device_get(run.state.diverged))
    sound = [one for one, lost in zip(measured.members, diverged, strict=True) if not lost]
    return sound or measured.members


def _first_of(part):
    """The first examples that count."""
    weights = weights_of(part)
    if weights is None:
        return taken(part, slice(_EXAMPLES))
    return taken(part, np.flatnonzero(np.asarray(weights))[:_EXAMPLES])


@functools.cache
def _program(members, platform):
    """It runs once and for a moment: on the CPU a quick compilation saves more than it costs."""
    f = jax.vmap(_measure, (0, 0, 0, 0, 0, 0, None, None)) if members else _measure
    return jax.jit(f, compiler_options={"xla_backend_optimization_level": 0} if platform == "cpu" else None)


def _measure(setup, learner, inputs, key, history, epoch, train, validation):
    if inputs is not None:
        train, validation = (part._replace(x=inputs(part.x)) for part in (train, validation))
    (x, y), weights = train[:2], weights_of(train)
    first, params, model_state = beginner(setup, key, x), averaged(setup, learner), learner.model_state
    parts, batch = parts_of(setup.model), (x[:_BATCH], y[:_BATCH], jax.random.fold_in(key, 0))
    outputs, seen = (predict(setup, params, model_state, part.x) for part in (train, validation))
    some = (params, model_state), (first.params, first.model_state)
    both = _stacked(first[:2], (params, model_state))
    walks = jax.vmap(lambda p, s: walked(setup, p, s, *batch))(*both)
    (own, states), (old, old_states) = ([[at_place(tree, p.place) for p in parts] for tree in pair] for pair in some)
    return Probe(
        loss=tried(setup, outputs, y),
        train=given(outputs, y),
        validation=given(seen, validation.y),
        layers=jax.vmap(lambda p, s, walk: layers_at(setup, p, s, walk))(both[0], both[1], walks),
        histograms=histograms_of(walks),
        moved=_distances(own, old),
        state_moved=_distances(states, old_states),
        **_dependence(setup, params, model_state, batch[0]),
        validation_error=_error(per_example("loss", setup.loss, seen, validation.y), weights_of(validation)),
        initial=evaluate(setup, first.params, first.model_state, train)[0],
        constant=_constant(setup, outputs, y, weights),
        needs=jnp.stack([jnp.min(y), jnp.max(y)]).astype(outputs.dtype),
        learning_rate=history.learning_rate,
        train_loss=history.train_loss,
        running_loss=history.running_loss,
        update_ratio=history.update_ratio,
        epochs=epoch,
        names=tuple(part.name for part in parts),
        kinds=tuple(part.kind for part in parts),
        weighted=tuple(bool(jax.tree.leaves(one)) for one in own),
        stateful=tuple(bool(jax.tree.leaves(one)) for one in states),
    )


def _average(values, weights):
    """The mean over the examples, by weight where they have one."""
    return jnp.average(values, 0, None if weights is None else weights.astype(values.dtype))


def _error(losses, weights):
    """The standard error of the mean of independent losses, by weight where they have one."""
    w = jnp.ones_like(losses) if weights is None else weights.astype(losses.dtype)
    return jnp.sqrt(jnp.sum(jnp.square(w * (losses - _average(losses, weights))))) / jnp.sum(w)


def _distances(new: list[Any], old: list[Any]) -> Array:
    return jnp.stack(
        [jnp.asarray(norm(jax.tree.map(jnp.subtract, *pair)), float) for pair in zip(new, old, strict=True)]
    )


def _stacked(one, other):
    return jax.tree.map(lambda a, b: jnp.stack([a, b]), one, other)


def _dependence(setup, params, model_state, x):
    def outputs(x):
        return predict(setup, params, model_state, x)

    whole, half = outputs(x), max(len(x) // 2, 1)
    unit = jnp.std(whole) + jnp.finfo(whole.dtype).tiny
    moved = jnp.flip(outputs(jnp.flip(x, 0)), 0) - whole, outputs(x[:half]) - whole[:half]
    return dict(zip(("place", "company"), [jnp.max(jnp.abs(m)) / unit for m in moved], strict=True))


def _constant(setup, outputs, y, weights):
    """Training loss [2] of the best constant prediction, said in two ways."""
    one = outputs.shape[1:] in ((), (1,))
    if not jnp.issubdtype(y.dtype, jnp.integer):
        same = jnp.broadcast_to(_average(y, weights), y.shape).astype(outputs.dtype)
        said = [same.reshape(outputs.shape)] * 2 if same.size == outputs.size else []
    elif one:
        q = _average((y.reshape(-1) > 0).astype(outputs.dtype), weights)
        said = [jnp.full(outputs.shape, v, outputs.dtype) for v in (jnp.log(q) - jnp.log1p(-q), q)]
    else:
        which = y.reshape(len(y), -1, 1) == jnp.arange(outputs.shape[-1], dtype=y.dtype)[None, None]
        shares = _average(jnp.mean(which.astype(outputs.dtype), 1), weights)
        logs = jnp.log(jnp.maximum(shares, jnp.finfo(shares.dtype).tiny))
        said = [jnp.broadcast_to(v, outputs.shape) for v in (logs, shares)]
    means = [_average(per_example("loss", setup.loss, v, y), weights) for v in said]
    return jnp.stack(means) if means else jnp.full(2, np.nan)

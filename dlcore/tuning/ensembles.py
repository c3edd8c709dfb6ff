r"""Ensembles: several trainings of one setup as one compiled program, and the average of what they predict.

The mean probability $\bar p = \frac1m \sum_i p_i$ never has a higher cross entropy than the members have on average:
$-\ln \bar p \le -\frac1m \sum_i \ln p_i$ (Jensen). Members that diverged have no vote; where all did, averages are NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.activations import log_softmax, softmax
from dlcore.numerics.errors import check_count, needed
from dlcore.numerics.formats import Array, at_least_f32
from dlcore.training import Run, Setup, arrays
from dlcore.training.checks import check_key
from dlcore.training.run import outputs
from dlcore.tuning.calls import Chunk, Job, run
from dlcore.tuning.known import Resting, Row, Stream
from dlcore.tuning.rows import groups_of, words_of
from dlcore.tuning.spaces import Assignment, setups_of


def train_ensemble(
    setup: Setup,
    data: Any,
    key: Array,
    members: int = 5,
    space: Sequence[Assignment] = ({},),
    *,
    width: int | None = None,
    devices: Sequence[Any] | None = None,
    watch: Callable[[Chunk], None] | None = None,
) -> Run:
    """Train ``members`` models as rows of one program: a run with a first axis of members on every leaf.

    Member i is ``train(assign(setup, space[i % len(space)]), data, jax.random.fold_in(key, i))``: seeds alone unless a
    ``space`` of numbers is given, such as the best few configurations of a sweep. Raises ValueError or TypeError for
    assignments that change more than numbers and for a setup that does not fit the data.
    """
    check_count("train_ensemble: members", members)
    if not space:
        raise ValueError(needed("train_ensemble: space", "at least one assignment", "none", "to leave it out"))
    check_key(key)
    data, devices = arrays(data), tuple(devices or jax.local_devices())
    setups = setups_of(setup, space[:members], data)
    rows = [Row(i % len(setups), Stream(i)) for i in range(members)]
    groups = groups_of(setups, rows, key, devices=devices, width=width)
    if len(groups) > 1:
        got = f"{len(groups)} structures"
        raise ValueError(needed("train_ensemble", "assignments of numbers", got, "an ensemble of each structure"))
    found: dict[Row, Resting] = {}
    for finished in run(Job(0, groups[0], setup.epochs), data, devices=devices, watch=watch):
        found |= finished.resting()
    return ensemble_of(setups, rows, found, key)


def ensemble_of(
    setups: Sequence[Setup] | Mapping[int, Setup],
    rows: Sequence[Row],
    found: Mapping[Row, Resting],
    key: Array,
    inputs: Sequence[Any] = (),
) -> Run:
    """The ``rows`` that ``run`` has found, with the ``key`` that it was given, as members in that order.

    ``inputs`` are what is done to every x before a model sees it, one for each fold.
    """
    members = [(setups[row.setup], found[row].found.history, found[row].state) for row in rows]
    epochs = np.array([found[row].epoch for row in rows], np.int32)
    words = np.stack([words_of(key, row.stream.seed) for row in rows])
    keys = jax.random.wrap_key_data(jax.device_put(words), impl=jax.random.key_impl(key))
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    setup, history, state = jax.device_put(stacked)
    state = state._replace(key=keys, epoch=jax.device_put(epochs))
    scaled = [inputs[row.stream.fold] for row in rows] if inputs else [None]
    shared = jax.tree.map(lambda *leaves: jnp.stack(list(map(jnp.asarray, leaves))), *scaled)
    return Run(setup, state.best.params, state.best.model_state, history, state, shared)


def member_outputs(ensemble: Run, x: Array) -> Array:
    """What every member, diverged ones too, gives for x [n, ...] in evaluation mode: [members, n, ...]."""
    return outputs(ensemble, x)


def ensemble_mean(ensemble: Run, x: Array, of: Callable[[Array], Array] | None = None) -> Array:
    r"""$\frac1m \sum_i f_i(x)$ over the sound members, x [n, ...] -> [n, ...]: the prediction in regression.

    With ``of`` the mean of that function of the outputs, such as ``sigmoid`` where they are logits of yes or no.
    """
    outputs = member_outputs(ensemble, x)
    return mean_of_members(outputs if of is None else of(outputs), ~ensemble.state.diverged)


def ensemble_probabilities(ensemble: Run, x: Array) -> Array:
    r"""$\frac1m \sum_i \operatorname{softmax} s_i(x)$ over the sound members: x [n, ...] -> [n, ..., c]."""
    return ensemble_mean(ensemble, x, softmax)


def ensemble_log_probabilities(ensemble: Run, x: Array) -> Array:
    r"""$\ln \frac1m \sum_i \operatorname{softmax} s_i(x)$, by the log-sum-exp: finite where a probability rounds to 0.

    x [n, ...] -> [n, ..., c]. They are logits of their own probabilities: a loss on logits takes them.
    """
    return log_mean_softmax(member_outputs(ensemble, x), ~ensemble.state.diverged)


def mean_of_members(values: Array, sound: Array) -> Array:
    """The mean of values [members, n, ...] over the members that are ``sound`` [members]: [n, ...]; NaN for none."""
    wide = values.astype(at_least_f32(values.dtype))
    voting, count = _voting(sound, wide)
    return (jnp.sum(jnp.where(voting, wide, 0), 0) / count).astype(values.dtype)


def log_mean_softmax(logits: Array, sound: Array) -> Array:
    """The logarithm of the mean of softmax over the ``sound`` [members] of logits [members, n, ..., c]: [n, ..., c]."""
    logs = log_softmax(logits.astype(at_least_f32(logits.dtype)))
    voting, count = _voting(sound, logs)
    voices = jnp.broadcast_to(jnp.where(voting, 0, -jnp.inf).astype(logs.dtype), logs.shape)
    mean = jax.nn.logsumexp(jnp.where(voting, logs, 0) + voices, axis=0) - jnp.log(count)
    return mean.astype(logits.dtype)


def _voting(sound, values):
    """Which members vote, [members, 1, ...] beside values [members, n, ...], and how many; NaN for none."""
    count = jnp.sum(sound, dtype=values.dtype)
    return sound.reshape((-1,) + (1,) * (values.ndim - 1)), jnp.where(count > 0, count, jnp.nan)

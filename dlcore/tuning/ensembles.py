r"""Ensembles: several trainings of one setup as one compiled program, and the average of what they predict.

The mean probability $\bar p = \frac1m \sum_i p_i$ never has a higher cross entropy than the members have on average:
$-\ln \bar p \le -\frac1m \sum_i \ln p_i$ (Jensen). Members that diverged have no vote; where all did, averages are NaN.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.activations import log_softmax, softmax
from dlcore.contracts import Array, PyTree, at_least_f32
from dlcore.training import History, Setup, arrays, as_arrays, check, predict, train
from dlcore.tuning.spaces import Assignment, assign


class Ensemble(NamedTuple):
    """Trained members: every leaf, also of ``setup``, has a first axis of members.

    ``validation_loss`` is the lowest of each training, that of ``params``; ``first_nonfinite`` is -1 for sound members.
    """

    setup: Setup
    params: PyTree
    model_state: PyTree
    history: History
    validation_loss: Array
    first_nonfinite: Array

    @property
    def diverged(self) -> Array:
        """Which members diverged [members]."""
        return self.first_nonfinite >= 0


def train_ensemble(
    setup: Setup, data: Any, key: Array, members: int = 5, space: Sequence[Assignment] = ({},)
) -> Ensemble:
    """Train ``members`` models, one program for all of them on one device.

    Member i is ``train(assign(setup, space[i % len(space)]), data, jax.random.fold_in(key, i))``: seeds alone unless a
    ``space`` of numbers is given, such as the best few configurations of a sweep. Raises ValueError or TypeError for
    assignments that change more than numbers and for a setup that does not fit the data.
    """
    if members < 1 or not space:
        raise ValueError(f"train_ensemble: needed a member and an assignment, got {members} and {len(space)}")
    data = arrays(data)
    setups = [assign(setup, space[i % len(space)]) for i in range(members)]
    for one in setups:
        check(one, data)
    setups = [as_arrays(one) for one in setups]
    if len({jax.tree.structure(one) for one in setups}) > 1:
        raise ValueError("train_ensemble: needed assignments of numbers, got other structures; try an ensemble of each")
    stacked = jax.tree.map(lambda *numbers: np.stack(numbers), *setups)
    return _train_members(stacked, np.arange(members, dtype=np.int32), data, key)


@jax.jit
def _train_members(setups, seeds, data, key):
    def member(setup, seed):
        run = train(setup, data, jax.random.fold_in(key, seed))
        loss, first = run.state.best.validation_loss, run.state.first_nonfinite
        return Ensemble(setup, run.params, run.model_state, run.history, loss, first)

    return jax.vmap(member)(setups, seeds)


def member_outputs(ensemble: Ensemble, x: Array) -> Array:
    """What every member, diverged ones too, gives for x [n, ...] in evaluation mode: [members, n, ...]."""
    return jax.vmap(predict, (0, 0, 0, None))(ensemble.setup, ensemble.params, ensemble.model_state, x)


def ensemble_mean(ensemble: Ensemble, x: Array, of: Callable[[Array], Array] | None = None) -> Array:
    r"""$\frac1m \sum_i f_i(x)$ over the sound members, x [n, ...] -> [n, ...]: the prediction in regression.

    With ``of`` the mean of that function of the outputs, such as ``sigmoid`` where they are logits of yes or no.
    """
    outputs = member_outputs(ensemble, x)
    values = outputs if of is None else of(outputs)
    wide = values.astype(at_least_f32(values.dtype))
    sound, count = _sound(ensemble, wide)
    return (jnp.sum(jnp.where(sound, wide, 0), 0) / count).astype(values.dtype)


def ensemble_probabilities(ensemble: Ensemble, x: Array) -> Array:
    r"""$\frac1m \sum_i \operatorname{softmax} s_i(x)$ over the sound members: x [n, ...] -> [n, ..., c]."""
    return ensemble_mean(ensemble, x, softmax)


def ensemble_log_probabilities(ensemble: Ensemble, x: Array) -> Array:
    r"""$\ln \frac1m \sum_i \operatorname{softmax} s_i(x)$, by the log-sum-exp: finite where a probability rounds to 0.

    x [n, ...] -> [n, ..., c]. They are logits of their own probabilities: a loss on logits takes them.
    """
    logits = member_outputs(ensemble, x)
    logs = log_softmax(logits.astype(at_least_f32(logits.dtype)))
    sound, count = _sound(ensemble, logs)
    voices = jnp.broadcast_to(jnp.where(sound, 0, -jnp.inf).astype(logs.dtype), logs.shape)
    mean = jax.nn.logsumexp(jnp.where(sound, logs, 0) + voices, axis=0) - jnp.log(count)
    return mean.astype(logits.dtype)


def _sound(ensemble, values):
    """Which members vote, [members, 1, ...] beside values [members, n, ...], and how many; NaN for none."""
    sound = ~ensemble.diverged
    count = jnp.sum(sound, dtype=values.dtype)
    return sound.reshape((-1,) + (1,) * (values.ndim - 1)), jnp.where(count > 0, count, jnp.nan)

"""Trainings that tests of diagnosis judge: fresh ones, that cost no training, and trained ones, over several seeds."""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.diagnosis import Curves, look_at, probe, verdicts_of
from dlcore.training import History, Run, arrays, as_arrays, start
from dlcore.tuning import train_ensemble
from experiments.planted import TASK, Planted, healthy

SEEDS = 3


def fresh(setup, data, seeds=SEEDS):
    """A run of no epoch, a member for each seed."""
    data, setup = arrays(data), as_arrays(setup)
    states = jax.vmap(lambda seed: start(setup, data, jax.random.fold_in(jax.random.key(5), seed)))(jnp.arange(seeds))
    none = np.zeros((seeds, 0))
    history = History(none, none, none, {"accuracy": none}, {"accuracy": none}, none, none, none, none)
    many = jax.tree.map(lambda leaf: np.stack([leaf] * seeds), setup)
    return Run(many, states.params, states.model_state, history, states)


def kinds_of(run, data):
    """The kinds of all verdicts on every member, the first first."""
    measured, looked = jax.device_get(probe(run, data)), look_at(data, run.setup.batch_size)
    history, first = jax.device_get((run.history, run.state.first_nonfinite))
    curves = [Curves.of(jax.tree.map(lambda a, i=i: a[i], history), int(first[i])) for i in range(run.members)]
    found = [verdicts_of([measured.members[i]], curves[i], looked) for i in range(run.members)]
    return [[verdict.kind for verdict in verdicts if verdict.severity != "good"] for verdicts in found]


def planted_and_fresh(fault: Planted, name: str):
    """A run of no epoch with the fault, and its data."""
    task = TASK[name]
    data = fault.data(task, 0)
    return fresh(fault.setup(healthy(task), task), data), data


def planted_and_trained(fault: Planted, name: str):
    """A training with the fault from every seed, and its data."""
    task = TASK[name]
    data = fault.data(task, 0)
    return train_ensemble(fault.setup(healthy(task), task), data, jax.random.key(1), SEEDS), data

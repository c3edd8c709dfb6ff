"""How often are verdicts right? Trainings with planted faults, and healthy ones, judged by ``dlcore.diagnosis``.

    python -m experiments.verdicts [--quick] [--out FOLDER]

Every kind is trained on three data sets or more, on four splits of each and from several seeds and learning rates as
rows of one program. Thresholds were chosen on the splits 0 and 1 of every data set; the tables are of 2 and 3, which
were set aside. What is right: the first verdict is one that the fault deserves; of a healthy training, none accuses.
"""

import concurrent.futures
import pickle
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore import figures
from dlcore.diagnosis import Curves, Verdict, look_at, probe, verdicts_of
from dlcore.tuning import train_ensemble
from experiments.common import arguments, save, table
from experiments.faults import EVERY
from experiments.planted import TASK, Planted, Task, healthy

SPLITS, ASIDE, MEMBERS = 4, (2, 3), 5
SPREAD = 2.0  # factor by which learning rates vary about the good one


class Judged(NamedTuple):
    """A training and the kinds of the verdicts that accuse it, the first first."""

    planted: str
    task: str
    split: int
    member: int
    kinds: tuple[str, ...]


def trained(planted: Planted, task: Task, split: int, members: int) -> tuple[Any, Any]:
    """The run of all members, and its data."""
    setup, data = planted.setup(healthy(task), task), planted.data(task, split)
    rng, rate = np.random.default_rng(split), getattr(setup.optimizer, "learning_rate", None)
    factors = SPREAD ** rng.uniform(-1, 1, members)
    free = isinstance(rate, float)
    space = [{"optimizer.learning_rate": rate * f} if free else {} for f in factors]
    return train_ensemble(setup, data, jax.random.key(split), members, space), data


def judged(planted: Planted, task: Task, split: int, members: int) -> list[Judged]:
    """The verdicts on all members."""
    run, data = trained(planted, task, split, members)
    measured, looked = jax.device_get(probe(run, data)), look_at(data, run.setup.batch_size)
    history, first = jax.device_get((run.history, run.state.first_nonfinite))
    found = []
    for i in range(members):
        curves = Curves.of(jax.tree.map(lambda a, i=i: a[i], history), int(first[i]))
        verdicts = verdicts_of(measured.member(i), curves, looked)
        found.append(Judged(planted.name, task.name, split, i, accusing(verdicts)))
    return found


def accusing(verdicts: list[Verdict]) -> tuple[str, ...]:
    """The kinds of those that are not good."""
    return tuple(verdict.kind for verdict in verdicts if verdict.severity != "good")

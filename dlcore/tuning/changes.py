"""One change at a time: a setup beside its neighbors, each from the same seeds, as rows of one program."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import Split, padded
from dlcore.layers import Dropout
from dlcore.numerics.errors import check_count
from dlcore.numerics.formats import Array
from dlcore.training import Setup, arrays, criterion_of
from dlcore.training.checks import check_key
from dlcore.tree.declared import numbers_at
from dlcore.tree.names import children, paths
from dlcore.tuning.calls import Chunk, Job, run
from dlcore.tuning.data_sizes import first_examples
from dlcore.tuning.known import Resting, Row, Stream, together
from dlcore.tuning.rows import groups_of
from dlcore.tuning.spaces import Assignment, setups_of
from dlcore.tuning.study import Study

FACTOR = 3.0  # by which a learning rate is made smaller and larger
AS_IT_IS, HALF = "as it is", "half of the examples"
SMALLER_RATE, LARGER_RATE = f"learning rate / {FACTOR:g}", f"learning rate x {FACTOR:g}"
NO_PENALTY, NO_DROPOUT = "no penalty", "no dropout"
SHUFFLED, BLIND = BASELINES = ("shuffled labels", "inputs of zeros")  # what has to be worse
_RATE = re.compile(r"(optimizer(?:\..+)?\.learning_rate)(?![^.\[])")
_STRENGTHS = re.compile(r"penalty(\[\d+\])?\.(.+\.)?(strength|l1|l2)")


class Changes(NamedTuple):
    """A setup, the first of ``names``, and its neighbors; ``study`` has them as its configurations, in that order."""

    names: tuple[str, ...]
    study: Study

    def gain(self, name: str) -> tuple[float, float]:
        """By how much a change makes it better: mean and standard error of the differences, pair by pair.

        Runs of one seed share initial parameters and batches. NaN for a change that was not tried, or that diverged.
        """
        if name not in self.names:
            return float("nan"), float("nan")
        mean, error = self.study.difference(0, self.names.index(name))
        return (float(self.study.by.cost(mean)), error) if np.isfinite(mean) else (float("nan"), float("nan"))


def one_change_at_a_time(
    setup: Setup, data: Any, key: Array, *, seeds: int = 4, watch: Callable[[Chunk], None] | None = None
) -> Changes:
    """Train ``setup`` as it is and after each single change, with the same ``seeds``, as rows of one program.

    The changes: learning rates three times smaller and larger, no penalty and no dropout where there are any, and half
    of the training examples, classes in proportion, for as many steps. Two baselines that must do worse: the labels of
    the training examples shuffled, and all inputs 0. Each run is judged as in a sweep. Seed s has the key
    ``jax.random.fold_in(key, s)``. The data stand in memory four times. Raises what ``fit`` raises.
    """
    check_count("one_change_at_a_time: seeds", seeds)
    check_key(key)
    data = arrays(data)
    n, changes, others = len(data.train.y), {AS_IT_IS: {}, **dict(_neighbors(setup))}, dict(_other_data(data))
    folds, space, names = [data, *others.values()], list(changes.values()), (*changes, *others)
    kinds = [*((i, 0) for i in range(len(space))), *((0, fold) for fold in range(1, len(folds)))]
    rows = [Row(i, Stream(s, fold)) for i, fold in kinds for s in range(seeds)]
    devices = tuple(jax.local_devices())
    (group,) = groups_of(setups_of(setup, space, data), rows, key, devices=devices, sizes=[n] * len(folds))
    found: dict[Row, Resting] = {}
    for finished in run(Job(0, group, setup.epochs), arrays(padded(folds)), devices=devices, watch=watch):
        found |= finished.resting(())
    runs = [together([found[row].found for row in rows[i : i + seeds]]) for i in range(0, len(rows), seeds)]
    told = (*space, *[{}] * len(others))
    return Changes(names, Study(setup, told, together(runs), by=criterion_of(setup.watch.by)))


def _other_data(data: Split) -> Iterator[tuple[str, Split]]:
    """The changes of the data, of as many examples as there are."""
    n, rng = len(data.train.y), np.random.default_rng(0)
    if n > 1:
        yield HALF, first_examples(data, n // 2, rng)
        yield SHUFFLED, Split(data.train._replace(y=np.asarray(data.train.y)[rng.permutation(n)]), data.validation)
    yield BLIND, Split(*(part._replace(x=np.zeros_like(part.x)) for part in (data.train, data.validation)))


def _neighbors(setup: Setup) -> Iterator[tuple[str, Assignment]]:
    """The changes of numbers that ``setup`` has room for."""
    if rates := _rates(setup):
        yield SMALLER_RATE, {path: rate / FACTOR for path, rate in rates.items()}
        yield LARGER_RATE, {path: rate * FACTOR for path, rate in rates.items()}
    if strengths := [path for path, value in paths(setup).items() if _STRENGTHS.fullmatch(path) and np.any(value)]:
        yield NO_PENALTY, dict.fromkeys(strengths, 0.0)
    if noisy := [f"{path}.rate" for path, layer in _dropouts("model", setup.model) if np.any(layer.rate)]:
        yield NO_DROPOUT, dict.fromkeys(noisy, 0.0)


def _rates(setup: Setup) -> dict[str, float]:
    """The learning rates by their paths: numbers, or those of the schedules that stand there."""
    places = dict.fromkeys(match[1] for path in paths(setup) if (match := _RATE.match(path)))
    there = {name: value for place in places for name, value in numbers_at(setup, place)}
    return {name: float(value) for name, value in there.items() if np.ndim(value) == 0}


def _dropouts(path: str, node: Any) -> Iterator[tuple[str, Dropout]]:
    if isinstance(node, Dropout):
        yield path, node
    for step, below in children(node).items():
        yield from _dropouts(path + step, below)

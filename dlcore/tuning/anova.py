r"""Which hyperparameters matter: the variance of the loss over a space, taken apart by functional analysis of variance.

A forest $f$ stands for the mean loss of any combination of the values that were tried, each value as probable as any
other. $V_p = \operatorname{Var}_v E[f \mid p = v]$ is what hyperparameter $p$ explains alone, and
$\operatorname{Var} E[f \mid p, q] - V_p - V_q$ what two explain only together; both as shares of
$\operatorname{Var} f$. Hutter, Hoos & Leyton-Brown 2014. On a full grid the forest is the losses themselves, and the
shares are those of the classical analysis of variance; a sample of a space has to be large enough for a forest to learn
it: ten points for every axis are few.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import needed
from dlcore.tuning.refinement import is_number
from dlcore.tuning.spaces import axes_of, identity, plain

MOST = 4096  # combinations that are all looked at; of more a sample
TREES = 100


class Importance(NamedTuple):
    """Shares of the variance of the loss, largest first: of hyperparameters alone, and of pairs beyond that.

    ``rest`` is what more than two explain together.
    """

    alone: dict[str, float]
    pairs: dict[tuple[str, str], float]
    rest: float


def importance(study: Any, *, seed: int = 0) -> Importance:
    """The ``Importance`` of every hyperparameter that ``study`` varies for its mean, of a positive loss the logarithm.

    Configurations that diverged count as the worst that did not. Needs scikit-learn (the extra ``app``). Raises
    ValueError where fewer than two sound configurations differ.
    """
    axes = {path: values for path, values in axes_of(study.space).items() if len(values) > 1}
    mean = np.asarray(study.mean, float)
    sound = np.isfinite(mean)
    if not axes or sound.sum() < 2:
        got = f"{len(axes)} hyperparameters and {sound.sum()} sound configurations"
        raise ValueError(
            needed("importance", "a study with two sound configurations that differ", got, "a wider space")
        )
    cost = study.by.cost(mean)
    cost = np.where(sound, cost, cost[sound].max())
    loss = np.log(cost) if study.by.name is None and (cost > 0).all() else cost
    codes = _codes(study.space, axes)
    forest = _forest(codes, loss, whole=len(np.unique(codes, axis=0)) == math.prod(map(len, axes.values())), seed=seed)
    return _shares(forest, list(axes), [len(values) for values in axes.values()], seed)


def _codes(space, axes):
    """Every configuration as the numbers [configurations, axes] of its values; numbers are in their order."""
    places = []
    for values in axes.values():
        ordered = sorted(values, key=plain) if all(map(is_number, values)) else values
        places.append({identity(value): i for i, value in enumerate(ordered)})
    return np.array([[place.get(identity(one.get(path)), -1) for path, place in zip(axes, places, strict=True)]
                     for one in space])  # fmt: skip


def _forest(codes, loss, whole, seed):
    """One tree that knows every configuration of a whole grid by heart, else many that each leave some out."""
    from sklearn.ensemble import RandomForestRegressor

    if whole:
        forest = RandomForestRegressor(1, bootstrap=False, random_state=seed)
    else:
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed)
    return forest.fit(codes, loss).predict


def _shares(f, paths, sizes, seed):
    """Of the predictions for all combinations of values, or for a sample of them, the parts of the variance."""
    points = _combinations(sizes, seed)
    total = max(float(f(points).var()), np.finfo(float).tiny)
    alone = {path: _explained(f, points, sizes, [i]) / total for i, path in enumerate(paths)}
    pairs = {}
    for (i, p), (j, q) in itertools.combinations(enumerate(paths), 2):
        pairs[p, q] = max(0.0, _explained(f, points, sizes, [i, j]) / total - alone[p] - alone[q])
    rest = max(0.0, 1 - sum(alone.values()) - sum(pairs.values())) if f(points).var() else 0.0
    return Importance(_ordered(alone), _ordered(pairs), rest)


def _combinations(sizes, seed):
    if math.prod(sizes) <= MOST:
        return np.array(list(itertools.product(*map(range, sizes))))
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=MOST) for size in sizes], axis=1)


def _explained(f, points, sizes, fixed):
    """The variance, over the values of the axes ``fixed``, of the mean over all others."""
    values = np.array(list(itertools.product(*(range(sizes[i]) for i in fixed))))
    some = points if len(points) * len(values) <= 64 * MOST else points[:: -(-len(points) * len(values) // (64 * MOST))]
    every = np.repeat(some[None], len(values), 0)
    every[..., fixed] = values[:, None]
    return float(f(every.reshape(-1, len(sizes))).reshape(len(values), -1).mean(1).var())


def _ordered(shares):
    return dict(sorted(shares.items(), key=lambda share: -share[1]))

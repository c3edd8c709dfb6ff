"""What the members of an ensemble are worth together: the gain over one, how they differ, how many are enough."""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from dlcore.deployment.answers import averaged
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training import Run
from dlcore.training.door import as_array
from dlcore.training.forward import per_example
from dlcore.training.run import outputs

SUBSETS = 50  # of the members, that are tried for every size
SHARE = 0.9  # of the gain: enough


class Committee(NamedTuple):
    r"""Losses of ``members`` [m] alone, and ``by_size`` [m]: of 1, 2, … m of them together, the mean over subsets.

    ``gain`` is the mean loss of a member minus that of all together, ``standard_error`` its own over the examples.
    ``disagreement`` is the share of examples that two members put into different classes; where they answer with
    quantities, the variance over the members, which for squared errors is the gain itself (Krogh & Vedelsby 1995).
    ``enough`` is the smallest size with nine tenths of the gain.
    """

    members: np.ndarray
    by_size: np.ndarray
    gain: float
    standard_error: float
    disagreement: float
    enough: int


def judge_members(run: Run, examples: Any) -> Committee:
    """The sound members of ``run``, an ensemble or the winner of a study, on ``examples`` (x, y), alone and together.

    Together they answer as ``TrainedModel`` does: by the mean of their probabilities, or of their outputs. Raises
    ValueError for a run without members, or with fewer than two that are sound.
    """
    x, y = (as_array(name, a) for name, a in zip("xy", examples, strict=True))
    sound = ~np.atleast_1d(np.asarray(run.state.diverged))
    if run.members is None or sound.sum() < 2:
        got = "a single training" if run.members is None else f"{sound.sum()}"
        raise ValueError(needed("judge_members", "two sound members or more", got, "train_ensemble, or study.winner"))
    if len(x) != len(y) or not len(x):
        got = f"{len(x)} examples and {len(y)} labels"
        raise ValueError(needed("judge_members", "as many labels as examples, and at least one", got))
    said, loss = outputs(run, x)[sound], run.setup.loss

    def lost(some):
        return np.asarray(per_example("loss", loss, averaged(loss, said[np.asarray(some)]), y), np.float64)

    m = len(said)
    alone = np.stack([lost([i]) for i in range(m)])
    together = [alone.mean(0), *(np.mean([lost(some) for some in _subsets(m, k)], 0) for k in range(2, m + 1))]
    by_size, apart = np.array([values.mean() for values in together]), together[0] - together[-1]
    gain = float(apart.mean())
    enough = int(np.argmax(by_size[0] - by_size >= SHARE * gain)) + 1 if gain > 0 else 1
    error = float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else float("nan")
    return Committee(alone.mean(1), by_size, gain, error, _disagreement(np.asarray(said), y), enough)


def _subsets(m: int, k: int) -> list[tuple[int, ...]]:
    """All choices of ``k`` of ``m`` members, or some where they are many."""
    if math.comb(m, k) <= SUBSETS:
        return list(itertools.combinations(range(m), k))
    rng = np.random.default_rng(k)
    return [tuple(rng.permutation(m)[:k]) for _ in range(SUBSETS)]


def _disagreement(said: np.ndarray, y: Array) -> float:
    """Of outputs [m, n, ...] beside labels [n, ...]."""
    if not np.issubdtype(y.dtype, np.integer):
        return float(said.var(0).reshape(said.shape[1], -1).sum(1).mean())
    single = said.ndim == 2 or said.shape[-1] == 1
    classes = (said > 0).astype(int).reshape(len(said), -1) if single else said.argmax(-1).reshape(len(said), -1)
    return float(np.mean([(one != other).mean() for one, other in itertools.combinations(classes, 2)]))

"""What the parts of a split say of themselves: examples in both, and what they were normalized by."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.data import Normalization, duplicates, fit_normalization, near_duplicates
from dlcore.data.examples import weights_of
from dlcore.diagnosis.verdicts import Evidence
from dlcore.training import arrays

_LOOKED_AT = 2000  # examples of either part for what takes every pair
_SHARED = 0.05  # of the validation examples: fewer copies are in the nature of some data
_EXACT, _OFF = 1e-4, 1e-2  # distances of a mean from 0: of float32, and of other examples
_NEAR_ONE = 0.25  # of a standard deviation: that of other examples
_SCALES = 50.0  # times the median of the standard deviations


class Parts(NamedTuple):
    """The training and the validation part in numbers.

    ``shared`` and ``near``: the numbers of the validation examples that are, or nearly are, training examples too;
    ``repeated`` and ``near_within``: which share of the training part has such a copy within it. ``train``,
    ``validation`` and ``both``: mean and standard deviation of every column. ``fitted``: whether the split says that
    it is normalized, column by column. ``majority`` is the share of the largest class, by weight.
    """

    n: int
    n_validation: int
    distinct: int
    batch_size: int
    shared: np.ndarray
    near: np.ndarray
    near_of: int
    repeated: float
    near_within: float
    train: Normalization
    validation: Normalization
    both: Normalization
    varies: np.ndarray
    fitted: bool
    image: bool
    majority: float | None


def look_at(data: Any, batch_size: int | None = None) -> Parts:
    """The parts of ``data``, as ``fit`` takes them, trained on in batches of ``batch_size`` (None: all)."""
    split, inputs = arrays(data), getattr(data, "inputs", None)
    x, v = (np.asarray(part.x) for part in (split.train, split.validation))
    copies = duplicates(x)
    near, within = near_duplicates(x[:_LOOKED_AT], v[:_LOOKED_AT])
    rows, seen = (a.reshape(len(a), -1) for a in (x, v))
    return Parts(
        n=len(x),
        n_validation=len(v),
        distinct=len(x) - len(copies),
        batch_size=batch_size or len(x),
        shared=duplicates(x, v),
        near=near,
        near_of=min(len(v), _LOOKED_AT),
        repeated=len(duplicates(x[copies], x)) / len(x),
        near_within=within,
        train=fit_normalization(rows),
        validation=fit_normalization(seen),
        both=fit_normalization(np.concatenate([rows, seen])),
        varies=(rows != rows[:1]).any(axis=0) & (seen != seen[:1]).any(axis=0),
        fitted=isinstance(inputs, Normalization) and np.ndim(inputs.mean) > 0,
        image=x.ndim > 2,
        majority=_majority(split.train),
    )


def _majority(part: Any) -> float | None:
    y, weights = np.asarray(part.y), weights_of(part)
    if not np.issubdtype(y.dtype, np.integer) or y.min(initial=0) < 0:
        return None
    each = None if weights is None else np.repeat(np.asarray(weights), y.size // len(y))
    counts = np.bincount(y.ravel(), each)
    return float(counts.max() / counts.sum())


def copied(p: Parts) -> Evidence | None:
    """Validation examples that are training examples, more than repeat each other within the training part."""
    share = len(p.shared) / p.n_validation
    if not _too_many(share, p.repeated, p.n_validation):
        return None
    what = f"{len(p.shared)} of {p.n_validation} validation examples are training examples, the first number"
    return (f"{what} {p.shared[0]}; within the training part {p.repeated:.1%} have a copy",)


def nearly_copied(p: Parts) -> Evidence | None:
    """Validation examples that have a near twin among the training examples, more than those have among themselves."""
    share = len(p.near) / p.near_of
    if copied(p) or not _too_many(share, p.near_within, p.near_of):
        return None
    what = f"{len(p.near)} of {p.near_of} validation examples nearly are training examples, the first number"
    return (f"{what} {p.near[0]}; within the training part {p.near_within:.1%} have such a twin",)


def _too_many(share, usual, n):
    """More than 5 in a hundred above what is usual, and more than three standard errors."""
    both = (share + usual) / 2
    return share - usual > max(_SHARED, 3 * np.sqrt(both * (1 - both) / n))


def one_batch(p: Parts) -> Evidence | None:
    """No more different training examples than a batch holds."""
    if p.distinct > p.batch_size or p.n < 2 * p.distinct:
        return None
    return (f"{p.distinct} different examples among {p.n} for training, in batches of {p.batch_size}",)


def other_statistics(p: Parts) -> Evidence | None:
    """Columns that were standardized, though not by the training part."""
    train, validation, both = (_off(n, p.varies) for n in (p.train, p.validation, p.both))
    if not p.varies.any() or min(p.n, p.n_validation) < 3:
        return None
    if train > _OFF and both < _EXACT:
        return ("over training and validation examples together every column has mean 0 and standard deviation 1",)
    if train < _EXACT and validation < _EXACT:
        return ("every column has mean 0 and standard deviation 1 in the validation part too, by itself",)
    if p.fitted and train > _OFF:
        return (f"after normalization the columns of the training part are up to {train:.3g} away from mean 0",)
    return None


def _off(moments: Normalization, varies: np.ndarray) -> float:
    """The largest distance from mean 0, or infinity where a standard deviation is not 1."""
    mean, std = (np.asarray(a)[varies] for a in (moments.mean, moments.std))
    return float(np.abs(mean).max(initial=0)) if (np.abs(std - 1) < _NEAR_ONE).all() else np.inf


def scales_apart(p: Parts) -> Evidence | None:
    """A column that varies far more than most."""
    std = np.asarray(p.train.std)[p.varies]
    if p.image or std.size < 2 or std.max() < _SCALES * np.median(std):
        return None
    return (f"standard deviations from {std.min():.3g} to {std.max():.3g}, their median {np.median(std):.3g}",)

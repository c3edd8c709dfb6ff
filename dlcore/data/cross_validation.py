"""The folds of cross-validation: every example validates once, what normalizes is fitted to training parts alone."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data.columns import Number
from dlcore.data.examples import Examples, Padded, Weighted, taken
from dlcore.data.normalization import Normalization, moments
from dlcore.data.preprocessing import Preprocessing
from dlcore.data.splits import Split
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, in_dtype_of
from dlcore.tree.fields import hyperparams


@hyperparams
class Standardization:
    r"""$(x - \mu) / \sigma$ for x [n, ...] that were normalized before, by the training part of a fold alone.

    ``missing`` [features] is, for a number that may be missing, the place of the input that says so with 1, else -1:
    what is missing stays 0, the mean.
    """

    mean: Any
    std: Any
    missing: Any = None

    def __call__(self, x: Any) -> Array:
        """x [n, ...] to [n, ...], in the dtype of x."""
        x, mean, std = self._beside(x)
        return self._known((x - mean) / std, x)

    def inverse(self, z: Any) -> Array:
        """z [n, ...] back to x [n, ...], to rounding."""
        z, mean, std = self._beside(z)
        return self._known(z * std + mean, z)

    def _beside(self, x):
        """x as an array, with mean and deviation in its shape and type."""
        x = jnp.asarray(x)
        both = in_dtype_of(x, jnp.asarray(self.mean), jnp.asarray(self.std))
        return x, *(jnp.broadcast_to(a, x.shape) for a in both)

    def _known(self, values, beside):
        """``values`` with 0 for what is missing, as the inputs ``beside`` say."""
        if self.missing is None:
            return values
        flags = jnp.asarray(self.missing)
        return jnp.where(jnp.broadcast_to(flags < 0, values.shape) | (beside[..., flags] == 0), values, 0)


def fold_numbers(y: Any, k: int, seed: int = 0, groups: Any = None) -> np.ndarray:
    """The fold 0 … k-1 of every example [n]: example i validates in run ``fold_numbers[i]`` and trains in the others.

    ``y`` is the number of examples, or class numbers [n] to stratify by. Folds differ by at most one example, overall
    and within each class. With ``groups`` [n], such as the patient that a picture is of, no group stands in two folds;
    then folds are as even as the groups allow. Raises ValueError unless 2 <= k <= n, or the number of groups.
    """
    labels, rng = _labels(y), np.random.default_rng(seed)
    if groups is not None:
        return _grouped(labels, np.asarray(groups), k, rng)
    _check_folds(k, labels.size, "examples")
    shuffled = rng.permutation(labels.size)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(labels.size, np.int32)
    folds[by_class] = rng.permutation(k)[np.arange(labels.size) % k]  # dealt like cards
    return folds


def _labels(y):
    labels = np.zeros(int(y), int) if np.ndim(y) == 0 else np.asarray(y)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"needed a number or class numbers [n], got {labels.dtype} {list(labels.shape)}; try len(y)")
    return labels


def _check_folds(k, most, of):
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or not 2 <= k <= most:
        raise ValueError(f"needed 2 to {most} folds of {most} {of}, got k = {k}; try k={min(5, most)}")


def _grouped(labels, groups, k, rng):
    """Whole groups, the largest first, each to the fold that it leaves most even: in size and in every class."""
    if groups.shape != labels.shape:
        raise ValueError(needed("groups", f"one for each of the {labels.size} examples", list(groups.shape)))
    names, group = np.unique(groups, return_inverse=True)
    _check_folds(k, len(names), "groups")
    kinds, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(kinds)), int)
    np.add.at(counts, (group, label), 1)
    shares = counts / counts.sum(0)  # a rare class weighs as much as a frequent one
    table, chosen = np.zeros((k, len(kinds))), np.empty(len(names), np.int32)
    shuffled = rng.permutation(len(names))
    for place, number in enumerate(shuffled[np.argsort(-counts.sum(1)[shuffled], kind="stable")]):
        empty = np.flatnonzero(table.sum(1) == 0)
        allowed = empty if len(empty) >= len(names) - place else np.arange(k)  # none stays empty
        unevenness = [np.square(table + (np.arange(k) == fold)[:, None] * shares[number]).sum() for fold in allowed]
        chosen[number] = allowed[int(np.argmin(unevenness))]
        table[chosen[number]] += shares[number]
    return chosen[group]


def k_folds(y: Any, k: int, seed: int = 0, groups: Any = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices (training, validation) of the k runs of cross-validation, by ``fold_numbers``."""
    numbers = fold_numbers(y, k, seed, groups)
    return [(np.flatnonzero(numbers != i), np.flatnonzero(numbers == i)) for i in range(k)]


def folds(data: Any, k: int = 5, *, seed: int = 0, groups: Any = None) -> list[Split]:
    """k splits of the training and validation examples of ``data``, a split, (x, y) or (x, y, weights).

    Every example validates in one of them; classes are kept in proportion, ``groups`` [n] as wholes (of a split: the
    training examples first). Where the split was made by ``normalize`` or ``prepare``, means and scales of the inputs
    are fitted anew, to the training part of each fold alone, and are the ``inputs`` of its split; other inputs, and
    targets, stay as they are. The test set stays sealed and outside. Raises ValueError for more folds than examples,
    or groups.

    >>> from dlcore import data
    >>> iris, _ = data.normalize(data.split(data.load("iris")))
    >>> [(len(fold.train.y), len(fold.validation.y)) for fold in data.folds(iris, 5)]
    [(96, 24), (96, 24), (96, 24), (96, 24), (96, 24)]
    """
    pool = _pool(data)
    x, y = pool[:2]
    inputs = data.inputs if isinstance(data, Split) else None
    by_class = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    made = []
    for training, validation in k_folds(y if by_class else len(y), k, seed, groups):
        again = _standardization(inputs, x[training])
        scaled = pool if again is None else pool._replace(x=np.asarray(again(x)))
        made.append(Split(taken(scaled, training), taken(scaled, validation), inputs=again))
    return made


def _pool(data):
    """All examples but those of a test set."""
    parts = (data.train, data.validation) if hasattr(data, "train") else (data,)
    if len({len(part) for part in parts}) > 1:
        raise ValueError(needed("data", "weights in both parts, or in none", "weights in one"))
    pool = [np.concatenate([np.asarray(a) for a in column]) for column in zip(*parts, strict=True)]
    if len({len(a) for a in pool}) > 1:
        got = " and ".join(f"{len(a)} {name}" for a, name in zip(pool, ("examples", "labels", "weights"), strict=False))
        raise ValueError(needed("data", "a label for each example", got))
    return Examples(*pool) if len(pool) == 2 else Weighted(*pool)


def _standardization(inputs: Any, x: np.ndarray) -> Standardization | None:
    """What brings inputs to mean 0 and scale 1 on the examples x [n, ...] of a training part."""
    if inputs is None or isinstance(inputs, Standardization):
        return None
    if isinstance(inputs, Preprocessing) and inputs.pixels is not None:
        mean, std, _ = moments(x.reshape(-1, inputs.pixels.shape[-1]))
        times = x.shape[-1] // len(mean)
        return Standardization(np.tile(mean, times), np.tile(std, times))
    if isinstance(inputs, Preprocessing):
        return _of_columns(inputs, x)
    if not isinstance(inputs, Normalization):
        raise TypeError(needed("split.inputs", "a Normalization or a Preprocessing", type(inputs).__name__))
    mean, std, _ = moments(x, None if np.ndim(inputs.mean) == 0 else 0)
    return Standardization(mean, std)


def _of_columns(inputs, x):
    """Of the inputs that are numbers and known: what is missing has 0 there and 1 beside it."""
    starts = np.cumsum([0, *(len(column.inputs) for column in inputs.columns)])
    placed = [(i, column) for i, column in zip(starts, inputs.columns, strict=False) if isinstance(column, Number)]
    columns = np.array([i for i, _ in placed], int)
    mean, std = np.zeros(x.shape[-1]), np.ones(x.shape[-1])
    flags = np.full(x.shape[-1], -1, np.int32)
    flags[columns] = [i + 1 if column.missing else -1 for i, column in placed]
    known = (flags < 0) | (x[..., flags] == 0)
    mean[columns], std[columns], _ = moments(np.where(known, x, np.nan)[..., columns])
    return Standardization(mean, std, flags if (flags >= 0).any() else None)


def padded(splits: Sequence[Split]) -> Split:
    """``splits`` of one kind of examples as one, with a first axis of them; the smaller are filled up to the largest.

    Its parts are ``Padded``. Raises ValueError where shapes or types of the examples differ.
    """
    kinds = {tuple((np.shape(a)[1:], np.asarray(a).dtype.name) for part in (s.train, s.validation) for a in part)
             for s in splits}  # fmt: skip
    if len(kinds) > 1:
        raise ValueError(needed("folds", "examples of one shape and type in all of them", f"{len(kinds)} kinds"))
    return Split(_filled([s.train for s in splits]), _filled([s.validation for s in splits]))


def _filled(parts: Sequence[Any]) -> Any:
    sizes = [len(part.y) for part in parts]
    whole = [taken(part, np.arange(max(sizes)) % n) for part, n in zip(parts, sizes, strict=True)]
    x, y, *weights = (np.stack([np.asarray(a) for a in column]) for column in zip(*whole, strict=True))
    return Padded(x, y, np.array(sizes, np.int32), *weights)


def cut(data: Any, most: int) -> Any:
    """Padded ``data`` with at most ``most`` places for training."""
    n = data.train.n
    places = jax.tree.map(lambda a: a[:, :most], data.train._replace(n=None))
    return dataclasses.replace(data, train=places._replace(n=n))

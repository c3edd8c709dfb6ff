"""Input normalization with the statistics of the training set."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.data.examples import as_rows
from dlcore.data.splits import Split
from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, in_dtype_of
from dlcore.tree.fields import hyperparams

_CELLS = 1 << 20  # that are worked on at a time


@hyperparams
class Normalization:
    r"""$z = (x - \mu) / \sigma$, the same for training, validation, test and deployment.

    mean and std are of the shape of one example, or scalars shared by all features.
    """

    mean: Any
    std: Any

    def __call__(self, x: Any) -> Array:
        """x [n, …] to z [n, …]; raises TypeError for integers and ValueError for other features than were fitted."""
        x, mean, std = self._aligned(x)
        return (x - mean) / std

    def inverse(self, z: Any) -> Array:
        r"""$x = \mu + \sigma z$."""
        z, mean, std = self._aligned(z)
        return mean + std * z

    def _aligned(self, x: Any) -> tuple[Array, Array, Array]:
        check_float("x", x)
        features = np.shape(self.mean)
        if np.shape(x)[np.ndim(x) - len(features) :] != features:
            raise ValueError(f"needed examples of shape {list(features)}, got {list(np.shape(x))}; try to fit anew")
        x = jnp.asarray(x)
        mean, std = (jnp.broadcast_to(s, x.shape) for s in in_dtype_of(x, self.mean, self.std))
        return x, mean, std


def blocks(n: int, width: int) -> Iterator[slice]:
    """The rows of an array [n, width] in pieces whose copies in float64 are small."""
    rows = max(1, _CELLS // max(1, width))
    return (slice(i, min(i + rows, n)) for i in range(0, n, rows))


def moments(x: Any, axis: int | None = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation (1/n) of what is known, not NaN, in x [n, …], and whether something is missing.

    In two passes in float64, so that nothing cancels far from 0. What does not vary gets std 1:
    it becomes 0 and stays finite on other data. Raises ValueError if there is no example.
    """
    x = np.asarray(x)
    if not len(x):
        raise ValueError("needed at least one example to normalize by, got none; try a larger training fraction")
    parts = [_part(x[rows], axis) for rows in blocks(*as_rows(x).shape)]
    n, total, low, high = (np.stack(part) for part in zip(*parts, strict=True))
    n, low, high = n.sum(axis=0), np.fmin.reduce(low), np.fmax.reduce(high)
    mean = total.sum(axis=0) / np.maximum(n, 1)
    squares = [_squares(x[rows], mean, axis) for rows in blocks(*as_rows(x).shape)]
    std = np.sqrt(np.stack(squares).sum(axis=0) / np.maximum(n, 1))
    varies = (high > low) & (std > np.finfo(np.float32).tiny)  # rounding alone is no variation
    return mean, np.where(varies, std, 1.0), n < (x.size if axis is None else len(x))


def _part(x: np.ndarray, axis: int | None) -> tuple[np.ndarray, ...]:
    """Of some rows the number of known values, their sum, least and greatest (NaN where there is none)."""
    known = ~np.isnan(x)
    with np.errstate(invalid="ignore"):  # inf - inf
        total = np.where(known, x, 0).sum(axis=axis, dtype=np.float64)
    return known.sum(axis=axis), total, np.fmin.reduce(x, axis=axis), np.fmax.reduce(x, axis=axis)


def _squares(x: np.ndarray, mean: np.ndarray, axis: int | None) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):  # inf, which the checks find
        deviation = x.astype(np.float64) - mean
        return np.square(np.where(np.isnan(deviation), 0, deviation)).sum(axis=axis)


def fit_normalization(x: Any, shared: bool = False) -> Normalization:
    """Mean and standard deviation (1/n) over the examples x [n, …], in float64.

    ``shared``: one mean and scale for all features, as is usual for pixels. What does not vary gets std 1: it becomes 0
    and stays finite on other data. Raises ValueError if there is no example.
    """
    mean, std, _ = moments(x, None if shared else 0)
    return Normalization(mean, std)


def normalize(split: Split, normalization: Normalization | None = None) -> tuple[Split, Normalization]:
    """All three parts of ``split`` by ``normalization``, which is fitted to the training part unless given.

    The test set stays sealed: it is normalized when it opens. Raises ValueError for columns of words, which ``prepare``
    codes.
    """
    words = next((column.name for column in split.schema.columns if column.words), None)
    if words is not None:
        raise ValueError(f"needed columns of numbers, got words in {words!r}; try data.prepare(split)")
    by = fit_normalization(split.train.x) if normalization is None else normalization

    def apply(examples: Any) -> Any:
        return examples._replace(x=normalized(np.asarray(examples.x), by))

    parts = {"train": apply(split.train), "validation": apply(split.validation), "test": split.test.map(apply)}
    return dataclasses.replace(split, **parts, inputs=by), by


def normalized(x: np.ndarray, by: Normalization) -> np.ndarray:
    """x [n, …] in float32, after the mean is off: far from 0 the digits that matter are beyond those of float32."""
    mean, std = np.asarray(by.mean, np.float64), np.asarray(by.std, np.float64)
    z = np.empty(x.shape, np.float32)
    for rows in blocks(*as_rows(x).shape):
        z[rows] = (x[rows] - mean) / std
    return z

"""Input normalization with the statistics of the training set."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dlcore.data.examples import as_rows
from dlcore.data.splits import Split
from dlcore.data.streams import Streamed, read_ahead
from dlcore.layers import Layer
from dlcore.numerics.errors import check_float
from dlcore.numerics.formats import Array, in_dtype_of
from dlcore.tree.fields import hyperparams

_CELLS = 1 << 16  # that are worked on at a time: their copies in float64 stay in the cache of a core


@hyperparams
class Normalization(Layer):
    r"""$z = (x - \mu) / \sigma$, the same for training, validation, test and deployment.

    mean and std are of the shape of one example, or scalars shared by all features.

    A layer too, without parameters: as the first of a network it takes examples as they were measured, and bytes of
    images stay bytes in memory, a quarter of float32, until a mini-batch of them is in the compiled program. What is
    trained, saved or exported then takes bytes as well. The numbers are those of ``normalize`` to rounding.

    >>> import numpy as np
    >>> from dlcore import Setup, data, losses, sequential
    >>> from dlcore.layers import Dense
    >>> x = np.arange(256, dtype=np.uint8).reshape(64, 4)
    >>> setup = Setup(sequential(data.fit_normalization(x, shared=True), Dense(2)), losses.softmax_cross_entropy)
    """

    mean: Any
    std: Any

    def __call__(self, x: Any) -> Array:
        """x [n, …] to z [n, …]; raises TypeError for integers and ValueError for other features than were fitted."""
        x, mean, std = self._aligned(x)
        return (x - mean) / std

    def apply(self, params, state, x, *, key, train):
        return self(x), state

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


class _Part(NamedTuple):
    """Of some rows: how many there are, how many values are known, their mean and squared deviations, least, greatest.

    The last two are NaN where nothing is known.
    """

    rows: int
    known: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray


def moments(x: Any, axis: int | None = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation (1/n) of what is known, not NaN, in x [n, …], and whether something is missing.

    In float64, block by block, so that nothing cancels far from 0; ``x`` may be examples that are ``Streamed``. What
    does not vary gets std 1: it becomes 0 and stays finite on other data. Raises ValueError if there is no example.
    """
    if not len(x):
        raise ValueError("needed at least one example to normalize by, got none; try a larger training fraction")
    whole = functools.reduce(_together, (_part(rows, axis) for rows in read_blocks(x)))
    std = np.sqrt(whole.squares / np.maximum(whole.known, 1))
    varies = (whole.high > whole.low) & (std > np.finfo(np.float32).tiny)  # rounding alone is no variation
    return whole.mean, np.where(varies, std, 1.0), whole.known < whole.rows


def read_blocks(x: Any) -> Iterator[np.ndarray]:
    """The rows of x [n, ...], in memory or ``Streamed``, piece by piece."""
    if not isinstance(x, Streamed):
        x = np.asarray(x)
        yield from (x[rows] for rows in blocks(*as_rows(x).shape))
        return
    cut = [np.arange(rows.start, rows.stop) for rows in blocks(len(x), math.prod(x.x.shape[1:]))]
    with read_ahead(lambda i: x.rows(cut[i], "training example").x, 0, len(cut), x.threads) as read:
        yield from read


def _part(x: np.ndarray, axis: int | None) -> _Part:
    unknown = np.isnan(x)
    known = (~unknown).sum(axis=axis)
    with np.errstate(invalid="ignore", over="ignore"):  # inf, which the checks find
        mean = np.where(unknown, 0, x).sum(axis=axis, dtype=np.float64) / np.maximum(known, 1)
        deviation = x.astype(np.float64) - mean
        squares = np.square(np.where(np.isnan(deviation), 0, deviation)).sum(axis=axis)
    rows = x.size if axis is None else len(x)
    return _Part(rows, known, mean, squares, np.fmin.reduce(x, axis=axis), np.fmax.reduce(x, axis=axis))


def _together(a: _Part, b: _Part) -> _Part:
    r"""$M = M_a + M_b + \delta^2 n_a n_b / n$ with $\delta = \mu_b - \mu_a$. Chan, Golub & LeVeque 1983, eq. 2.1."""
    n = a.known + b.known
    share = b.known / np.maximum(n, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        delta = b.mean - a.mean
        mean, squares = a.mean + delta * share, a.squares + b.squares + delta**2 * a.known * share
    return _Part(a.rows + b.rows, n, mean, squares, np.fmin(a.low, b.low), np.fmax(a.high, b.high))


def fit_normalization(x: Any, shared: bool = False) -> Normalization:
    """Mean and standard deviation (1/n) over the examples x [n, …], in float64; ``x`` may be ``Streamed`` examples.

    ``shared``: one mean and scale for all features, as is usual for pixels. What does not vary gets std 1: it becomes 0
    and stays finite on other data. Raises ValueError if there is no example.
    """
    mean, std, _ = moments(x, None if shared else 0)
    return Normalization(mean, std)


def normalize(split: Split, normalization: Normalization | None = None) -> tuple[Split, Normalization]:
    """All three parts of ``split`` by ``normalization``, which is fitted to the training part unless given.

    The test set stays sealed: it is normalized when it opens, and streamed parts as they are read. Raises ValueError
    for columns of words, which ``prepare`` codes.
    """
    words = next((column.name for column in split.schema.columns if column.words), None)
    if words is not None:
        raise ValueError(f"needed columns of numbers, got words in {words!r}; try data.prepare(split)")
    train: Any = split.train
    by = normalization or fit_normalization(train if isinstance(train, Streamed) else train.x)

    def apply(examples: Any) -> Any:
        if isinstance(examples, Streamed):
            return examples.map(functools.partial(normalized, by=by))
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

"""What a data set is: examples, the names of their columns, classes and features, and where they come from."""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import needed


def as_rows(a: Any) -> Any:
    """``a`` [n, ...] as rows [n, k], of no examples too: a -1 in ``reshape`` needs some to tell the width by."""
    return a.reshape(len(a), math.prod(a.shape[1:]))


class Examples(NamedTuple):
    """Inputs x [n, d] and targets y: class numbers [n] or values [n, k]."""

    x: Any
    y: Any


class Weighted(NamedTuple):
    r"""Examples with a weight each, [n]: one of weight 2 counts as if it stood there twice, one of 0 as if it did not.

    Only ratios matter. Loss and metrics of a set are means by weight, $\sum_i w_i \ell_i / \sum_i w_i$.
    """

    x: Any
    y: Any
    weights: Any


class Padded(NamedTuple):
    """Examples of which the first ``n`` count; the others fill places, so that sets of several sizes can be stacked."""

    x: Any
    y: Any
    n: Any
    weights: Any = None


def taken(examples: Any, which: Any) -> Any:
    """The examples at the places ``which``, with all that belongs to each of them."""
    return type(examples)(*(a[which] for a in examples))


def weights_of(examples: Any) -> Any:
    """The weight of each example [n]; None where all count alike."""
    return getattr(examples, "weights", None)


def check_weights(name: str, weights: Any, n: int) -> None:
    """Raise ValueError unless ``weights`` are ``n`` finite numbers of at least 0, and not all of them 0."""
    w = np.asarray(weights)
    if w.dtype.kind not in "biuf":
        raise ValueError(needed(name, "numbers", f"{w.dtype}", "a number for each example"))
    if w.shape != (n,):
        raise ValueError(needed(name, f"one for each of the {n} examples", list(w.shape)))
    bad = ~(np.isfinite(w) & (w >= 0))
    if bad.any():
        got = f"{w[bad][0]} and {bad.sum() - 1} more" if bad.sum() > 1 else w[bad][0]
        raise ValueError(needed(name, "finite numbers of at least 0", got, "0 for an example that is not to count"))
    if not w.any():
        raise ValueError(needed(name, "one above 0 at least", "zeros alone"))


class Column(NamedTuple):
    """A column of x as it was read: numbers, or, where there are ``words``, the number of the word in them."""

    name: str
    words: tuple[str, ...] = ()


class Schema(NamedTuple):
    """What the numbers mean: columns of x, the target's names, its classes, and how text is read as numbers.

    ``pixels`` (height, width, channels), where x are the bytes of images.
    """

    columns: tuple[Column, ...] = ()
    target: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    decimal: str = "."
    missing: tuple[str, ...] = ()
    pixels: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples on the host: x [n, d]; y int32 [n] of classes 0 … c-1, or floats [n, k] in regression.

    A table is as it was read, in float64: x has its columns, words numbered, NaN where nothing is known; ``prepare``
    makes inputs of it, with what the training part says. ``features`` names these inputs: a column, or a word of one.
    Images are rows too, ``image_shape`` = (height, width, channels) folds them back. Where a test set was published,
    it is the last ``published_test`` examples and ``split`` keeps it, as it does the ``published_validation`` examples
    before them. ``notes``: what was guessed or left out, a sentence each. ``weights`` [n], where there are any, say how
    much each example counts. Where x is a stream of all examples, they are read as they are needed; y is in memory.
    """

    name: str
    x: Any
    y: np.ndarray
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    published_test: int = 0
    source: str = ""
    license: str = ""
    columns: tuple[Column, ...] = ()
    target: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decimal: str = "."
    missing: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    published_validation: int = 0

    @property
    def examples(self) -> Examples | Weighted:
        """All of them, with their weights where they have some."""
        return Examples(self.x, self.y) if self.weights is None else Weighted(self.x, self.y, self.weights)

    @property
    def task(self) -> str:
        """Either "classification", where there are classes, or "regression"."""
        return "classification" if self.classes else "regression"

    @property
    def schema(self) -> Schema:
        """What the numbers mean, for those who have only parts of the examples."""
        like = getattr(self.x, "x", self.x)  # of a stream what it has of its examples: their shape
        names = self.features if len(self.features) == like.shape[-1] else ()
        columns = self.columns or tuple(Column(name) for name in names)
        pixels = self.image_shape if like.dtype == np.uint8 else None
        return Schema(columns, self.target, self.classes, self.decimal, self.missing, pixels)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else f"{self.y.shape[-1]} target(s)"
        shape = getattr(self.x, "x", self.x).shape
        return f"Dataset({self.name!r}, {self.task}, x {list(shape)}, {what})"


def features_of(columns: tuple[Column, ...]) -> tuple[str, ...]:
    """The names of the inputs: a column of numbers gives one, a column of words one for each."""
    return tuple(name for c in columns for name in ([f"{c.name}={word}" for word in c.words] or [c.name]))


def images(x: Any, image_shape: tuple[int, ...]) -> Any:
    """Rows x [n, h·w·c] as images [n, h, w, c]; raises ValueError where the sizes differ."""
    if np.shape(x)[1:] != (int(np.prod(image_shape)),):
        raise ValueError(f"needed x [n, {int(np.prod(image_shape))}], got {list(np.shape(x))}; try another image_shape")
    return x.reshape(-1, *image_shape)


def without_missing(dataset: Dataset) -> Dataset:
    """``dataset`` without the examples in which a feature or the target is missing (NaN, or label -1)."""
    missing = np.asarray(dataset.y == -1) if dataset.classes else np.isnan(dataset.y).any(axis=-1)
    return rows_of(dataset, np.asarray(~(np.isnan(as_rows(dataset.x)).any(axis=1) | missing)))


def rows_of(dataset: Dataset, which: np.ndarray) -> Dataset:
    """``dataset`` with the examples that ``which`` [n] marks, in their order."""
    kept = np.flatnonzero(which)
    test = len(dataset) - dataset.published_test
    counts = [int((kept >= first).sum()) for first in (test - dataset.published_validation, test)]
    parts = taken(dataset.examples, kept)._asdict()
    return dataclasses.replace(dataset, **parts, published_validation=counts[0] - counts[1], published_test=counts[1])

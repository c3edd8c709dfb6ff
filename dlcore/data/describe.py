"""What a data set looks like, as arrays: balance of the classes, ranges and distributions of the columns, examples."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.data.examples import Column, Dataset

_BINS = 20
_COMMON = 8


class Balance(NamedTuple):
    """How many examples [c] each class has."""

    classes: tuple[str, ...]
    counts: np.ndarray


class Summary(NamedTuple):
    """A column: how many cells are ``missing``, how many values are ``different``, and how they are spread.

    Numbers: low, mean, high, and ``counts`` [20] of equal bins between low and high. Words: the most frequent ones and
    their ``counts``; low, mean and high are NaN.
    """

    name: str
    missing: int
    different: int
    low: float
    mean: float
    high: float
    words: tuple[str, ...]
    counts: np.ndarray


def balance(dataset: Dataset) -> Balance | None:
    """The examples of each class; None in a regression."""
    if not dataset.classes:
        return None
    known = dataset.y[dataset.y >= 0]
    return Balance(dataset.classes, np.bincount(known, minlength=len(dataset.classes)))


def summaries(dataset: Dataset, most: int = 200) -> tuple[Summary, ...]:
    """Of the first ``most`` columns of x; of none where x are images."""
    if dataset.image_shape:
        return ()
    d = dataset.x.shape[1]
    columns = dataset.schema.columns or tuple(Column(str(j)) for j in range(d))
    return tuple(_summary(dataset.x[:, j], column) for j, column in enumerate(columns[:most]))


def target_summaries(dataset: Dataset) -> tuple[Summary, ...]:
    """Of every quantity to learn; of none in a classification, whose ``balance`` says it."""
    if dataset.classes:
        return ()
    names = dataset.target or tuple(f"y[{k}]" for k in range(dataset.y.shape[1]))
    return tuple(_summary(dataset.y[:, k], Column(name)) for k, name in enumerate(names))


def _summary(values: np.ndarray, column: Column) -> Summary:
    known = values[np.isfinite(values)].astype(np.float64)
    missing, different = int(np.isnan(values).sum()), len(np.unique(known))
    nan = float("nan")
    if column.words:
        counts = np.bincount(known.astype(int), minlength=len(column.words))
        common = np.argsort(-counts, kind="stable")[:_COMMON]
        return Summary(
            column.name, missing, different, nan, nan, nan, tuple(column.words[i] for i in common), counts[common]
        )
    if not known.size:
        return Summary(column.name, missing, 0, nan, nan, nan, (), np.zeros(_BINS, int))
    low, high = known.min(), known.max()
    with np.errstate(over="ignore", invalid="ignore"):
        place = np.nan_to_num((known - low) / (high - low)) if high > low else np.zeros(len(known))
    counts = np.bincount(np.minimum((place * _BINS).astype(int), _BINS - 1), minlength=_BINS)
    return Summary(column.name, missing, different, float(low), float(known.mean()), float(high), (), counts)


def preview(dataset: Dataset, k: int = 5) -> list[dict[str, str]]:
    """``k`` examples as text by the names of their columns, spread over the data set; the target comes first."""
    columns = dataset.schema.columns or tuple(Column(str(j)) for j in range(dataset.x.shape[1]))
    some = np.unique(np.linspace(0, len(dataset) - 1, k).astype(int)) if len(dataset) else []
    names = dataset.target or ("target",)
    return [
        dict(zip(names, _shown_target(dataset, i), strict=False))
        | {c.name: _shown(dataset.x[i, j], c) for j, c in enumerate(columns)}
        for i in some
    ]


def _shown_target(dataset: Dataset, i: int) -> list[str]:
    if dataset.classes:
        return [dataset.classes[dataset.y[i]]] if 0 <= dataset.y[i] < len(dataset.classes) else [str(dataset.y[i])]
    return [f"{value:.6g}" for value in dataset.y[i]]


def _shown(value: Any, column: Column) -> str:
    if np.isnan(value):
        return ""
    return column.words[int(value)] if column.words else f"{value:.10g}"

"""Look at the data first: what would make a training fail or its result worthless."""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dlcore.data.examples import Dataset

_SCALES = 100.0  # standard deviations further apart than this make gradient descent slow (condition 10⁴)

_NUMBERS = "finite numbers; try dropping these examples"
_NUMBERED = "whole numbers from 0; try np.unique(y, return_inverse=True)"
_VARIETY = "two different labels; try another column, or more data"


class Finding(NamedTuple):
    """Something seen in the data; ``severity`` is "error" (training makes no sense) or "warning"."""

    kind: str
    severity: str
    message: str


def duplicates(a: Any, b: Any = None) -> np.ndarray:
    """Indices of the rows of ``b`` that occur in ``a``; without ``b``, of the rows of ``a`` that occurred before."""
    if b is not None:
        known = set(_digests(a))
        return np.array([i for i, row in enumerate(_digests(b)) if row in known], int)
    first: dict[bytes, int] = {}
    return np.array([i for i, row in enumerate(_digests(a)) if first.setdefault(row, i) != i], int)


def _digests(x: Any) -> Iterator[bytes]:
    x = np.asarray(x, np.float32) + np.float32(0)  # -0 and 0 are the same number with other bytes
    return (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in x)


def check(dataset: Dataset, batch_size: int | None = None) -> list[Finding]:
    """Everything that is found, errors first."""
    found = [*_check_size(dataset, batch_size)]
    if not found:
        labels = _check_labels(dataset) if dataset.classes else _check_values(dataset)
        found = [*_check_finite(dataset), *labels, *_check_columns(dataset), *_check_duplicates(dataset)]
    return sorted(found, key=lambda finding: finding.severity)


def require(dataset: Dataset, batch_size: int | None = None) -> list[Finding]:
    """The warnings of ``check``; raises ValueError, in one line, if there is an error."""
    found = check(dataset, batch_size)
    errors = [finding.message for finding in found if finding.severity == "error"]
    if errors:
        raise ValueError(f"{dataset.name}: {'; '.join(errors)}")
    return found


def _error(kind: str, what: str, needed: str) -> Finding:
    return Finding(kind, "error", f"{what}; needed {needed}")


def _check_size(dataset: Dataset, batch_size: int | None) -> Iterator[Finding]:
    n = len(dataset.x)
    if len(dataset.y) != n:
        yield _error("shape", f"x has {n} examples and y {len(dataset.y)}", "one label for each; try reading anew")
    elif n < 3:
        yield Finding("too few examples", "error", f"needed at least 3 examples to split, got {n}; try more data")
    elif batch_size is not None and n < batch_size:
        what = f"fewer examples ({n}) than a batch ({batch_size})"
        yield _error("too few examples", what, f"one batch; try a batch_size up to {n}")


def _check_finite(dataset: Dataset) -> Iterator[Finding]:
    for kind, test, advice in (("NaN", np.isnan, "data.without_missing"), ("inf", np.isinf, "np.clip")):
        bad = test(dataset.x.reshape(len(dataset), -1))
        if bad.any():
            where = _named(dataset, np.asarray(bad.any(axis=0)))
            what = f"{kind} in x: {bad.any(axis=1).sum()} examples, {where}"
            yield _error(kind, what, f"finite numbers; try {advice}")


def _check_values(dataset: Dataset) -> Iterator[Finding]:
    bad = ~np.isfinite(dataset.y.astype(np.float64))
    if bad.any():
        yield _error("NaN", f"NaN or inf in y: {bad.any(axis=-1).sum()} examples", _NUMBERS)
    elif (dataset.y == dataset.y[:1]).all():
        yield _error("constant target", "y is the same for every example: nothing to learn", _VARIETY)


def _check_labels(dataset: Dataset) -> Iterator[Finding]:
    y, c = dataset.y, len(dataset.classes)
    whole = np.isfinite(y.astype(np.float64)) & (np.floor(y) == y)
    if not whole.all():
        what = f"labels that are no class numbers, such as {y[~whole][0]}: {(~whole).sum()}"
        yield _error("labels", what, _NUMBERED)
        return
    outside = np.unique(y[(y < 0) | (y >= c)])
    if outside.size:
        shown = ", ".join(str(int(label)) for label in outside[:5])
        what = f"labels out of range: {shown}; {c} classes are numbered 0 to {c - 1}"
        yield _error("labels", what, _NUMBERED)
        return
    counts = np.bincount(y.astype(int), minlength=c)
    if (counts > 0).sum() < 2:
        yield _error("one class", f"one class only: {dataset.classes[int(counts.argmax())]!r}", _VARIETY)
    few = np.flatnonzero(counts < 3)
    if few.size:
        shown = ", ".join(f"{dataset.classes[i]!r} ({counts[i]})" for i in few[:5])
        what = f"{few.size} classes with fewer examples than 3, one for every part: {shown}"
        yield Finding("rare class", "warning", what)


def _check_columns(dataset: Dataset) -> Iterator[Finding]:
    x = dataset.x.reshape(len(dataset), -1)
    if not np.isfinite(x).all():
        return
    constant = (x == x[:1]).all(axis=0)
    if constant.any():
        yield Finding("constant column", "warning", f"constant: {_named(dataset, constant)}")
    if dataset.image_shape:
        return
    std = x[:, ~constant].std(axis=0, dtype=np.float64)
    if std.size and std.max() > _SCALES * std.min():
        what = f"scales differ: standard deviations from {std.min():.3g} to {std.max():.3g}; normalise"
        yield Finding("scale", "warning", what)


def _check_duplicates(dataset: Dataset) -> Iterator[Finding]:
    twice = duplicates(dataset.x)
    if twice.size:
        what = f"{twice.size} examples repeat an earlier one (first: number {twice[0]}): a split may part the copies"
        yield Finding("duplicates", "warning", what)


def _named(dataset: Dataset, which: np.ndarray) -> str:
    """``columns a, b and 3 more`` for the columns marked in ``which``."""
    columns = np.flatnonzero(which)
    names = [dataset.features[i] if i < len(dataset.features) else str(i) for i in columns[:4]]
    more = f" and {columns.size - 4} more" if columns.size > 4 else ""
    return f"column{'s' * (columns.size > 1)} {', '.join(names)}{more}"

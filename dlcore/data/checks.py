"""Look at the data first: what would make a training fail or its result worthless."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dlcore.data.examples import Dataset, as_rows
from dlcore.data.leaks import single_feature_scores
from dlcore.data.normalization import moments
from dlcore.data.options import option
from dlcore.data.repeats import duplicates
from dlcore.data.splits import Split
from dlcore.data.streams import Streamed, labels_of

_SCALES = 100.0  # standard deviations further apart than this make gradient descent slow (condition 10⁴)

LOOKED_AT = 2048  # of examples that are streamed
_LEAK = 0.995  # of the target told by one column
_LEAST = 40  # examples for that to be no chance
_SEVERITIES = ("error", "warning", "note")

_NUMBERS = "finite numbers; try dropping these examples"
_NUMBERED = "whole numbers from 0; try np.unique(y, return_inverse=True)"
_VARIETY = "two different labels; try another column, or more data"


class Finding(NamedTuple):
    """Something seen in the data.

    ``severity`` is "error" (training makes no sense), "warning" or "note" (what was guessed or left out in reading).
    """

    kind: str
    severity: str
    message: str


def check(dataset: Dataset, batch_size: int | None = None) -> list[Finding]:
    """Everything that is found, errors first."""
    found = [*_check_size(dataset, batch_size)]
    if not found:
        labels = _check_labels(dataset) if dataset.classes else _check_values(dataset)
        seen = some(dataset, LOOKED_AT) if isinstance(dataset.x, Streamed) else dataset
        found = [*_check_finite(seen), *labels, *_check_columns(seen)]
        found += _check_duplicates(dataset) if seen is dataset else _told_of(seen, dataset)
        if not any(finding.severity == "error" for finding in found):
            found += _check_leaks(seen)
    found += [Finding("reading", "note", note) for note in dataset.notes]
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))


def some(dataset: Dataset, most: int) -> Dataset:
    """At most so many examples of a streamed ``dataset``, evenly apart, in memory."""
    n = len(dataset)
    which = np.linspace(0, n - 1, min(n, most)).astype(int)
    parts = dataset.x.rows(which)._asdict()
    return dataclasses.replace(dataset, **parts, published_test=0, published_validation=0)


def _told_of(seen: Dataset, dataset: Dataset) -> Iterator[Finding]:
    what = f"{len(seen)} of {len(dataset)} examples were looked at, for copies none; they are read as they are needed"
    yield Finding("streamed", "note", what)


def require(dataset: Dataset, batch_size: int | None = None) -> list[Finding]:
    """The warnings and notes of ``check``; raises ValueError, in one line, if there is an error."""
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
    x = as_rows(dataset.x)
    for kind, test, advice in (("NaN", np.isnan, "data.without_missing"), ("inf", np.isinf, "np.clip")):
        bad = test(x)
        if not bad.any():
            continue
        where = _named(dataset, np.asarray(bad.any(axis=0)))
        examples = bad.any(axis=1).sum()
        if kind == "NaN" and dataset.columns:  # prepare puts the training part's mean there
            yield Finding("missing", "warning", f"missing cells: {bad.sum()} in {examples} examples, {where}")
        else:
            yield _error(kind, f"{kind} in x: {examples} examples, {where}", f"finite numbers; try {advice}")


def _check_values(dataset: Dataset) -> Iterator[Finding]:
    bad = ~np.isfinite(dataset.y.astype(np.float64))
    if bad.any():
        yield _error("NaN", f"NaN or inf in y: {bad.any(axis=-1).sum()} examples", _NUMBERS)
    elif (dataset.y == dataset.y[:1]).all():
        yield _error("constant target", "y is the same for every example: nothing to learn", _VARIETY)
    elif (rare := _different(dataset.y)) < 3:
        what = f"y is the same for all examples but {rare}, too few for every part: nothing to learn"
        yield _error("constant target", what, "a quantity that varies; try another column, or classification")


def _different(y: np.ndarray) -> int:
    """How many rows differ from the most frequent one."""
    return len(y) - int(np.unique(y, axis=0, return_counts=True)[1].max())


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
    x = as_rows(dataset.x)
    if np.isinf(x).any() or (not dataset.columns and np.isnan(x).any()):
        return
    constant = ((x == x[:1]) | np.isnan(x)).all(axis=0)
    if constant.any():
        yield Finding("constant column", "warning", f"constant: {_named(dataset, constant)}")
    if dataset.image_shape:
        return
    words = np.array([bool(column.words) for column in dataset.columns] or [False] * x.shape[1])
    std = moments(x)[1][~constant & ~words]
    if std.size and std.max() > _SCALES * std.min():
        what = f"scales differ: standard deviations from {std.min():.3g} to {std.max():.3g}; normalize"
        yield Finding("scale", "warning", what)


def _check_leaks(dataset: Dataset) -> Iterator[Finding]:
    if dataset.image_shape or len(dataset) < _LEAST:
        return
    step = dataset.x[1] - dataset.x[0]
    for j in np.flatnonzero((step != 0) & (dataset.x[-1] - dataset.x[0] == step * (len(dataset) - 1)))[:4]:
        if (np.diff(dataset.x[:, j]) == step[j]).all():
            name = _column_name(dataset, j)
            what = f"column {name!r} goes up by the same step from row to row: if it only counts them, "
            yield Finding("row number", "warning", what + option("drop", (name,)))
    for j in np.flatnonzero(single_feature_scores(dataset) > _LEAK)[:4]:
        name = _column_name(dataset, j)
        what = f"column {name!r} alone gives the target away: is it known before the target is?"
        yield Finding("leak", "warning", f"{what} If not, {option('drop', (name,))}")


def _check_duplicates(dataset: Dataset) -> Iterator[Finding]:
    twice = duplicates(dataset.x)
    if twice.size:
        what = f"{twice.size} examples repeat an earlier one (first: number {twice[0]}): a split may part the copies"
        yield Finding("duplicates", "warning", what)


def check_parts(split: Split) -> list[Finding]:
    """What the parts of a split lack, errors first: a target that varies, examples of every class to learn from."""
    parts = {"training": labels_of(split.train), "validation": labels_of(split.validation)}
    found = [
        Finding(
            "constant part", "error" if name == "training" else "warning", f"y is the same in all of the {name} part"
        )
        for name, y in parts.items()
        if (y == y[:1]).all()
    ]
    unseen = np.setdiff1d(np.arange(len(split.schema.classes)), parts["training"])
    if unseen.size:
        names = ", ".join(repr(split.schema.classes[i]) for i in unseen[:5])
        found.append(Finding("unseen class", "warning", f"no training example of {names}"))
    return found


def _column_name(dataset: Dataset, j: int) -> str:
    columns = dataset.schema.columns
    return columns[j].name if columns else str(j)


def _named(dataset: Dataset, which: np.ndarray) -> str:
    """``columns a, b and 3 more`` for the columns marked in ``which``."""
    columns = np.flatnonzero(which)
    names = [_column_name(dataset, i) for i in columns[:4]]
    more = f" and {columns.size - 4} more" if columns.size > 4 else ""
    return f"column{'s' * (columns.size > 1)} {', '.join(names)}{more}"

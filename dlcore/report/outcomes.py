"""What the test set said: how good the answer is, of every class, and the mistakes that are worth a look."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from dlcore import figures
from dlcore.console.numbers import MISSING, metric, percent, short, when
from dlcore.report.parts import Drawing, Section, Table, with_cells
from dlcore.runs import DataRecord, Mistakes, TestRecord

_LONG = 12  # rows of a table that is folded from then on


def opened(test: TestRecord, data: DataRecord | None) -> Section:
    """The test set: how good the answer is, of every class, and what was wrong."""
    facts = [
        ("opened", f"once, {when(test.opened)}"),
        ("reason", test.reason),
        ("examples", short(test.n)),
        ("loss", short(test.loss)),
    ]
    rows = [
        [name, metric(name, value, test.standard_error.get(name)), metric(name, test.baseline.get(name))]
        for name, value in test.metrics.items()
    ]
    tables = [Table("", ("", "test", "best constant prediction"), rows)] if rows else []
    if test.confusion is not None:
        tables.append(_rates(test.confusion, data))
    if test.mistakes and test.mistakes.cells and data:
        tables += _mistakes(test, test.mistakes, data)
    return Section("test", "Test", facts, tables=tables)


def _rates(confusion: np.ndarray, data: DataRecord | None) -> Table:
    numbers, right = range(len(confusion)), np.diag(confusion)
    names = data.named(numbers) if data else [str(i) for i in numbers]
    true, predicted = confusion.sum(1), confusion.sum(0)
    rows = [[names[i], short(int(true[i])), _share(right[i], predicted[i]), _share(right[i], true[i])] for i in numbers]
    return Table("By class", ("class", "examples", "precision", "recall"), rows, folded=len(rows) > 3)


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else MISSING


def _mistakes(test: TestRecord, found: Mistakes, data: DataRecord) -> list[Table]:
    """The mistakes beside what is usual of their classes, or the quantities that are far off."""
    if not data.classes:
        return [named_rows(_far_off(found), ["predicted", "truth"], found, data)]
    table = named_rows(_surest(test, found), ["predicted", "truth", "probability"], found, data)
    seen = [i for i in np.union1d(found.y, found.prediction).astype(int) if i < len(test.usual) and test.usual[i]]
    if not seen:
        return [table]
    caption = "What is usual of these classes in the training part: means, and the most frequent words"
    usual = with_cells(caption, ["class"], [[name] for name in data.named(seen)], [test.usual[i] for i in seen])
    return [table, usual]


def named_rows(caption: str, columns: Sequence[str], found: Mistakes, data: DataRecord) -> Table:
    """What was predicted, what is true, the probability if it is among the ``columns``, and the cells."""
    named = zip(data.named(found.prediction), data.named(found.y), found.probability, strict=True)
    first = [[said, is_, percent(p)][: len(columns)] for said, is_, p in named]
    table = with_cells(caption, columns, first, found.cells)
    return table._replace(folded=len(table.rows) > _LONG).filled()


def _surest(test: TestRecord, found: Mistakes) -> str:
    """The caption of mistakes, which says how many are not shown."""
    wrong, shown = _wrong(test), len(np.unique(found.y))
    words = "Wrong predictions, class by class, the surest first"
    if wrong is None:
        return words
    some = f"; the {shown} of {(wrong > 0).sum()} classes with the most" if shown < (wrong > 0).sum() else ""
    return f"{words}: {len(found.y)} of {short(wrong.sum())}{some}"


def _far_off(found: Mistakes) -> str:
    return f"The {len(found.y)} predictions that are furthest off, the worst first"


def _wrong(test: TestRecord) -> np.ndarray | None:
    """How many examples of each class were told as another."""
    return None if test.confusion is None else test.confusion.sum(1) - np.diag(test.confusion)


def pictured(test: TestRecord, data: DataRecord | None) -> Iterator[Drawing]:
    """The figures of the test set."""
    if test.confusion is not None:
        names = data.classes if data else [str(i) for i in range(len(test.confusion))]
        caption = "Rows: what it is; columns: what was predicted."
        yield Drawing("confusion", "test", caption, partial(figures.confusion, test.confusion, names))
    if test.values:
        name = data.target if data else ""
        draw = partial(figures.predictions, test.values.y, test.values.prediction, name)
        yield Drawing("predictions", "test", "Test examples: on the line the prediction is right.", draw)
    found = test.mistakes
    if found and found.x is not None and len(found.y) and data and data.image_shape:
        yield _by_class(test, found, data) if data.classes else gallery("wrong", "test", _far_off(found), found, data)


def _by_class(test: TestRecord, found: Mistakes, data: DataRecord) -> Drawing:
    """A row of wrong predictions for each class, beside how many of its examples are wrong."""
    wrong, y = _wrong(test), np.asarray(found.y)
    rows = {}
    for label in np.unique(y):
        count = "" if wrong is None else f"\n{short(wrong[label])} of {short(test.confusion[label].sum())}"
        rows[data.named([label])[0] + count] = np.flatnonzero(y == label)
    said = data.named(found.prediction)
    draw = partial(figures.wrong_by_class, found.x, rows, said, found.probability, data.image_shape or ())
    caption = f"{_surest(test, found)}. At the left what it is, and how many of them are wrong."
    return Drawing("wrong", "test", caption, draw)


def gallery(name: str, section: str, caption: str, found: Mistakes, data: DataRecord) -> Drawing:
    """Images with what was predicted above and what is true below."""
    named = data.named(found.y), data.named(found.prediction)
    draw = partial(figures.wrong_predictions, found.x, *named, found.probability, data.image_shape or ())
    return Drawing(name, section, f"{caption}.", draw)

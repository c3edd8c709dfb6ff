"""From columns as they were read to inputs of a network, by what the training part says and nothing else."""

import dataclasses
import json
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from dlcore.data.cells import MISSING, factorized, label_of, number, tidy
from dlcore.data.columns import Category, Number, fill, plan_of
from dlcore.data.examples import Column, Schema, as_rows
from dlcore.data.files import tuples
from dlcore.data.normalization import blocks, moments
from dlcore.data.options import TableOptions, option
from dlcore.data.pixels import Pixels
from dlcore.data.splits import Split
from dlcore.data.streams import Streamed, labels_of
from dlcore.data.tables import Table, table_in, table_of
from dlcore.numerics.errors import needed

_FORMAT = 1
_MOST_WORDS = 255  # of one column that get an input of their own, the most frequent ones


class Target(NamedTuple):
    """What is learned: names, and the classes, or the mean and standard deviation of each quantity."""

    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def inverse(self, z: Any) -> np.ndarray:
        r"""Quantities $y = \mu + \sigma z$ [n, k] in their units."""
        return np.asarray(self.mean) + np.asarray(self.std) * np.asarray(z, np.float64)


_NO_TARGET = Target()


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What was done to the training part, to be done to all other data: a record that JSON keeps, readable.

    A call makes inputs float32 [n, d] of cells [n, k], of a pandas or polars frame or of a file with these columns.
    """

    columns: tuple[Any, ...]  # of Number and Category, or one Pixels
    target: Target = _NO_TARGET
    decimal: str = "."
    missing: tuple[str, ...] = ()

    @property
    def pixels(self) -> Pixels | None:
        """What is done to images, where examples are images."""
        return next((column for column in self.columns if isinstance(column, Pixels)), None)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the d inputs."""
        return tuple(name for column in self.columns for name in column.inputs)

    def __call__(self, source: Any) -> np.ndarray:
        """Raises ValueError for columns that are not there, by name, and for text where numbers were."""
        cells = source if isinstance(source, np.ndarray) else self.cells(source)
        if self.pixels is not None:
            return self.pixels(cells)
        if cells.ndim != 2 or cells.shape[1] != len(self.columns):
            raise ValueError(f"needed x [n, {len(self.columns)}], got {list(cells.shape)}; try the columns of training")
        z = np.zeros((len(cells), len(self.features)), np.float32)
        plan = plan_of(self.columns)
        for rows in blocks(*z.shape):
            fill(z[rows], np.asarray(cells[rows], np.float64), plan)
        return z

    def inverse(self, z: Any) -> np.ndarray:
        """Cells [n, k] from inputs [n, d]: numbers in their units, the number of the likeliest word."""
        z = np.asarray(z, np.float64)
        if self.pixels is not None:
            return self.pixels.inverse(z)
        starts = np.cumsum([0, *(len(column.inputs) for column in self.columns)])
        parts = [
            c.mean + c.std * z[:, i] if isinstance(c, Number) else z[:, i : i + len(c.words)].argmax(axis=1)
            for c, i in zip(self.columns, starts, strict=False)
        ]
        return np.stack(parts, axis=1) if parts else np.zeros((len(z), 0))

    def cells(self, source: Any) -> np.ndarray:
        """Cells [n, k] of a frame, a dictionary of columns or the path of a file, found by the columns' names.

        Of images, whose source is a list of files, the bytes.
        """
        if self.pixels is not None:
            return self.pixels.read([pathlib.Path(file) for file in source])
        table = _by_place(table_for(self, source), self.columns)
        absent = [column.name for column in self.columns if column.name not in table.frame.columns]
        if absent:
            there = ", ".join(map(repr, list(table.frame.columns)[:12]))
            raise ValueError(f"needed column{'s' * (len(absent) > 1)} {', '.join(map(repr, absent[:8]))}, got {there}")
        read = [cells_of(table.frame[column.name], column, self) for column in self.columns]
        for column, values in zip(self.columns, read, strict=True):
            if (infinite := np.isinf(values)).any():
                got = f"inf in {infinite.sum()} of {len(values)} rows, the first of number {infinite.argmax() + 1}"
                raise ValueError(needed(f"column {column.name!r}", "finite numbers", got, "an empty cell for unknown"))
        return np.stack(read, axis=1)

    def to_json(self) -> str:
        """The record as text that people read; ``from_json`` gives the same numbers back."""
        kinds = {Number: "number", Category: "category", Pixels: "image"}
        columns = [{"kind": kinds[type(column)], **column._asdict()} for column in self.columns]
        record = {"format": _FORMAT, "decimal": self.decimal, "missing": self.missing, "target": self.target._asdict()}
        return json.dumps({**record, "columns": columns}, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Preprocessing":
        """The record in ``text``; raises ValueError in one line where it is none."""
        kinds: dict[str, Any] = {"number": Number, "category": Category, "image": Pixels}
        try:
            record = json.loads(text, parse_float=float)
            if record["format"] > _FORMAT:
                raise ValueError(f"format {record['format']} is newer than this dlcore's {_FORMAT}")
            columns = tuple(kinds[c.pop("kind")](**tuples(c)) for c in record["columns"])
            return cls(columns, Target(**tuples(record["target"])), record["decimal"], tuple(record["missing"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"needed a saved preprocessing, got {text[:40]!r}: {error}") from error


def prepare(split: Split) -> tuple[Split, Preprocessing]:
    r"""Inputs of a network from the columns of a table, and the record that does the same to new data.

    Numbers are normalized by mean and standard deviation, computed in float64 and taken off before float32; missing
    ones become 0, the mean, with an input that says so; words become one input each; bytes of images are normalized
    channel by channel; quantities to learn become
    $(y - \mu) / \sigma$. All from the training part; the test set stays sealed and is prepared when it opens, and
    streamed parts as they are read.
    """
    train, schema = split.train, split.schema
    cells: Any = train.map(as_rows) if isinstance(train, Streamed) else as_rows(np.asarray(train.x))
    width = (cells.x if isinstance(cells, Streamed) else cells).shape[1]
    columns = schema.columns or tuple(Column(str(j)) for j in range(width))
    learned = (Pixels.of(cells, schema.pixels),) if schema.pixels else _learn(cells, columns)
    by = Preprocessing(learned, _learn_target(labels_of(train), schema), schema.decimal, schema.missing)

    def apply(examples: Any) -> Any:
        if isinstance(examples, Streamed):
            return examples.map(lambda x: by(as_rows(x)), lambda y: _standard(y, by.target) if by.target.mean else y)
        here = as_rows(np.asarray(examples.x))
        y = examples.y if not by.target.mean else _standard(examples.y, by.target)
        return examples._replace(x=by(here if schema.pixels else recoded(here, columns, by.columns)), y=y)

    parts = {"train": apply(split.train), "validation": apply(split.validation), "test": split.test.map(apply)}
    return dataclasses.replace(
        split, **parts, schema=Schema(classes=schema.classes, target=schema.target), inputs=by
    ), by


def _standard(y: Any, target: Target) -> np.ndarray:
    return ((np.asarray(y, np.float64) - target.mean) / target.std).astype(np.float32)


def _learn(cells: Any, columns: tuple[Column, ...]) -> tuple[Number | Category, ...]:
    mean, std, missing = moments(cells)
    if not np.isfinite(mean + std).all():
        name = columns[int(np.flatnonzero(~np.isfinite(mean + std))[0])].name
        raise ValueError(f"column {name!r}: needed finite numbers, got inf; try {option('missing', ('inf',))}")
    return tuple(
        _learn_words(cells[:, j], column) if column.words else Number(column.name, *numbers)
        for j, (column, *numbers) in enumerate(zip(columns, mean.tolist(), std.tolist(), missing.tolist(), strict=True))
    )


def _learn_words(codes: np.ndarray, column: Column) -> Category:
    known = codes[~np.isnan(codes)].astype(int)
    counts = np.bincount(known, minlength=len(column.words))
    often = np.sort(np.argsort(-counts, kind="stable")[:_MOST_WORDS])
    words = tuple(column.words[i] for i in often if counts[i] > 1)
    return Category(column.name, words, int((counts > 0).sum()) > len(words), len(known) < len(codes))


def _learn_target(y: Any, schema: Schema) -> Target:
    y = np.asarray(y)
    if schema.classes or y.dtype.kind in "biu":
        return Target(schema.target, schema.classes)
    mean, std, _ = moments(y)
    return Target(schema.target, (), tuple(np.atleast_1d(mean).tolist()), tuple(np.atleast_1d(std).tolist()))


def recoded(cells: np.ndarray, columns: tuple[Column, ...], learned: tuple[Number | Category, ...]) -> np.ndarray:
    """Words by their numbers in the training part instead of the file; others by the number after the last."""
    pairs = [(j, c, t) for j, (c, t) in enumerate(zip(columns, learned, strict=True)) if isinstance(t, Category)]
    new = cells.copy() if pairs else cells
    for j, column, category in pairs:
        place = {word: float(i) for i, word in enumerate(category.words)}
        by_code = np.array([place.get(word, len(place)) for word in column.words] + [np.nan])
        new[:, j] = by_code[np.where(np.isnan(cells[:, j]), -1, cells[:, j]).astype(int)]
    return new


def table_for(by: Preprocessing, source: Any) -> Table:
    """A file, a frame, a dictionary of columns as a table whose cells are read as those of training were."""
    if isinstance(source, Table):
        return source
    if isinstance(source, (str, os.PathLike)):
        return table_in(pathlib.Path(source).expanduser(), TableOptions(decimal=by.decimal, missing=by.missing), 1)
    return table_of(source)


def _by_place(table: Table, columns: tuple[Number | Category, ...]) -> Table:
    """A table without the names that are needed, nor any other, but with as many columns: these, in their order."""
    there, wanted = list(table.frame.columns), [column.name for column in columns]
    if len(there) != len(wanted) or set(wanted) <= set(there) or there != [str(j) for j in range(len(there))]:
        return table
    return table._replace(frame=table.frame.set_axis(wanted, axis=1))


def cells_of(values: Any, column: Number | Category, by: Preprocessing) -> np.ndarray:
    """A column of new data as training read it, whatever its own cells would look like."""
    if isinstance(column, Number):
        return (
            values.to_numpy(np.float64, na_value=np.nan)
            if values.dtype.kind in "biuf"
            else _numbers(values, column, by)
        )
    codes, found = factorized(values)
    unknown = {word.lower() for word in by.missing} | MISSING
    place = {word: float(i) for i, word in enumerate(column.words)}
    words = [tidy(label_of(word)) for word in found]
    by_code = [np.nan if word.lower() in unknown else place.get(word, len(place)) for word in words]
    return np.array([*by_code, np.nan])[codes]


def _numbers(values: Any, column: Number, by: Preprocessing) -> np.ndarray:
    codes, found = factorized(values)
    words = [tidy(word) for word in found]
    read = [number(word, by.decimal) for word in words]
    strange = [
        w for w, r in zip(words, read, strict=True) if np.isnan(r) and w.lower() not in MISSING and w not in by.missing
    ]
    if strange and len(strange) == len(words):
        other = not np.isnan(number(strange[0], "," if by.decimal == "." else "."))
        hint = f"the decimal mark {by.decimal!r} of training" if other else option("missing", (strange[0],))
        raise ValueError(
            f"column {column.name!r}: needed numbers, got {strange[0]!r}; try {hint}, or the file that was meant"
        )
    return np.array([*read, np.nan])[codes]

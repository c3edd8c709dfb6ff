"""The first lines of a text file as rows of cells: which separator, which lines before the table, which names."""

import collections
import contextlib
import csv
import itertools
import pathlib
import re
from typing import Any, NamedTuple

from dlcore.data.cells import is_missing, is_number, tidy
from dlcore.data.options import option

_SEPARATORS = "\t;|,"
_COMMENTS = ("#", "%", "//", "|")
_BLANKS = r"\s+"


class Rows(NamedTuple):
    """The beginning of a file by one separator: rows of cells, the line each ends at, and the usual number of cells."""

    separator: str
    rows: list[list[str]]
    lines: list[int]
    width: int
    titles: int  # rows before the table that are too short to be of it


def first_line(head: list[str]) -> tuple[int, str | None]:
    """How many lines are before the first of cells, and the separator that a line ``sep=;`` of a spreadsheet says."""
    said = None
    for i, line in enumerate(head):
        text = line.strip().strip('"')
        if match := re.fullmatch(r"sep=(.)", text, re.IGNORECASE):
            said = match[1]
        elif text.strip(_SEPARATORS + " ") and not text.startswith(_COMMENTS):
            return i, said
    return len(head), said


def find_rows(path: pathlib.Path, head: list[str], skip: int, separator: str | None, least: int) -> Rows:
    """The rows by ``separator``, or by the one whose rows are most alike; raises ValueError where there is none."""
    if skip == len(head):
        raise ValueError(f"cannot read {path}: it has no line of cells; try another file")
    if separator:
        found = _by(head, skip, _BLANKS if separator.isspace() and separator != "\t" else separator)
        if found.width < least:
            raise ValueError(
                f"needed at least two columns in {path}, got 1 by the separator {separator!r}; try another"
            )
        return found
    candidates = [found for by in _SEPARATORS if (found := _by(head, skip, by)).width > 1 and _consistent(found)]
    if not candidates:
        candidates = [found for by in (_BLANKS,) if (found := _by(head, skip, by)).width > 1 and _consistent(found)]
    if not candidates:  # not all rows are of one width: the most frequent one decides, and the reader says which line
        candidates = [found for by in _SEPARATORS if (found := _by(head, skip, by)).width > 1]
    if not candidates and least == 1:
        return _by(head, skip, ",")
    if not candidates:
        hint = f"another file, or {option('separator', ';')}"
        raise ValueError(f"needed at least two columns in {path}, got {tidy(head[skip])[:60]!r}; try {hint}")
    return max(candidates, key=lambda found: (-found.titles, _clean(found)))


def _by(head: list[str], skip: int, separator: str) -> Rows:
    """The rows by ``separator``, and their usual width: the most frequent."""
    if separator == _BLANKS:
        split: Any = [line.split() for line in head[skip:]]
        rows, lines = split, list(range(skip + 1, len(head) + 1))
    else:
        reader = csv.reader(head[skip:], delimiter=separator, skipinitialspace=True)
        rows, lines = [], []
        with contextlib.suppress(csv.Error):  # a quote that does not close in the beginning
            for row in reader:
                rows.append(row)
                lines.append(skip + reader.line_num)
    kept = [(row, line) for row, line in zip(rows, lines, strict=True) if any(cell.strip() for cell in row)]
    rows, lines = [row for row, _ in kept], [line for _, line in kept]
    width = collections.Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    titles = next((i for i, row in enumerate(rows) if len(row) >= max(2 if width > 2 else width, width - 1)), 0)
    while len(rows) > titles + 2 and len(rows[titles]) == width - 1 and names_numbers(rows[titles + 1 :], width):
        titles += 1
    return Rows(separator, rows, lines, width, titles)


def _consistent(found: Rows) -> bool:
    rows = found.rows[found.titles :]
    body = [len(row) == found.width for row in rows[1:]] or [True]
    return abs(len(rows[0]) - found.width) <= 1 and sum(body) >= 0.9 * len(body)


def _clean(found: Rows) -> float:
    """The share of cells without another separator in them, numbers with a decimal comma apart."""
    cells = [cell for row in found.rows[found.titles :][:20] for cell in row[:100]]
    return sum(is_number(tidy(cell)) or not set(cell) & set(_SEPARATORS) for cell in cells) / max(len(cells), 1)


def is_header(rows: list[list[str]], width: int) -> bool:
    """Whether the first row has names: words above numbers, or cells that occur in no row below.

    Numbers are names where they count, 0, 1, 2 or 2019, 2020, 2021, above columns that do not.
    """
    first, body = rows[0], rows[1:]
    if not body or len(first) < width:
        return len(first) < width or not any(is_number(tidy(cell)) for cell in first)
    first, columns = [tidy(cell) for cell in first[:width]], _columns(body, width)
    if names_numbers(rows, width) or _counts(first, columns):
        return True
    if any(is_number(cell) for cell in first):
        return False
    return len(set(first)) == len(first) and not any(
        cell in column for cell, column in zip(first, columns, strict=True) if cell
    )


def _columns(rows: list[list[str]], width: int) -> list[list[str]]:
    """The known cells of every column."""
    return [[tidy(row[j]) for row in rows if j < len(row) and not is_missing(tidy(row[j]))] for j in range(width)]


def names_numbers(rows: list[list[str]], width: int) -> bool:
    """Whether the first row has a word above a column of numbers, or is itself too short, as titles are."""
    first = [tidy(cell) for cell in rows[0][:width]]
    if len(first) < width:
        return True
    return any(
        cell
        and not is_number(cell)
        and not is_missing(cell)
        and column
        and sum(map(is_number, column)) >= 0.9 * len(column)
        for cell, column in zip(first, _columns(rows[1:], width), strict=True)
    )


def _counts(first: list[str], columns: list[list[str]]) -> bool:
    """Whether whole numbers go up by one from cell to cell, an empty first one apart, above other numbers."""
    cells, below = (first[1:], columns[1:]) if first and not first[0] else (first, columns)
    if len(cells) < 2 or not all(cell.isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    if any(b - a != 1 for a, b in itertools.pairwise(numbers)):
        return False
    broken = sum(any(not cell.lstrip("+-").isdecimal() for cell in column) for column in below)
    return (len(cells) >= 4 and numbers[0] in (0, 1)) or 2 * broken > len(cells)


def column_names(
    path: pathlib.Path, first: list[str], body: list[list[str]], found: Rows, line: int, header: bool
) -> tuple[str, ...]:
    """A name for every cell of the usual row; "" for those that the header does not name."""
    last_empty = all(len(row) < found.width or not row[-1].strip() for row in body)
    if not header:
        return tuple("" if last_empty and j == found.width - 1 else str(j) for j in range(found.width))
    names = [tidy(name) for name in first]
    width = collections.Counter(map(len, body)).most_common(1)[0][0] if body else len(names)
    if len(names) == width - 1:  # rows end in a separator, or begin with a name as R writes them
        names = [*names, ""] if last_empty else ["", *names]
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) != width and body:
        raise ValueError(row_error(path, line + 1, len(names), width, found.separator))
    return tuple(names)


def row_error(path: pathlib.Path, line: int, width: int, got: int, separator: str) -> str:
    """The error of a row of ``got`` cells in a table of ``width`` columns."""
    hint = f"quotes around text that holds {separator!r}, or {option('separator', ';')}"
    return f"cannot read {path}: needed {width} cells in line {line}, got {got}; try {hint}"

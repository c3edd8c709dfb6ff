"""How a text file holds a table: packing, encoding, lines before it, separator, header, decimal mark."""

import bz2
import codecs
import contextlib
import csv
import gzip
import itertools
import lzma
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from dlcore.data.cells import decimal_evidence, is_number, tidy
from dlcore.data.files import readable
from dlcore.data.options import TableOptions, option
from dlcore.data.rows import column_names, find_rows, first_line, is_header, names_numbers, row_error

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_BINARY = {b"PK": "an Excel workbook or a zip", b"PAR1": "a Parquet file", b"\xd0\xcf\x11\xe0": "an Excel file",
           b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"%PDF": "a PDF", b"SQLite": "a data base"}  # fmt: skip
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_BLOCK = 1 << 20
_LINES, _CHARACTERS = 200, 300_000  # of the beginning that is looked at


class Layout(NamedTuple):
    """What was found: ``skip`` lines before the first row of cells, and names of the columns ("" for none)."""

    separator: str
    skip: int
    names: tuple[str, ...]
    decimal: str
    notes: tuple[str, ...]


def read_text_table(path: pathlib.Path, options: TableOptions, least: int = 2) -> tuple[Any, Layout]:
    """The table in a text file, of at least so many columns, as a pandas frame with columns 0, 1, …, and its layout."""
    import pandas as pd

    with opened(path) as file:
        layout = find_layout(path, file, options, least)
        file.seek(0)
        for _ in range(layout.skip):
            next(file)
        try:
            table = pd.read_csv(
                file,
                header=None,
                names=range(len(layout.names)),
                index_col=False,
                sep=layout.separator,
                decimal=layout.decimal,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=["", "nan", "NaN", *options.missing],
                low_memory=False,
            )
        except (ValueError, csv.Error, UnicodeError) as error:
            raise ValueError(_ragged(path, str(error), layout)) from error
    return table, layout


def _ragged(path: pathlib.Path, error: str, layout: Layout) -> str:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error)
    if not found:
        return f"cannot read {path}: {' '.join(error.split())}"
    width, line, got = map(int, found.groups())
    return row_error(path, layout.skip + line, width, got, layout.separator)


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Any]:
    """The text of ``path``, unpacked and decoded; raises ValueError in one line where it is none."""
    with readable(path, (OSError, EOFError, UnicodeError, lzma.LZMAError)):
        with path.open("rb") as file:
            start = file.read(8)
        unpack: Any = next((f for magic, f in _OPENERS.items() if start.startswith(magic)), open)
        encoding = _encoding(path, unpack)
        with unpack(path, "rt", encoding=encoding, newline="") as file:
            yield file


def _encoding(path: pathlib.Path, unpack: Any) -> str:
    """By its mark, else UTF-8 if the whole file is, else UTF-16 by its zeros, else Windows' Latin letters."""
    with unpack(path, "rb") as file:
        start = file.read(_BLOCK)
        if kind := next((what for magic, what in _BINARY.items() if start.startswith(magic)), None):
            raise ValueError(f"cannot read {path}: it is {kind}, not text; try to save it as CSV")
        if marked := next((name for mark, name in _BOMS if start.startswith(mark)), None):
            return marked
        if zeros := start.count(0):
            even = start[::2].count(0)
            if zeros < 0.3 * len(start):
                raise ValueError(f"cannot read {path}: it has bytes 0 and is no text; try to save it as CSV")
            return "utf-16-be" if 2 * even > zeros else "utf-16-le"
        decoder = codecs.getincrementaldecoder("utf-8")()
        with contextlib.suppress(UnicodeDecodeError):
            for block in itertools.chain([start], iter(lambda: file.read(_BLOCK), b"")):
                decoder.decode(block)
            decoder.decode(b"", final=True)
            return "utf-8"
    return "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", start) else "cp1252"


def find_layout(path: pathlib.Path, file: Any, options: TableOptions, least: int = 2) -> Layout:
    """The layout of the table in ``file``, from its first lines; raises ValueError where there is none."""
    head = _head(file)
    skip, said = first_line(head)
    found = find_rows(path, head, skip, options.separator or said, least)
    notes = [f"lines before the table are skipped: {skip}, empty or comments"] if skip else []
    if found.titles:
        notes.append(f"lines before the table are skipped: {found.titles}, such as {tidy(' '.join(found.rows[0]))!r}")
    rows, lines = found.rows[found.titles :], found.lines[found.titles :]
    header = is_header(rows, found.width) if options.header is None else options.header
    before = lines[0] if header else found.lines[found.titles - 1] if found.titles else skip
    if header and len(rows) > 2 and not any(map(is_number, rows[1])) and names_numbers(rows[1:], found.width):
        notes.append(f"the line below the header is skipped: {tidy(' '.join(rows[1]))!r}")
        before, rows, lines = lines[1], [rows[0], *rows[2:]], [lines[0], *lines[2:]]
    body = rows[1:] if header else rows
    names = column_names(path, rows[0], body, found, lines[0], header)
    if not header:
        notes.append(f"no header: columns are named 0 to {len(names) - 1} ({option('header', True)} if there is one)")
    for row, line in zip(body, lines[len(rows) - len(body) :], strict=True):
        if any(row[len(names) :]):
            raise ValueError(row_error(path, line, len(names), len(row), found.separator))
    decimal, note = _decimal(body, found.separator, options.decimal)
    return Layout(found.separator, before, names, decimal, (*notes, *note))


def _head(file: Any) -> list[str]:
    """The first lines: fewer where they are long, but some to see what columns hold."""
    head, size = [], 0
    for line in itertools.islice(file, _LINES):
        head.append(line)
        size += len(line)
        if size > _CHARACTERS and len(head) > 4:
            break
    return head


def _decimal(rows: list[list[str]], separator: str, said: str | None) -> tuple[str, tuple[str, ...]]:
    if said:
        return said, ()
    few = rows[: 20_000 // len(rows[0]) + 1] if rows else []
    found = decimal_evidence(tidy(cell) for row in few for cell in row)
    undecided = not found.comma and not found.point
    if len(found.comma) > len(found.point) or (undecided and found.comma_or_group and separator == ";"):
        shown = (found.comma or found.comma_or_group)[0]
        return ",", (f"{shown!r} is read with a decimal comma ({option('decimal', '.')} if it has none)",)
    if undecided and found.point_or_group and separator == ";":
        shown = found.point_or_group[0]
        return ".", (f"{shown!r} is read with a decimal point ({option('decimal', ',')} if it has none)",)
    return ".", ()

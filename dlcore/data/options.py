"""What can be said about a table; what is not said is guessed, with a sentence."""

import dataclasses
import shlex
from typing import Any


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """How a table is read; every field is an option of the command line."""

    target: tuple[str | int, ...] = ()
    """Column to learn, by name or number, several for a regression; default: target, class, label, y or the last."""
    drop: tuple[str | int, ...] = ()
    """Columns to leave out."""
    keep: tuple[str | int, ...] = ()
    """Columns to keep that would be left out: row numbers, identifiers."""
    weights: str | int | None = None
    """Column that says how much each example counts: 2 as if it stood there twice, 0 as if it did not."""
    task: str | None = None
    """classification or regression."""
    size: tuple[int, int] | None = None
    """Height and width that images of a folder are brought to; default: theirs, or the medians of several."""
    separator: str | None = None
    """Between the cells of a row."""
    decimal: str | None = None
    """Decimal mark, a point or a comma."""
    missing: tuple[str, ...] = ()
    """Further cells that mean that nothing is known, such as None or -999."""
    classes: tuple[str, ...] = ()
    """Order of the classes, or names for them in the order of their numbers."""
    header: bool | None = None
    """Whether the first line has the names of the columns."""
    stream: bool = False
    """Read examples as they are needed, of data larger than memory: x.npy and y.npy in a folder, images by class."""


def option(name: str, value: Any) -> str:
    """How to say it, on the command line and in Python: ``--drop id (drop=('id',))``."""
    shown = value if isinstance(value, tuple) else (value,)
    return f"--{name} {' '.join(shlex.quote(str(v)) for v in shown)} ({name}={value!r})"


def check_options(options: TableOptions) -> None:
    """Raise ValueError for the first choice that there is not."""
    if options.task not in (None, "classification", "regression"):
        raise ValueError(f"needed task 'classification' or 'regression', got {options.task!r}")
    if options.size is not None and not (len(options.size) == 2 and all(1 <= side <= 4096 for side in options.size)):
        got = " ".join(map(str, options.size))
        raise ValueError(
            f"needed a size of 1 to 4096 pixels, height and width, got {got}; try {option('size', (64, 64))}"
        )
    if options.decimal not in (None, ".", ","):
        raise ValueError(f"needed a decimal mark '.' or ',', got {options.decimal!r}; try {option('decimal', ',')}")
    if options.separator is not None and (len(options.separator) != 1 or options.separator == '"'):
        raise ValueError(
            f"needed a separator of one character, got {options.separator!r}; try {option('separator', ';')}"
        )
    if len(set(options.classes)) < len(options.classes):
        raise ValueError(
            f"needed different classes, got {' '.join(options.classes)}; try {option('classes', ('no', 'yes'))}"
        )

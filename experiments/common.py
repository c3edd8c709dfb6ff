"""What the scripts share: their options, progress, tables, and where figures and numbers go."""

import argparse
import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dlcore import report, sweep

Row = Mapping[str, Any]
T = TypeVar("T")


def options(doc: str | None, **more: Any) -> Any:
    """What the command line says of a script whose docstring is ``doc``: options as ``add_argument`` takes them."""
    return _parser(doc, more).parse_args()


def arguments(doc: str | None, *, out: str | None = None, quick: str = "", data: bool = False, **more: Any) -> Any:
    """``options`` with those that most scripts have.

    ``--out`` is the folder of figures and numbers, without a default one nothing is written. ``quick`` says what
    ``--quick`` leaves out; ``data`` asks for the folder of data that ``DLCORE_DATA`` may name.
    """
    folder = None if out is None else pathlib.Path(out)
    known = {"out": {"type": pathlib.Path, "default": folder, "help": "folder of the figure and its numbers"}}
    if quick:
        known["quick"] = {"action": "store_true", "help": f"a look within a minute: {quick}"}
    if data:
        place = os.environ.get("DLCORE_DATA")
        known["data_dir"] = {"type": pathlib.Path, "default": pathlib.Path(place) if place else None}
    parser = _parser(doc, known | more)
    given = parser.parse_args()
    if data and given.data_dir is None:
        parser.error("needed a folder of data; try --data-dir FOLDER, or set DLCORE_DATA")
    return given


def _parser(doc, named):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, option in named.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **option)
    return parser


def counted(title: str, items: Iterable[T], unit: str) -> Iterator[T]:
    """``items`` one by one, with progress on the terminal; ``unit`` is the singular of what they are."""
    items = list(items)
    with report.bar(title, len(items), unit) as bar:
        for done, item in enumerate(items, 1):
            yield item
            bar.update(done)


@contextlib.contextmanager
def watched(title: str, total: int) -> Iterator[Any]:
    """What ``sweep(…, watch=…)`` takes, to show how many of ``total`` trainings are done."""
    with report.bar(title, total, "training") as bar:
        yield lambda progress: bar.update(progress.done)


def swept(title: str, setup: Any, space: Any, data: Any, key: Any, seeds: int) -> Any:
    """``sweep`` with progress on the terminal."""
    with watched(title, len(space) * seeds) as watch:
        return sweep(setup, space, data, key, seeds=seeds, watch=watch)


def table(rows: Sequence[Row]) -> str:
    """``rows`` as aligned text below the names of their columns: the first to the left, all others to the right."""
    names = list(rows[0])
    lines = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines
    )


def mean_and_error(values: Any, form: str) -> str:
    """Mean ± standard error of ``values`` [seeds], both in the format ``form``; one value is shown alone."""
    values = np.asarray(values)
    if len(values) == 1:
        return format(values[0], form)
    return f"{values.mean():{form}} ± {values.std(ddof=1) / np.sqrt(len(values)):{form}}"


def bare(*panels: Any) -> None:
    """No frame above and on the right of the axes."""
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)


def save(folder: pathlib.Path, name: str, figure: Any, **arrays: Any) -> None:
    """Write ``figure`` as ``name``.png and ``arrays`` as ``name``.npz into ``folder``, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    if arrays:
        np.savez(folder / f"{name}.npz", **arrays)
    figure.savefig(folder / f"{name}.png")
    print(f"\nfigure: {folder / f'{name}.png'}")

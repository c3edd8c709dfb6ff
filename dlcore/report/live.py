"""What is seen of a training while it goes on: TensorBoard's events, a line of JSON for every epoch, or nothing."""

import contextlib
import json
import math
import os
import pathlib
import time
import warnings
from typing import Any, Literal, Protocol, Self

import numpy as np

from dlcore.report.tensorboard import LiveEvents, write_events
from dlcore.runs import one_line, read, replace_file
from dlcore.training import History

View = Literal["tensorboard", "jsonl", "none"]
LINES = "history.jsonl"  # in the folder of a run
_PARTS = {"train_metrics": "train", "validation_metrics": "validation"}


class LiveView(Protocol):
    """What ``live_view`` gives: it is told the rows of every chunk."""

    def add(self, rows: History, epoch: int) -> None:
        """The ``rows`` of a chunk, of which the last is that of ``epoch``."""
        ...


class LiveLines:
    """The history of a training as ``history.jsonl`` in the folder of its run: one line an epoch, chunk by chunk.

    A line has the epoch, counted from 1, every number of its row, null where that is not finite, and the seconds that
    it took: of several epochs in a chunk their mean. The file begins with the epochs ``before``, with the seconds that
    it knew of them. A disk that fails does not end the training: the lines are tried again with those that follow.
    """

    def __init__(self, folder: str | os.PathLike[str], before: History | None = None):
        self._path = pathlib.Path(folder, LINES)
        rows, known = [] if before is None else _rows(before), _seconds(self._path)
        text = b"".join(_line(i, row, known.get(i)) for i, row in enumerate(rows, 1))
        replace_file(self._path, lambda file: file.write(text))
        self._end, self._left, self._began = len(text), b"", time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open: every chunk is written when it comes."""

    def add(self, rows: History, epoch: int) -> None:
        """The ``rows`` of a chunk, of which the last is that of ``epoch``."""
        found = _rows(rows)
        if not found:  # midway in an epoch
            return
        now = time.monotonic()
        each, self._began = round((now - self._began) / len(found), 6), now
        self._left += b"".join(_line(i, row, each) for i, row in enumerate(found, epoch - len(found) + 1))
        try:
            self._append()
        except OSError as error:
            warnings.warn(f"{self._path}: no line could be written ({one_line(error)})", stacklevel=2)

    def _append(self) -> None:
        """What is left to write, all of it at once: whoever reads meanwhile sees whole lines."""
        with open(self._path, "r+b", buffering=0) as file:
            file.truncate(self._end)
            file.seek(self._end)
            if file.write(self._left) != len(self._left):
                raise OSError("only a part of it was taken")
        self._end, self._left = self._end + len(self._left), b""


def live_view(
    view: View, folder: str | os.PathLike[str], before: History | None = None
) -> contextlib.AbstractContextManager[LiveView | None]:
    """What shows a training in the folder of its run while it goes on, the epochs ``before`` included."""
    if view == "none":
        return contextlib.nullcontext()
    return LiveEvents(folder, before) if view == "tensorboard" else LiveLines(folder, before)


def write_view(folder: str | os.PathLike[str]) -> None:
    """Write all that the view which a run was asked for shows at its end: TensorBoard's where it was not asked."""
    records = read(folder)
    view = records.recipe.options.get("view", "tensorboard") if records.recipe else "tensorboard"
    if view == "tensorboard":
        write_events(folder)
    elif view == "jsonl" and records.training:
        LiveLines(folder, records.training.history)


def _rows(history: History) -> list[dict[str, float | None]]:
    """The numbers of every epoch by their names, None where one is not finite."""
    columns: dict[str, Any] = {}
    for name, value in history._asdict().items():
        if name in _PARTS:
            columns |= {f"{_PARTS[name]}_{metric}": curve for metric, curve in value.items()}
        else:
            columns[name] = value
    curves = {name: np.asarray(curve, np.float64).tolist() for name, curve in columns.items()}
    n = len(curves["running_loss"])
    return [{name: curve[i] if math.isfinite(curve[i]) else None for name, curve in curves.items()} for i in range(n)]


def _line(epoch: int, row: dict[str, float | None], seconds: float | None) -> bytes:
    return json.dumps({"epoch": epoch, **row, "seconds": seconds}, allow_nan=False).encode() + b"\n"


def _seconds(path: pathlib.Path) -> dict[int, float]:
    """What a file of an earlier process knows of the epochs' seconds; lines that are none are left out."""
    found = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            found[int(row["epoch"])] = row["seconds"]
    return found

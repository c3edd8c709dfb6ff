"""Run folders: they stand at their name from the start and keep every record, whatever happens next."""

import contextlib
import datetime
import os
import pathlib
import shutil
import time
from typing import Self

from dlcore.data.files import alone
from dlcore.runs.record import Record
from dlcore.runs.records import StatusRecord


class RunFolder:
    """The folder of one run: ``with RunFolder("runs/digits") as run: run.keep(record)``.

    Making it is refused, with ValueError, where ``path`` exists: of two runs into one folder the second does not begin.
    With ``again`` it is gone on with: it has to be there, unfinished, and no other process may work in it. Its status
    record says "running" until the block ends, then "finished", "interrupted" or, with a line that says why,
    "failed". Only a run that fails before its first record leaves nothing.
    """

    def __init__(self, path: str | os.PathLike[str], again: bool = False):
        self.path = pathlib.Path(os.path.abspath(path))
        self.step = ""
        self.kept = False
        self._again = again
        self._before: StatusRecord | None = None
        self._lock = contextlib.ExitStack()
        self._begin, self._started = time.monotonic(), utc_now()

    def __enter__(self) -> Self:
        if not self._again:
            self._make()
        self._lock.enter_context(alone(self.path))
        self._before = StatusRecord.find(self.path)
        self.tell("running")
        return self

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except OSError as error:
            if os.path.lexists(self.path):
                raise ValueError(f"{self.path}: exists already, and no run is overwritten; try another name") from error
            hint = "a folder you can write"
            raise ValueError(f"{self.path}: cannot be created ({error.strerror}); try {hint}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with contextlib.suppress(OSError):
            (self.path / "lock").unlink(missing_ok=True)
        self._lock.close()
        if error is None:
            self.tell("finished")
        elif self.kept or isinstance(error, KeyboardInterrupt):
            with contextlib.suppress(OSError):  # a full disk is what may have failed
                failed = "" if isinstance(error, KeyboardInterrupt) else one_line(error)
                self.tell("failed" if failed else "interrupted", failed)
        elif self._before:  # refused: it stays as it was
            self._before.write(self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def keep(self, record: Record) -> None:
        """Write a record: from here on it is part of the run."""
        record.write(self.path)
        self.kept = True
        self.tell("running")

    def begin(self, step: str) -> None:
        """Say which step comes now."""
        self.step = step
        self.tell("running")

    def tell(self, status: str, failure: str = "") -> None:
        """Write the status record."""
        seconds = round(time.monotonic() - self._begin, 3)
        StatusRecord(status, self._started, seconds, self.step, failure).write(self.path)


def one_line(error: BaseException) -> str:
    """An error as one line, with its type where that is not a plain wrong input."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

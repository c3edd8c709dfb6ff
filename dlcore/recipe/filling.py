"""How a run folder is filled: step by step, kept whatever happens on the way."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from dlcore import report
from dlcore.console import interrupts
from dlcore.runs import RunFolder, one_line


class RunFailedError(RuntimeError):
    """A run that failed after its first record: its folder is kept, ``dlcore report`` shows what was done."""


def fill(out: Path, steps: Callable[[RunFolder], None], again: bool = False) -> Path:
    """Do ``steps`` and draw their report in the new folder ``out``, or ``again`` in one there is; the path of its page.

    Raises ValueError in one line where the first step refuses what it was given; then nothing is left behind. Whatever
    fails later, or Ctrl-C, which waits for the end of what is in hand, leaves a folder with all that was done:
    RunFailedError or KeyboardInterrupt.
    """
    folder = RunFolder(out, again)
    page = folder.path / "report.html"
    with interrupts.deferred():
        try:
            with folder:
                steps(folder)
                _draw(folder)
        except KeyboardInterrupt:
            report.build(folder.path, figures=False)  # nobody waits for pictures who pressed Ctrl-C
            raise
        except Exception as error:
            if not folder.kept:
                raise
            if not page.exists():  # or else it has figures, all but the one that failed
                with contextlib.suppress(Exception):  # the disk may be full
                    report.build(folder.path, figures=False)
            why = f"failed in the step {folder.step}: {one_line(error)}"
            raise RunFailedError(f"{why}; what was done is kept: dlcore report {out}") from error
    return page


def begin(folder: RunFolder, step: str) -> None:
    """Say which step comes now; between two of them a signal is heard."""
    interrupts.check()
    folder.begin(step)


def _draw(folder: RunFolder) -> None:
    begin(folder, "report")
    report.build(folder.path)
    report.write_events(folder.path)
    interrupts.check()

"""How a run folder is filled: step by step, kept whatever happens on the way."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcore import report
from dlcore.console import interrupts
from dlcore.data import Split
from dlcore.data.streams import labels_of
from dlcore.numerics.errors import needed
from dlcore.recipe.task import Source, Task
from dlcore.runs import RecipeRecord, RunFolder, one_line
from dlcore.tuning.kept_data import fingerprint

_PARTS = "train", "validation"


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


def ask(command: str, options: Any, source: Source, task: Task, folder: RunFolder) -> None:
    """Keep what is asked; raises ValueError where the folder is gone on with and the data are others than they were.

    Files are named by where they are, whatever folder somebody stands in who goes on.
    """
    said = dataclasses.asdict(options)
    if said.get("setup"):
        said["setup"] = Source(said["setup"]).place
    asked = RecipeRecord(task.dataset.name, said, command, source.place, source.table, _fingerprint(task))
    before = RecipeRecord.find(folder.path)
    if before and before.fingerprint != asked.fingerprint:
        raise ValueError(needed(asked.source, "the data that the run began with", "others", "a new run"))
    folder.keep(asked)


def _fingerprint(task: Task) -> str:
    """That of all that is trained with; where it is streamed, of all labels and the examples that are looked at."""
    if task.sample is None:
        return fingerprint(task.split)
    known = {name: getattr(task.sample, name)._replace(y=labels_of(getattr(task.split, name))) for name in _PARTS}
    return fingerprint(Split(**known))


def _draw(folder: RunFolder) -> None:
    begin(folder, "report")
    report.build(folder.path)
    report.write_view(folder.path)
    interrupts.check()

"""What is left to do for a run whose steps were all done: draw it and say that it is finished."""

import dataclasses
import os
import pathlib

from dlcore.report.html import build
from dlcore.report.live import write_view
from dlcore.runs import read


def finish(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Draw the report and write the view of a run folder; the path of the page.

    A run that did all its steps and failed, or was interrupted, while it was drawn is finished then.
    """
    records = read(folder)
    page = build(folder)
    write_view(folder)
    if records.complete and records.status.status in ("failed", "interrupted"):
        dataclasses.replace(records.status, status="finished", failure="").write(folder)
    return page

"""A run that did not come to its end, gone on with."""

from pathlib import Path
from typing import Any

from dlcore.data.files import tuples
from dlcore.numerics.errors import needed
from dlcore.recipe import cook, search, single
from dlcore.recipe.options import Recipe
from dlcore.recipe.task import Source
from dlcore.runs import read

_PROGRAMS: dict[str, Any] = {
    "recipe": (Recipe, cook.run),
    "fit": (single.Training, single.run),
    "sweep": (search.Search, search.run),
}


def resume_run(folder: Path) -> Path:
    """Go on with the run in ``folder`` from what it kept, with the data and options it had; the path of its report.

    It ends with the numbers of an unbroken run, bit for bit on a CPU. Raises ValueError for a run that is finished or
    whose data are others than they were.
    """
    records = read(folder)
    asked = records.recipe
    if asked is None or not asked.source:
        raise ValueError(needed(str(folder), "a run to go on with", "one that did not begin", "a new run"))
    if records.complete and records.status.status == "finished":
        raise ValueError(needed(str(folder), "a run that did not come to its end", "one that is finished"))
    kind, run = _PROGRAMS[asked.command]
    return run(kind(**tuples(asked.options)), Source(asked.source, tuples(asked.table)), folder, again=True)

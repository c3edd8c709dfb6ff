"""All records of a run folder, as far as they are there."""

import pathlib
from typing import NamedTuple

from dlcore.data.files import Path
from dlcore.runs.diagnoses import BudgetRecord, ChangesRecord, LayersRecord, TimingRecord, VerdictRecord
from dlcore.runs.record import written
from dlcore.runs.records import (
    FORMAT,
    DataRecord,
    EnvironmentRecord,
    PreprocessingRecord,
    RecipeRecord,
    SanityRecord,
    SetupRecord,
    StatusRecord,
    SweepRecord,
    TestRecord,
    TrainingRecord,
)


class Records(NamedTuple):
    """All records of a run folder: each is there or None, as a run may have been interrupted anywhere."""

    folder: pathlib.Path
    status: StatusRecord
    environment: EnvironmentRecord | None
    recipe: RecipeRecord | None
    data: DataRecord | None
    preprocessing: PreprocessingRecord | None
    sanity: SanityRecord | None
    timing: TimingRecord | None
    sweeps: tuple[SweepRecord, ...]
    setup: SetupRecord | None
    training: TrainingRecord | None
    verdict: VerdictRecord | None
    layers: LayersRecord | None
    changes: ChangesRecord | None
    test: TestRecord | None
    budget: BudgetRecord | None

    @property
    def name(self) -> str:
        """The data set's name."""
        found = self.data.name if self.data else self.recipe.data if self.recipe else ""
        return found or self.folder.name

    @property
    def chosen(self) -> SweepRecord | None:
        """The sweep that the chosen setup comes from; before the choice, the last one that has a best."""
        if self.setup:
            return next((sweep for sweep in self.sweeps if sweep.number == self.setup.sweep), None)
        return next((sweep for sweep in reversed(self.sweeps) if sweep.best is not None), None)

    @property
    def complete(self) -> bool:
        """Whether the run did all its steps."""
        asked = self.recipe
        tests = asked is None or asked.command == "recipe" or bool(asked.options.get("test"))
        if tests:
            return self.test is not None
        return self.training is not None and self.training.ending != "interrupted"


def read(folder: Path) -> Records:
    """The records of a run folder; raises ValueError, in one line, where it is none, of an old form or damaged."""
    folder = pathlib.Path(folder)
    return Records(
        folder=folder,
        status=_status(folder),
        environment=EnvironmentRecord.find(folder),
        recipe=RecipeRecord.find(folder),
        data=DataRecord.find(folder),
        preprocessing=PreprocessingRecord.find(folder),
        sanity=SanityRecord.find(folder),
        timing=TimingRecord.find(folder),
        sweeps=tuple(SweepRecord.read(folder, stem) for stem in _sweeps(folder)),
        setup=SetupRecord.find(folder),
        training=TrainingRecord.find(folder),
        verdict=VerdictRecord.find(folder),
        layers=LayersRecord.find(folder),
        changes=ChangesRecord.find(folder),
        test=TestRecord.find(folder),
        budget=BudgetRecord.find(folder),
    )


def _status(folder: pathlib.Path) -> StatusRecord:
    path = folder / f"{StatusRecord.file}.json"
    if not path.is_file():
        raise ValueError(f"{folder}: needed the folder of a run, with its {path.name}; try one below runs/")
    if "format" not in written(path.with_suffix("")):
        raise ValueError(f"{folder}: a run of an earlier dlcore, whose records this one does not read; try to run anew")
    found = StatusRecord.read(folder)
    if found.format != FORMAT:
        raise ValueError(f"{folder}: needed a run of format {FORMAT}, got {found.format}; try the dlcore that wrote it")
    return found


def _sweeps(folder: pathlib.Path) -> list[str]:
    found = [path.stem for path in folder.glob(f"{SweepRecord.file}_*.json")]
    return sorted(found, key=lambda stem: int(stem.rpartition("_")[2]))

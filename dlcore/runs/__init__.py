"""Run folders: typed records, one per step of a run, each written and read by itself."""

from dlcore.data.files import replace_file
from dlcore.runs.diagnoses import BudgetRecord, ChangesRecord, LayersRecord, TimingRecord, VerdictRecord
from dlcore.runs.folder import RunFolder, one_line, utc_now
from dlcore.runs.machine import environment
from dlcore.runs.reading import Records, read
from dlcore.runs.record import Record
from dlcore.runs.records import (
    DataRecord,
    EnvironmentRecord,
    Mistakes,
    PreprocessingRecord,
    RecipeRecord,
    Rung,
    SanityRecord,
    SetupRecord,
    StatusRecord,
    SweepRecord,
    TestRecord,
    TrainingRecord,
    Values,
)

__all__ = [
    "BudgetRecord",
    "ChangesRecord",
    "DataRecord",
    "EnvironmentRecord",
    "LayersRecord",
    "Mistakes",
    "PreprocessingRecord",
    "RecipeRecord",
    "Record",
    "Records",
    "RunFolder",
    "Rung",
    "SanityRecord",
    "SetupRecord",
    "StatusRecord",
    "SweepRecord",
    "TestRecord",
    "TimingRecord",
    "TrainingRecord",
    "Values",
    "VerdictRecord",
    "environment",
    "one_line",
    "read",
    "replace_file",
    "utc_now",
]

"""The typed records of a run, one per step. Recipe makes them, report renders whichever a folder has."""

import dataclasses
import pathlib
from typing import Any, NamedTuple, Self, cast

import numpy as np

from dlcore.data import Examples, Finding, Preprocessing, Summary
from dlcore.data.files import Path, explained, replace_file
from dlcore.diagnosis import Verdict
from dlcore.runs.record import Record
from dlcore.training import Criterion, History
from dlcore.training.metrics import LOSS
from dlcore.tuning import HalvingRung, Rows, Study, axes_of

FORMAT = 2  # of run folders; the first had no number


@dataclasses.dataclass(frozen=True, eq=False)
class StatusRecord(Record):
    """How far a run is: "running", "finished", "interrupted" or "failed", in which step, and why it failed."""

    file = "status"
    status: str
    started: str
    seconds: float
    step: str = ""
    failure: str = ""
    format: int = FORMAT


@dataclasses.dataclass(frozen=True, eq=False)
class RecipeRecord(Record):
    """What was asked for: the data set's name, the options, and of which command: recipe, fit or sweep.

    Where it can be gone on with also the ``source`` of the data, how its ``table`` is read, and the ``fingerprint`` of
    what is trained with.
    """

    file = "recipe"
    data: str
    options: dict[str, Any]
    command: str = "recipe"
    source: str = ""
    table: dict[str, Any] = dataclasses.field(default_factory=dict)
    fingerprint: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class DataRecord(Record):
    """The data set, the sizes of its parts and what the checks found.

    Of the training part, as it was read: ``counts`` [classes] of its classes, ``summaries`` of the columns of a table
    and a ``sample`` of its rows by the names of the columns, or a few images.
    """

    file = "data"
    name: str
    task: str
    target: str
    classes: tuple[str, ...]
    features: tuple[str, ...]
    width: int
    image_shape: tuple[int, ...] | None
    examples: int
    train: int
    validation: int
    test: int
    source: str
    license: str
    findings: tuple[Finding, ...]
    counts: Any = None
    summaries: tuple[Summary, ...] = ()
    sample: tuple[dict[str, str], ...] = ()
    shown: Examples | None = None

    def named(self, labels: Any) -> list[str]:
        """The names of class numbers, or the numbers where there are none."""
        known = range(len(self.classes))
        return [self.classes[int(i)] if int(i) in known else str(int(i)) for i in labels]


@dataclasses.dataclass(frozen=True, eq=False)
class PreprocessingRecord(Record):
    """What was done to the training part and is to be done to all other data; it has a form of its own."""

    file = "preprocessing"
    preprocessing: Preprocessing

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        text = self.preprocessing.to_json().encode()
        replace_file(pathlib.Path(folder, f"{self.file}.json"), lambda file: file.write(text))

    @classmethod
    def read(cls, folder: Path, stem: str | None = None) -> Self:
        """The record in ``folder``; raises ValueError, in one line, where there is none or not a whole one."""
        with explained(pathlib.Path(folder, f"{stem or cls.file}.json")) as path:
            return cls(Preprocessing.from_json(path.read_text(encoding="utf-8")))


class Rung(NamedTuple):
    """A few examples learned by heart: loss and, in classification, accuracy and verdict. [epochs]."""

    examples: int
    loss: Any
    accuracy: Any
    verdict: Verdict | None


@dataclasses.dataclass(frozen=True, eq=False)
class SanityRecord(Record):
    """The first loss beside the expected one, and the rungs of learning by heart."""

    file = "sanity"
    initial_loss: float
    expected: float
    expected_name: str
    verdict: Verdict | None
    rungs: tuple[Rung, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class SweepRecord(Record):
    """One sweep of a run: the ``number``-th, its space and its rows. All else that is known of it, its study says."""

    file = "sweep"
    name: str
    number: int
    space: tuple[dict[str, Any], ...]
    rows: Rows
    plan: str
    seconds: float
    compilations: int
    folds: int = 1
    by: Criterion = LOSS
    rungs: tuple[HalvingRung, ...] = ()

    @property
    def stem(self) -> str:
        """``sweep_1`` and so on."""
        return f"{self.file}_{self.number}"

    @property
    def study(self) -> Study:
        """The sweep as its study, without the setup it began with."""
        return Study(cast(Any, None), self.space, self.rows, rungs=self.rungs, by=self.by)

    @property
    def best(self) -> int | None:
        """The best configuration; None where all diverged."""
        return self.study.best if np.isfinite(self.study.mean).any() else None

    @property
    def alike(self) -> list[int]:
        """The configurations within one standard error of the best."""
        return [] if self.best is None else self.study.one_standard_error

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of every hyperparameter that was varied, by its path."""
        return axes_of(self.space)


@dataclasses.dataclass(frozen=True, eq=False)
class SetupRecord(Record):
    """The setup that was chosen: from which sweep, which of its configurations, as a saved setup and as text."""

    file = "setup"
    sweep: int
    configuration: int
    setup: Any
    text: str


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingRecord(Record):
    """The training of the choice, of several ``members`` their mean.

    ``best_epoch`` counts from 1; 0 where no epoch was sound. ``parameters`` are those of a member.
    """

    file = "training"
    ending: str
    best_epoch: int
    parameters: int
    seconds: float
    history: History
    members: int = 1

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.history.train_loss)


class Mistakes(NamedTuple):
    """Wrong predictions [n], the surest first: images as they were measured or cells by their columns, class numbers,
    probability.
    """

    x: Any
    cells: tuple[dict[str, str], ...]
    y: Any
    prediction: Any
    probability: Any


class Values(NamedTuple):
    """Targets of a regression and their predictions [n, k], in the units of the data."""

    y: Any
    prediction: Any


@dataclasses.dataclass(frozen=True, eq=False)
class TestRecord(Record):
    """The one opening of the test set. ``baseline``: the metrics of the best constant prediction.

    ``mistakes`` are the surest of all, ``by_class`` those of each class, by what they are.
    """

    __test__ = False  # for pytest: not a test
    file = "test"
    opened: str
    reason: str
    n: int
    loss: float
    metrics: dict[str, float]
    standard_error: dict[str, float]
    baseline: dict[str, float]
    confusion: Any = None
    mistakes: Mistakes | None = None
    values: Values | None = None
    by_class: Mistakes | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class EnvironmentRecord(Record):
    """What a run depends on besides its setup; what cannot be found out is None, ``memory`` is in bytes."""

    file = "environment"
    time: str
    versions: dict[str, str]
    platform: str
    device: str
    devices: int
    x64: bool
    matmul: str
    system: str
    processor: str | None
    cores: int | None
    memory: int | None
    revision: str | None
    changed: bool

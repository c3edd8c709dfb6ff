"""The typed records of what was found out about a training."""

import dataclasses
from typing import Any

from dlcore.diagnosis import ErrorBudget, Histograms, Layers, Timing, Verdict
from dlcore.runs.record import Record
from dlcore.runs.records import Mistakes
from dlcore.training import Criterion
from dlcore.training.metrics import LOSS


@dataclasses.dataclass(frozen=True, eq=False)
class VerdictRecord(Record):
    """What the training, its data and its curves say: the verdict to mend first, and the ``others`` in that order."""

    file = "verdict"
    verdict: Verdict
    others: tuple[Verdict, ...] = ()

    @property
    def all(self) -> tuple[Verdict, ...]:
        """All of them."""
        return self.verdict, *self.others


@dataclasses.dataclass(frozen=True, eq=False)
class LayersRecord(Record):
    """How the layers of a training stand before the first step and after the last; of several members, of one.

    [parts] each: ``names`` and ``kinds``, which are ``weighted``, and how far their parameters ``moved``.
    """

    file = "layers"
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    weighted: tuple[bool, ...]
    moved: Any
    layers: Layers
    histograms: Histograms

    @property
    def titles(self) -> list[str]:
        """What each part is called, and what it is."""
        return [f"{name.removeprefix('model.')} {kind}" for name, kind in zip(self.names, self.kinds, strict=True)]


@dataclasses.dataclass(frozen=True, eq=False)
class TimingRecord(Record):
    """Where the time of an iteration goes on this machine."""

    file = "timing"
    timing: Timing
    verdicts: tuple[Verdict, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class ChangesRecord(Record):
    """The choice as it is and after each single change of ``names``, compared ``by`` a loss or metric.

    [names] each: ``mean`` and ``standard_error`` over the seeds of what is compared, ``gain`` and ``gain_error`` of the
    paired differences to the first, which is the choice as it is.
    """

    file = "changes"
    names: tuple[str, ...]
    mean: Any
    standard_error: Any
    gain: Any
    gain_error: Any
    seeds: int
    seconds: float
    verdicts: tuple[Verdict, ...]
    by: Criterion = LOSS


@dataclasses.dataclass(frozen=True, eq=False)
class BudgetRecord(Record):
    """What errors on new examples are made of, and what an error is ``of``; ``source`` of the ground truth.

    ``suspects`` are examples whose labels look wrong, the surest first, their ``prediction`` what they look like.
    """

    file = "budget"
    budget: ErrorBudget
    of: str
    source: str
    verdicts: tuple[Verdict, ...]
    suspects: Mistakes | None = None

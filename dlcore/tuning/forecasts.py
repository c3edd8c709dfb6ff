"""What a sweep will take, before it starts: rows at once, calls, memory and time, by one call of each program."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dlcore.training import Setup
from dlcore.tuning.halving import Bracket
from dlcore.tuning.layout import Plan
from dlcore.tuning.search import Asked, How, brackets_of, laid
from dlcore.tuning.widths import Trial, long, settled, tried


class Forecast(NamedTuple):
    """Of one program: its tiles and calls, the ``bytes`` of a call on a device, of ``free`` ones, and the ``seconds``.

    ``free`` is None where nobody says. The seconds are those of all calls, as if no training stopped early, without
    what the compiler takes.
    """

    plan: Plan
    epochs: int
    bytes: int
    free: int | None
    seconds: float

    def __str__(self) -> str:
        free = "" if self.free is None else f" of {_size(self.free)} free"
        return f"{self.plan} of {self.epochs} epochs; {_size(self.bytes)}{free}; {_time(self.seconds)}"


class SweepPlan(tuple[Forecast, ...]):
    """What ``plan`` gives, a ``Forecast`` for each program; printed it is a line for each."""

    @property
    def seconds(self) -> float:
        """Seconds of all programs, one after the other."""
        return sum(one.seconds for one in self)

    @property
    def bytes(self) -> int:
        """What the largest call takes on a device."""
        return max(one.bytes for one in self)

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def __repr__(self) -> str:
        return str(self)


def forecast(asked: Asked, setups: Sequence[Setup], how: How) -> SweepPlan:
    """Compile every program of a study, train two epochs of a call, in a long study in several widths, and say."""
    known = laid(asked, setups, how)
    brackets = brackets_of(asked, setups)
    found = []
    for group, name in zip(known.groups, known.names, strict=True):
        share = _share(brackets, group.epochs)
        trial = tried(group, known.data, how.devices)
        if name and long(trial.whole * group.epochs * share, trial.compiling):
            trial = settled(group, known.data, how.devices, trial)
        found.append(_forecast(trial, group.epochs, share))
    return SweepPlan(found)


def _forecast(trial: Trial, epochs: int, share: float) -> Forecast:
    return Forecast(trial.plan, epochs, trial.bytes, trial.free, trial.whole * epochs * share)


def _share(brackets: Sequence[Bracket], epochs: int) -> float:
    """The part of all epochs of all configurations that is trained where some leave early."""
    trained, whole = 0, 0
    for bracket in brackets:
        alive, before = len(bracket.configurations), 0
        whole += alive * epochs
        for until in bracket.epochs:
            trained, before = trained + alive * ((until or epochs) - before), until
            alive = bracket.survivors(alive)
    return trained / whole


def _size(count: float) -> str:
    return _said(count, {"GB": 1e9, "MB": 1e6, "kB": 1e3}, "bytes")


def _time(seconds: float) -> str:
    return _said(seconds, {"h": 3600.0, "min": 60.0}, "s")


def _said(value: float, units: Mapping[str, float], least: str) -> str:
    """``value`` in the largest of ``units`` that it fills, else in the ``least``."""
    unit, size = next(((unit, size) for unit, size in units.items() if value >= size), (least, 1.0))
    return f"{value / size:.3g} {unit}"

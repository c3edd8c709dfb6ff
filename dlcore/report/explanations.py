"""The sections that explain a training: where its time goes, what its neighbors say, what its error is made of."""

import numpy as np

from dlcore.console.numbers import MISSING, TIMES, percent, places, short, with_error
from dlcore.console.progress import duration
from dlcore.probability import Estimate
from dlcore.report.parts import Section, Table, verdict
from dlcore.runs import BudgetRecord, ChangesRecord, LayersRecord, TimingRecord

_ROWS = 12  # of layers, that are not folded
_PLACES = 4  # behind the point: runs that are alike have next to no error


def timing(record: TimingRecord) -> Section:
    """Where the time of an iteration goes."""
    t = record.timing
    parts = {"fetch the examples": t.data, "forward": t.forward, "backward": t.backward, "update": t.update}
    rows = [[name, duration(seconds), percent(seconds / (t.iteration or 1))] for name, seconds in parts.items()]
    facts = [
        ("an iteration", duration(t.iteration)),
        ("an epoch", f"{short(t.steps)} iterations in {duration(t.steps * t.iteration)}"),
        ("evaluation", f"{duration(t.evaluation)} an epoch"),
        ("compilation of the loop", duration(t.compilation)),
        ("one training", f"{short(t.epochs)} epochs, {duration(t.left())}"),
    ]
    table = Table("Of an iteration", ("part", "time", "share"), rows)
    return Section("timing", "Time", facts, [verdict(one) for one in record.verdicts], [table])


def layers(record: LayersRecord) -> Section:
    """How each layer stands, before the first step and after the last."""
    found = {name: np.asarray(values, float) for name, values in record.layers._asdict().items()}
    norms = found["params"][0]
    moved = np.asarray(record.moved, float) / np.where(record.weighted & (norms > 0), norms, np.nan)
    rows = [
        [
            title,
            _between(found["activation"][:, i]),
            *(_share(found[name][1, i]) for name in ("dead", "saturated")),
            _between(found["gradient"][:, i]) if record.weighted[i] else MISSING,
            MISSING if np.isnan(moved[i]) else short(float(moved[i]), 2),
        ]
        for i, title in enumerate(record.titles)
    ]
    columns = ("layer", "activation", "dead units", "saturated", "gradient", "moved")
    what = "Root mean squares of activations and norms of gradients before the first step → after the last; dead and "
    what += "saturated units after it; how far the parameters moved, in units of the norm that they began with"
    table = Table(what, columns, rows, folded=len(rows) > _ROWS)
    return Section("layers", "Inside the network", tables=[table.filled()])


def _between(ends: np.ndarray) -> str:
    return f"{short(float(ends[0]), 2)} → {short(float(ends[1]), 2)}"


def _share(value: float) -> str:
    return MISSING if np.isnan(value) else percent(value)


def changes(record: ChangesRecord) -> Section:
    """The choice beside its neighbors."""
    told = zip(record.names, record.mean, record.standard_error, record.gain, record.gain_error, strict=True)
    rows = [
        [name, _number(mean, error), MISSING if i == 0 else _number(gain, gain_error)]
        for i, (name, mean, error, gain, gain_error) in enumerate(told)
    ]
    made = f"{len(rows)} setups {TIMES} {record.seeds} seeds"
    facts = [("trainings", f"{short(len(rows) * record.seeds)} ({made})"), ("time", duration(record.seconds))]
    table = Table("Mean ± standard error; gains seed by seed", ("change", str(record.by), "gained"), rows)
    return Section("changes", "One change at a time", facts, [verdict(one) for one in record.verdicts], [table])


def _number(value: float, error: float) -> str:
    digits = min(places(error) or 0, _PLACES) if np.isfinite(error) else None
    return with_error(value, error, digits) if np.isfinite(value) else MISSING


def budget(record: BudgetRecord) -> Section:
    """What the error is made of."""
    b = record.budget
    facts = [("errors are", record.of), ("ground truth", record.source)]
    parts = {"training": ("bias", b.bias), "validation": ("variance", b.variance), "test": ("overuse", b.overuse)}
    rows = [
        [name, _estimate(record, error), *(_part(record, *parts[name]) if name in parts else (MISSING, MISSING))]
        for name, error in b.known.items()
    ]
    table = Table("Each error, and what is added to the one above", ("part", "error", "adds", "by"), rows)
    return Section("budget", "Error budget", facts, [verdict(one) for one in record.verdicts], [table])


def _part(record: BudgetRecord, name: str, part: Estimate | None) -> tuple[str, str]:
    return name, MISSING if part is None else _estimate(record, part)


def _estimate(record: BudgetRecord, error: Estimate) -> str:
    if record.of == "error rate":
        return f"{percent(error.value)} ± {percent(error.standard_error)}"
    return with_error(*error)

"""The report in words, in the order of the recipe's steps: facts, verdicts and tables of each section."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dlcore.console.numbers import (
    MISSING,
    TIMES,
    fixed,
    grouped,
    memory,
    metric,
    percent,
    places,
    short,
    when,
    with_error,
)
from dlcore.console.progress import duration
from dlcore.data import Summary
from dlcore.report import closing, explanations, outcomes
from dlcore.report.parts import Finding, Section, Table, each, verdict, with_cells
from dlcore.runs import (
    BudgetRecord,
    DataRecord,
    EnvironmentRecord,
    RecipeRecord,
    Records,
    SanityRecord,
    SetupRecord,
    SweepRecord,
    TrainingRecord,
    VerdictRecord,
)
from dlcore.tree import configured

_CONFIGURATIONS = 10  # rows of a sweep's table
_WORDS = 3  # of a column
_CLASSES = 20  # whose names are listed


def sections(records: Records) -> Iterator[Section]:
    """The sections whose records are there."""
    data = records.data
    yield from each(
        (data, _data),
        (records.sanity, _sanity),
        (records.timing, explanations.timing),
        *((sweep, _sweep) for sweep in records.sweeps),
        (records.training, _training),
        (records.verdict, _verdict),
        (records.layers, explanations.layers),
        (records.changes, explanations.changes),
        (records.test, lambda test: outcomes.opened(test, data)),
        (records.budget, lambda budget: _budget(budget, data)),
        (records.verdict, lambda _: closing.to_try(records)),
        (records.environment, _environment),
        (records.recipe or records.setup, lambda _: _setup(records.recipe, records.setup)),
        (records.recipe, lambda recipe: closing.to_cite(recipe, data, records.environment)),
    )


def _verdict(record: VerdictRecord) -> Section:
    return Section("verdict", "Verdict", findings=[verdict(one) for one in record.all])


def _data(data: DataRecord) -> Section:
    shape = f", images of {f' {TIMES} '.join(map(str, data.image_shape))}" if data.image_shape else ""
    more = " …" * (len(data.classes) > _CLASSES)
    facts = [
        ("name", data.name),
        ("task", data.task),
        ("target", data.target),
        ("examples", f"{grouped(data.examples)}: {_sizes(data)}"),
        ("features", short(data.width) + shape),
        ("classes", f"{len(data.classes)}: {', '.join(data.classes[:_CLASSES])}{more}" if data.classes else ""),
        ("source", data.source),
        ("license", data.license),
    ]
    tones = {"error": "bad", "warning": "warning", "note": "good"}
    found = [Finding(tones[f.severity], f.kind, f.message) for f in data.findings]
    found = found or [Finding("good", "checked", "nothing conspicuous was found")]
    tables = [_summaries(data.summaries)] if data.summaries else []
    if data.sample:
        tables.append(with_cells("A few examples", [], [[] for _ in data.sample], data.sample))
    return Section("data", "Data", [fact for fact in facts if fact[1]], found, tables)


def _summaries(summaries: Sequence[Summary]) -> Table:
    rows = [
        [s.name, short(s.missing), short(s.different), *(short(v, 3) for v in (s.low, s.mean, s.high)), _common(s)]
        for s in summaries
    ]
    columns = ("column", "missing", "different", "lowest", "mean", "highest", "most frequent")
    return Table(f"Columns in the training part: {len(rows)}", columns, rows, folded=True).filled()


def _common(summary: Summary) -> str:
    shown = zip(summary.words[:_WORDS], summary.counts, strict=False)
    return ", ".join(f"{word} ({count})" for word, count in shown) or MISSING


def _sizes(data: DataRecord) -> str:
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    return ", ".join(f"{grouped(n)} {name}" for name, n in parts.items())


def _sanity(sanity: SanityRecord) -> Section:
    facts = [
        ("loss before training", short(sanity.initial_loss)),
        ("expected", f"{sanity.expected_name} = {short(sanity.expected)}"),
    ]
    rows = [
        [
            short(rung.examples),
            short(len(rung.loss)),
            fixed(rung.loss[-1]),
            MISSING if rung.accuracy is None else percent(rung.accuracy[-1]),
            rung.verdict.kind if rung.verdict else MISSING,
        ]
        for rung in sanity.rungs
    ]
    wrong = [r.verdict for r in sanity.rungs if r.verdict and r.verdict.severity != "good"]
    found = [verdict(v) for v in (sanity.verdict, *wrong) if v]
    tables = [Table("", ("examples", "epochs", "loss", "accuracy", "verdict"), rows, left=0).filled()] if rows else []
    return Section("sanity", "Sanity", facts, found, tables)


def _sweep(sweep: SweepRecord) -> Section:
    configurations, runs = sweep.study.score.shape
    trainings, folds = configurations * runs, f" {TIMES} {sweep.folds} folds" * (sweep.folds > 1)
    made = f"{configurations} configurations {TIMES} {runs // sweep.folds} seeds{folds}"
    facts = [
        ("trainings", f"{short(trainings)} ({made})"),
        ("time", f"{duration(sweep.seconds)}, {duration(sweep.seconds / trainings)} each"),
        ("compilations", short(sweep.compilations)),
        ("plan", sweep.plan),
    ]
    kind = ("bad", "diverged") if sweep.best is None else ("warning", "edge of the range")
    found = [Finding(*kind, line) for line in sweep.study.warnings]
    return Section(f"sweep_{sweep.number}", f"Tuning, {sweep.name}", facts, found, [_configurations(sweep)])


def _configurations(sweep: SweepRecord) -> Table:
    study, best, alike, paths = sweep.study, sweep.best, sweep.alike, list(sweep.axes)
    mean, error, lost, seeds = study.mean, study.standard_error, study.diverged.sum(1), study.score.shape[1]
    accurate = "accuracy" in study.rows.history.validation_metrics and study.by.name != "accuracy"
    right = study.metric("accuracy").mean(1) if accurate else mean
    digits = None if best is None else places(float(error[best]))
    rows = []
    for i in study.order[:_CONFIGURATIONS]:
        mark = "best" if i == best else "≈" if i in alike else ""
        loss = with_error(mean[i], error[i], digits) if np.isfinite(mean[i]) else MISSING
        share = [percent(right[i])] * accurate
        values = [short(study.space[i].get(path)) for path in paths]
        rows.append([mark, *values, loss, *share, f"{lost[i]} of {seeds}" if lost[i] else "0"])
    shown = f"The best {len(rows)} of {len(mean)}" if len(rows) < len(mean) else f"All {len(rows)}"
    caption = f"{shown}, mean ± standard error; ≈: within one standard error of the best"
    return Table(caption, ["", *paths, str(study.by), *["accuracy"] * accurate, "diverged"], rows)


def _training(training: TrainingRecord) -> Section:
    best, epochs, h = training.best_epoch, training.epochs, training.history
    facts = [
        ("ending", training.ending),
        ("epochs", f"{short(epochs)}, the best is epoch {short(best)}" if best else short(epochs)),
        ("members", f"{short(training.members)}: the curves are their mean" if training.members > 1 else ""),
        ("parameters", short(training.parameters)),
        ("time", duration(training.seconds)),
    ]
    names = list(h.validation_metrics)
    pairs = [(h.train_metrics[name], h.validation_metrics[name]) for name in names]
    rows = []
    for word, i in [("best", best - 1)] * (best > 0) + [("last", epochs - 1)] * (epochs > 0):
        losses = [fixed(h.train_loss[i]), fixed(h.validation_loss[i])]
        measured = [metric(name, part[i]) for name, pair in zip(names, pairs, strict=True) for part in pair]
        rows.append([word, short(i + 1), *losses, *measured])
    parts = [f"{part} {name}" for name in ("loss", *names) for part in ("training", "validation")]
    tables = [Table("", ["epoch", "number", *parts], rows)] if rows else []
    return Section("training", "Training", [fact for fact in facts if fact[1]], tables=tables)


def _budget(budget: BudgetRecord, data: DataRecord | None) -> Section:
    section = explanations.budget(budget)
    if not (budget.suspects and budget.suspects.cells and data):
        return section
    columns = ["looks like", "label", "probability"]
    table = outcomes.named_rows("Labels that look wrong, the surest first", columns, budget.suspects, data)
    return section._replace(tables=[*section.tables, table])


def _environment(e: EnvironmentRecord) -> Section:
    facts = [
        ("started", when(e.time)),
        ("device", f"{e.devices} {TIMES} {e.device} ({e.platform})"),
        ("machine", machine_of(e)),
        ("system", e.system),
        ("precision", f"{'64' if e.x64 else '32'} bit, products: {e.matmul}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in e.versions.items())),
        ("git revision", f"{e.revision}{', with changes' * e.changed}" if e.revision else ""),
    ]
    return Section("environment", "Environment", [fact for fact in facts if fact[1]])


def machine_of(e: EnvironmentRecord) -> str:
    """Processor, cores and memory in a line."""
    return f"{e.processor or 'processor'}, {short(e.cores)} cores, {memory(e.memory)}"


def _setup(recipe: RecipeRecord | None, setup: SetupRecord | None) -> Section:
    tables = []
    if setup:
        rows = _rows_of(setup.setup)
        tables.append(Table("Every value by its path", ("path", "value"), rows, left=2, folded=True))
    if recipe:
        rows = [["data", recipe.data], *_rows_of(recipe.options)]
        tables.append(Table(f"Options of the {recipe.command}", ("option", "value"), rows, left=2, folded=True))
    return Section("setup", "Set-up", tables=tables, text=setup.text if setup else "")


def _rows_of(config: Any) -> list[list[str]]:
    def said(value):
        return ", ".join(map(short, value)) if isinstance(value, (list, tuple)) else short(value, 6)

    return [[path, said(value)] for path, value in configured(config)]

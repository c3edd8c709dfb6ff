"""The short table at the end of a run."""

import os
import textwrap
from collections.abc import Iterator, Sequence

from dlcore.console.numbers import metric, percent, short, with_error
from dlcore.console.progress import duration
from dlcore.report.closing import next_steps
from dlcore.runs import BudgetRecord, DataRecord, Records, SanityRecord, SweepRecord, TestRecord, VerdictRecord, read

_WIDTH = 80


def summary(folder: str | os.PathLike[str]) -> str:
    """The result of a run folder as plain text in two columns, at most 80 wide; paths are never broken."""
    return two_columns(list(_rows(read(folder))), _WIDTH)


def two_columns(rows: Sequence[tuple[str, str]], width: int | None = None) -> str:
    """Names and what they say below each other, wrapped where the text is wider than ``width``."""
    left = max(len(name) for name, _ in rows) + 2
    lines = []
    for name, value in rows:
        wrapped = [value] if width is None else _wrapped(value, width - left)
        lines.append(name.ljust(left) + wrapped[0])
        lines += [" " * left + line for line in wrapped[1:]]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _rows(records: Records) -> Iterator[tuple[str, str]]:
    chosen, t = records.chosen, records.training
    if records.data:
        yield from _data_rows(records.data)
    if records.sanity:
        yield from _sanity_rows(records.sanity)
    if chosen and chosen.best is not None:
        yield from _choice_rows(chosen, records.setup.configuration if records.setup else chosen.best)
    if t:
        yield "epochs", f"{t.epochs}{f', best {t.best_epoch}' if t.best_epoch else ''} ({t.ending})"
    if records.verdict:
        yield from _verdict_rows(records.verdict)
        yield from (("  try next", step.advice) for step in next_steps(records)[:1])
    if records.test:
        yield from _test_rows(records.test)
    if records.budget:
        yield from _budget_rows(records.budget)
    if records.status.failure:
        yield "failed", records.status.failure
    elif not records.complete:
        yield "interrupted", "the run did not come to its end"
    yield "time", duration(records.status.seconds)
    yield "report", str(records.folder / "report.html")


def _data_rows(data: DataRecord) -> Iterator[tuple[str, str]]:
    kinds = f", {len(data.classes)} classes" if data.classes else ""
    yield "data", f"{data.name}: {data.examples} examples{kinds}"
    yield "sizes", f"{data.train} / {data.validation} / {data.test} (training / validation / test)"


def _sanity_rows(sanity: SanityRecord) -> Iterator[tuple[str, str]]:
    expected = f"{sanity.expected_name} = {short(sanity.expected)}"
    yield "initial loss", f"{short(sanity.initial_loss)} ({expected})"
    for rung in sanity.rungs:
        right = "" if rung.accuracy is None else f", accuracy {percent(rung.accuracy[-1])}"
        kind = f" ({rung.verdict.kind})" if rung.verdict else ""
        yield f"overfit {rung.examples}", f"loss {short(rung.loss[-1], 2)}{right}{kind}"


def _choice_rows(sweep: SweepRecord, best: int) -> Iterator[tuple[str, str]]:
    yield "chosen", f"in the sweep {sweep.name!r}"
    for path, value in sweep.space[best].items():
        yield "", f"{path} = {short(value)}"
    yield str(sweep.by), with_error(sweep.study.mean[best], sweep.study.standard_error[best])


def _verdict_rows(found: VerdictRecord) -> Iterator[tuple[str, str]]:
    verdict = found.verdict
    yield "verdict", "; ".join([verdict.kind, *(one.kind for one in found.others if one.severity != "good")])
    if verdict.evidence:
        yield "  evidence", verdict.evidence[0]


def _budget_rows(found: BudgetRecord) -> Iterator[tuple[str, str]]:
    """What the error is made of, and which part to work on."""
    known = [f"{name} {with_error(*error)}" for name, error in found.budget.known.items()]
    yield "error budget", f"{', '.join(known)} ({found.of}): {'; '.join(one.kind for one in found.verdicts)}"
    if "ground truth" not in found.budget.known:
        yield "  ground truth", found.source


def _test_rows(test: TestRecord) -> Iterator[tuple[str, str]]:
    for name, value in (test.metrics or {"loss": test.loss}).items():
        constant = f" (constant prediction: {metric(name, test.baseline[name])})" if name in test.baseline else ""
        yield f"test {name}", metric(name, value, test.standard_error.get(name)) + constant

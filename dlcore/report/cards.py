"""The summary on top of the report: a few numbers."""

from collections.abc import Iterator
from typing import NamedTuple

from dlcore.console.numbers import metric, short, with_error
from dlcore.console.progress import duration
from dlcore.report.sections import machine_of
from dlcore.runs import Records, TestRecord


class Card(NamedTuple):
    """A number of the summary with what it is and what more there is to say."""

    title: str
    value: str
    note: str = ""


def cards(records: Records) -> Iterator[Card]:
    """The summary: result on the test set, choice, time and machine."""
    chosen, setup = records.chosen, records.setup
    if records.test:
        yield from _result(records.test)
    if chosen and chosen.best is not None:
        best = setup.configuration if setup else chosen.best
        score = with_error(chosen.study.mean[best], chosen.study.standard_error[best])
        yield Card(str(chosen.by), score, f"best of {len(chosen.space)} configurations")
        for path, value in chosen.space[best].items():
            yield Card(path.rpartition(".")[2].replace("_", " "), short(value), path)
    machine = machine_of(records.environment) if records.environment else ""
    yield Card("time", duration(records.status.seconds), machine)


def _result(test: TestRecord) -> Iterator[Card]:
    """The first metric, and the second where it tells another story, each beside the best constant prediction."""
    for i, (name, value) in enumerate(list((test.metrics or {"loss": test.loss}).items())[:2]):
        constant = f"; a constant prediction: {metric(name, test.baseline[name])}" if name in test.baseline else ""
        note = f"{short(test.n)} examples, opened once{constant}" if i == 0 else constant.removeprefix("; ")
        yield Card(f"test {name}", metric(name, value, test.standard_error.get(name)), note)

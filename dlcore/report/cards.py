"""The summary on top of the report: a few numbers."""

from collections.abc import Iterator
from typing import NamedTuple

from dlcore.report.contents import Contents
from dlcore.report.numbers import metric, short, with_error
from dlcore.report.progress import duration
from dlcore.report.sections import machine_of


class Card(NamedTuple):
    """A number of the summary with what it is and what more there is to say."""

    title: str
    value: str
    note: str = ""


def cards(contents: Contents) -> Iterator[Card]:
    """The summary: result on the test set, choice, time and machine."""
    test, chosen = contents.test, contents.chosen
    if test:
        errors, found = test.get("standard_error") or {}, {**(test.get("metrics") or {}), "loss": test.get("loss")}
        name = next(iter(found))
        count = f"{short(test.get('n'))} examples, opened once"
        yield Card(f"test {name}", metric(name, found[name], errors.get(name)), count)
    if chosen is not None and chosen.best is not None:
        best = chosen.best
        loss = with_error(chosen.mean[best], chosen.standard_error[best])
        yield Card("validation loss", loss, f"best of {len(chosen.space)} configurations")
        for path, value in chosen.space[best].items():
            yield Card(path.rpartition(".")[2].replace("_", " "), short(value), path)
    if contents.seconds is not None:
        machine = machine_of(contents.environment) if contents.environment else ""
        yield Card("time", duration(contents.seconds), machine)

"""What a report ends with: what to try next, and how to cite a run and do it again."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dlcore.console.numbers import when
from dlcore.diagnosis import Verdict
from dlcore.report.parts import Section, Table
from dlcore.runs import DataRecord, EnvironmentRecord, RecipeRecord, Records

_SHOWN = 6  # pieces of advice
_SEVERITIES = ("bad", "warning", "good")

# what a run has tried in vain, by the verdict that says so: no advice that begins like this stands beside it
_IN_VAIN = {
    "more data hardly help": ("more data",),
    "no neighbor is better": ("a learning rate 2", "a learning rate 3", "less weight decay"),
}


class Step(NamedTuple):
    """Something to try, and the verdict that advises it, with its first evidence."""

    advice: str
    verdict: Verdict

    @property
    def why(self) -> str:
        """In a line."""
        return ": ".join([self.verdict.kind, *self.verdict.evidence[:1]])


def next_steps(records: Records) -> list[Step]:
    """The advice of all verdicts of a run, those on what is wrong first, each once.

    What the run has tried in vain is left out, whatever its curves advise.
    """
    told = list(_verdicts(records))
    vain = tuple(start for one in told for start in _IN_VAIN.get(one.kind, ()))
    steps: dict[str, Step] = {}
    for verdict in sorted(told, key=lambda one: _SEVERITIES.index(one.severity)):
        for advice in verdict.try_next:
            if not advice.startswith(vain or "\0"):
                steps.setdefault(advice.partition(",")[0], Step(advice, verdict))
    return list(steps.values())[:_SHOWN]


def _verdicts(records: Records) -> Iterator[Verdict]:
    if records.sanity:
        yield from (one for one in (records.sanity.verdict, *(r.verdict for r in records.sanity.rungs)) if one)
    if records.verdict:
        yield from records.verdict.all
    for record in (records.changes, records.budget):
        yield from record.verdicts if record else ()


def to_try(records: Records) -> Section:
    """The next steps as a section."""
    rows = [[step.advice, step.why] for step in next_steps(records)]
    text = () if rows else (("nothing", "no verdict advises anything: what was asked for is done"),)
    tables = [Table("", ("try", "because"), rows, left=2)] if rows else []
    return Section("next", "What to try next", text, tables=tables)


def to_cite(recipe: RecipeRecord, data: DataRecord | None, machine: EnvironmentRecord | None) -> Section:
    """How to cite a run, and the command that does it again."""
    facts = [
        ("cite as", _sentence(recipe, data, machine)),
        ("data are the same", f"if their fingerprint is {recipe.fingerprint}" if recipe.fingerprint else ""),
        ("numbers are the same", "bit for bit with these versions on such a processor, and to rounding on others"),
    ]
    again = f"{command(recipe)}\n" if recipe.source else ""
    return Section("cite", "To cite, and to do again", [fact for fact in facts if fact[1]], text=again)


def _sentence(recipe: RecipeRecord, data: DataRecord | None, machine: EnvironmentRecord | None) -> str:
    versions = machine.versions if machine else {}
    by = ", ".join(f"{name} {versions[name]}" for name in ("dlcore", "jax", "python") if name in versions) or "dlcore"
    where = f", {machine.processor or machine.device}, {when(machine.time)}" if machine else ""
    known = machine.revision if machine else None
    revision = f", revision {known[:12]}{' with changes' * machine.changed}" if machine and known else ""
    source = f" ({data.source})" if data and data.source else ""
    return (
        f"{recipe.data}{source}: dlcore {recipe.command}, seed {recipe.options.get('seed', 0)}; {by}{revision}{where}."
    )


def command(recipe: RecipeRecord) -> str:
    """The command line of a run with all its options, said or not: other defaults one day change nothing."""
    table = {name: str(value) if isinstance(value, bool) else value for name, value in recipe.table.items()}
    return shlex.join(["dlcore", recipe.command, recipe.source, *_said(table), *_said(recipe.options)])


def _said(options: Mapping[str, Any]) -> Iterator[str]:
    """Options as words, those that are True alone as flags; what is None, empty or not asked for is not said."""
    for name, value in options.items():
        if value is None or value is False or (isinstance(value, Sequence) and not len(value)):
            continue
        yield f"--{name.replace('_', '-')}"
        if value is not True:
            yield from map(str, value if isinstance(value, (list, tuple)) else [value])

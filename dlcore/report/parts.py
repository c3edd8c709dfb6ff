"""What a page of the report is made of: sections with facts, findings and tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from dlcore.console.numbers import MISSING
from dlcore.diagnosis import Verdict

T = TypeVar("T")
_CELLS = 7  # of an example that are shown


class Table(NamedTuple):
    """A table: the first ``left`` columns hold words, the others numbers, right-aligned."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    folded: bool = False

    def filled(self) -> "Table":
        """The table without columns in which everything is missing."""
        kept = [j for j in range(len(self.columns)) if any(row[j] != MISSING for row in self.rows)]
        rows = [[row[j] for j in kept] for row in self.rows]
        return self._replace(columns=[self.columns[j] for j in kept], rows=rows)


class Finding(NamedTuple):
    """A verdict, or something found in the data; ``tone`` is "good", "warning" or "bad"."""

    tone: str
    kind: str
    reason: str
    evidence: Sequence[str] = ()
    advice: Sequence[str] = ()


class Section(NamedTuple):
    """One step of the recipe; ``key`` is what its figures are filed under."""

    key: str
    title: str
    facts: Sequence[tuple[str, str]] = ()
    findings: Sequence[Finding] = ()
    tables: Sequence[Table] = ()
    text: str = ""


class Drawing(NamedTuple):
    """A figure, not drawn yet, with its file name, the section of the report where it belongs and what it shows."""

    name: str
    section: str
    caption: str
    draw: Callable[[], Any]


def with_cells(
    caption: str, columns: Sequence[str], first: Sequence[Sequence[str]], cells: Sequence[Mapping[str, str]]
) -> Table:
    """A table of examples that are rows of a table: what is ``first`` said of each, then its first cells."""
    names = list(cells[0])[:_CELLS]
    rows = [[*said, *(row[name] or MISSING for name in names)] for said, row in zip(first, cells, strict=True)]
    return Table(caption, [*columns, *names], rows, left=min(2, len(columns)), folded=not columns)


def each(*steps: tuple[Any, Callable[[Any], T]]) -> Iterator[T]:
    """What is made of every record that is there."""
    for record, made in steps:
        if record:
            yield made(record)


def verdict(found: Verdict) -> Finding:
    """A verdict as a finding."""
    return Finding(found.severity, found.kind, found.reason, found.evidence, found.try_next)

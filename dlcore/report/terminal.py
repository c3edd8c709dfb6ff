"""The short table at the end of a run."""

import os
import textwrap
from collections.abc import Iterator

from dlcore.report.contents import Contents, Sweep, read
from dlcore.report.numbers import metric, percent, short, with_error
from dlcore.report.progress import duration

_WIDTH = 80


def summary(folder: str | os.PathLike[str]) -> str:
    """The result of a run folder as plain text in two columns, at most 80 wide; paths are never broken."""
    rows = list(_rows(read(folder)))
    left = max(len(name) for name, _ in rows) + 2
    lines = []
    for name, value in rows:
        wrapped = textwrap.wrap(value, _WIDTH - left, break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(name.ljust(left) + wrapped[0])
        lines += [" " * left + line for line in wrapped[1:]]
    return "\n".join(lines)


def _rows(contents: Contents) -> Iterator[tuple[str, str]]:
    if contents.data:
        yield from _data_rows(contents.data)
    if contents.sanity:
        yield from _sanity_rows(contents.sanity)
    if contents.chosen is not None:
        yield from _choice_rows(contents.chosen)
    if contents.training:
        t = contents.training
        best = f", best {t['best_epoch']}" if t.get("best_epoch") else ""
        yield "epochs", f"{t['epochs']}{best} ({t['ending']})"
    if contents.verdict:
        yield from _verdict_rows(contents.verdict)
    if contents.test:
        errors = contents.test.get("standard_error") or {}
        for name, value in (contents.test.get("metrics") or {"loss": contents.test["loss"]}).items():
            yield f"test {name}", metric(name, value, errors.get(name))
    if not contents.complete:
        yield "interrupted", "the run did not come to its end"
    if contents.seconds is not None:
        yield "time", duration(contents.seconds)
    yield "report", str(contents.folder / "report.html")


def _data_rows(data):
    sizes = " / ".join(str(data[part]) for part in ("train", "validation", "test"))
    kinds = f", {len(data['classes'])} classes" if data.get("classes") else ""
    yield "data", f"{data['name']}: {data['examples']} examples{kinds}"
    yield "sizes", f"{sizes} (training / validation / test)"


def _sanity_rows(sanity):
    expected = f"{sanity.get('expected_name', 'expected')} = {short(sanity['expected'])}"
    yield "initial loss", f"{short(sanity['initial_loss'])} ({expected})"
    for rung in sanity.get("overfit") or []:
        n, accuracy = rung["examples"], rung.get("final_accuracy")
        right = "" if accuracy is None else f", accuracy {percent(accuracy)}"
        kind = f" ({rung['verdict']['kind']})" if rung.get("verdict") else ""
        yield f"overfit {n}", f"loss {short(rung['final_loss'], 2)}{right}{kind}"


def _choice_rows(sweep: Sweep):
    best = sweep.best
    if best is None:
        return
    for i, (path, value) in enumerate(sweep.space[best].items()):
        yield "" if i else "chosen", f"{path} = {short(value)}"
    yield "validation loss", with_error(sweep.mean[best], sweep.standard_error[best])


def _verdict_rows(verdict):
    yield "verdict", str(verdict["kind"])
    for name, lines in (("evidence", verdict.get("evidence")), ("try next", verdict.get("try_next"))):
        if lines:
            yield f"  {name}", str(lines[0])

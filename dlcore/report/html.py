"""``report.html``: one file with everything in it, drawn from the records of a run folder alone."""

import base64
import importlib.resources
import io
import os
import pathlib
from typing import Any, NamedTuple

from dlcore.console import interrupts
from dlcore.console.numbers import when
from dlcore.report.cards import cards
from dlcore.report.drawing import drawings
from dlcore.report.parts import Drawing, verdict
from dlcore.report.sections import sections
from dlcore.runs import Records, one_line, read, replace_file

_TEMPLATE = "report.html.jinja"


class Picture(NamedTuple):
    """A drawing as the page holds it: SVG in base64, so that it needs no other file and shares no ids."""

    name: str
    caption: str
    svg: str


class UndrawnError(RuntimeError):
    """Figures that could not be drawn; the page was written without them, and says so."""


def build(folder: str | os.PathLike[str], figures: bool = True) -> pathlib.Path:
    """Draw ``figures/*.png`` and ``report.html`` of a run folder; the path of the page. ``figures``: or only the page.

    Needs no training and no network; the same records give the same bytes. Raises ValueError where ``folder`` is no
    run folder or a record is damaged, and ``UndrawnError``, with the page written, where a figure fails.
    """
    records = read(folder)
    pictures: dict[str, list[Picture]] = {}
    failures: dict[str, str] = {}
    for drawing in drawings(records) if figures else ():
        interrupts.check()
        try:
            pictures.setdefault(drawing.section, []).append(_draw(drawing, records.folder))
        except Exception as error:  # of a picture: nothing that was computed depends on it
            failures[drawing.name] = one_line(error)
    page = _render(records, pictures, failures, figures).encode()
    target = records.folder / "report.html"
    replace_file(target, lambda file: file.write(page))
    if failures:
        raise UndrawnError("; ".join(f"figure {name}: {why}" for name, why in failures.items()))
    return target


def _draw(drawing: Drawing, folder: pathlib.Path) -> Picture:
    figure = drawing.draw()
    if engine := figure.get_layout_engine():  # laid out once, and not for every format
        engine.execute(figure)
        figure.set_layout_engine(None)
    png = folder / "figures" / f"{drawing.name}.png"
    png.parent.mkdir(exist_ok=True)
    replace_file(png, lambda file: figure.savefig(file, format="png"))
    return Picture(drawing.name, drawing.caption, base64.b64encode(_svg(figure)).decode())


def _svg(figure: Any) -> bytes:
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "dlcore"}):  # or else its ids are new every time
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _render(records: Records, pictures: dict[str, list[Picture]], failures: dict[str, str], drawn: bool) -> str:
    import jinja2

    source = importlib.resources.files("dlcore.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(source)
    return page.render(
        name=records.name,
        subtitle=_subtitle(records),
        notices=[*_notices(records, drawn), *((f"figure {name}", why) for name, why in failures.items())],
        cards=list(cards(records)),
        verdict=verdict(records.verdict.verdict) if records.verdict else None,
        sections=[(section, pictures.get(section.key, [])) for section in sections(records)],
    )


def _subtitle(records: Records) -> str:
    data = records.data
    about = f"{data.task}, {data.examples} examples" if data else "a run of the recipe"
    return f"{about} · {when(records.status.started)}"


def _notices(records: Records, drawn: bool) -> list[tuple[str, str]]:
    """What the page says of a run that did not come to its end, or of itself where it has no figures."""
    status = records.status
    opened = "" if records.test else "; the test set was not opened"
    words = [] if drawn else [("without figures", "they are drawn by dlcore report and the folder's name.")]
    if records.complete:
        return words
    if status.failure:
        return [("failed", f"in the step {status.step}: {status.failure}{opened}."), *words]
    kind = "not finished" if status.status == "running" else "interrupted"
    return [(kind, f"this run did not come to its end. Below is what was done{opened}."), *words]

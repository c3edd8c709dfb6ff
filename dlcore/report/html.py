"""``report.html``: one file with everything in it, drawn from the saved pieces of a run folder alone."""

import base64
import importlib.resources
import io
import os
import pathlib
from typing import Any, NamedTuple

from dlcore.report.cards import cards
from dlcore.report.contents import Contents, read
from dlcore.report.drawing import Drawing, drawings
from dlcore.report.folder import replace_file
from dlcore.report.numbers import when
from dlcore.report.sections import sections, verdict

_TEMPLATE = "report.html.jinja"


class Picture(NamedTuple):
    """A drawing as the page holds it: SVG in base64, so that it needs no other file and shares no ids."""

    name: str
    caption: str
    svg: str


def build(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Draw ``figures/*.png`` and ``report.html`` of a run folder; the path of the page.

    Needs no training and no network; the same pieces give the same bytes. Raises ValueError where ``folder`` is no
    run folder or a piece of it is damaged.
    """
    contents = read(folder)
    (contents.folder / "figures").mkdir(exist_ok=True)
    pictures: dict[str, list[Picture]] = {}
    for drawing in drawings(contents):
        _save_png(contents.folder / "figures" / f"{drawing.name}.png", drawing.figure)
        pictures.setdefault(drawing.section, []).append(_picture(drawing))
    page = _render(contents, pictures).encode()
    target = contents.folder / "report.html"
    replace_file(target, lambda file: file.write(page))
    return target


def _render(contents: Contents, pictures: dict[str, list[Picture]]) -> str:
    import jinja2

    source = importlib.resources.files("dlcore.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(source)
    return page.render(
        name=contents.name,
        subtitle=_subtitle(contents),
        notice=_notice(contents),
        cards=list(cards(contents)),
        verdict=verdict(contents.verdict) if contents.verdict else None,
        sections=[(section, pictures.get(section.key, [])) for section in sections(contents)],
    )


def _subtitle(contents: Contents) -> str:
    data, environment = contents.data, contents.environment or {}
    about = f"{data['task']}, {data['examples']} examples" if data else "a run of the recipe"
    return f"{about} · {when(environment['time'])}" if "time" in environment else about


def _notice(contents: Contents) -> tuple[str, str] | None:
    if contents.complete:
        return None
    opened = "" if contents.test else "; the test set was not opened"
    return "interrupted", f"this run did not come to its end. Below is what was done{opened}."


def _picture(drawing: Drawing) -> Picture:
    return Picture(drawing.name, drawing.caption, base64.b64encode(_svg(drawing.figure)).decode())


def _svg(figure: Any) -> bytes:
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "dlcore"}):  # or else its ids are new every time
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _save_png(path: pathlib.Path, figure: Any) -> None:
    replace_file(path, lambda file: figure.savefig(file, format="png"))

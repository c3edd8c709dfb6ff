"""The HTML page of a run's records."""

import base64
import dataclasses
import html.parser
import math
import os
import xml.etree.ElementTree

import numpy as np
import pytest

from dlcore import figures
from dlcore.data import Examples, Summary
from dlcore.report import RunFolder, UndrawnError, build, finish, read, summary
from dlcore.runs import Mistakes, RecipeRecord, TestRecord, Values, VerdictRecord
from tests.report.records import (
    DECAY,
    OPENED,
    RATE,
    STAGES,
    STEPS,
    VERDICT,
    cook,
    described,
    sanity,
    sweep,
    training,
)

SECTION = {"described": "data", "coarse": "sweep_1", "refined": "sweep_2"}  # others are called as their stage
PICTURES = {
    "described": ["balance"],
    "sanity": ["overfit"],
    "timing": ["time"],
    "coarse": ["coarse_curves", "coarse_map", "coarse_histories"],
    "refined": ["refined_curves", "refined_map", "refined_histories"],
    "training": ["loss", "accuracy", "steps"],
    "verdict": [],
    "layers": ["activations", "gradients"],
    "changes": ["changes"],
    "test": ["confusion", "wrong"],
    "budget": ["budget", "suspects"],
}
OF_A_TABLE = dataclasses.replace(
    OPENED,
    mistakes=Mistakes(
        None,
        ({"size": "1.5", "color": "<red>"}, {"size": "2", "color": ""}),
        np.array([0, 1]),
        np.array([2, 0]),
        np.array([0.9, 0.6]),
    ),
)


class Page(html.parser.HTMLParser):
    """Sections, headings, figures, tables and text of a page; fails on tags that do not match."""

    void = frozenset(("meta", "img", "br", "hr", "link", "input", "wbr"))

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.cells = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append(("left" in dict(attrs).get("class", ""), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            left, text = self.cells[-1]
            self.cells[-1] = left, text + data

    def ids(self, tag):
        return [attrs["id"] for name, attrs in self.tags if name == tag and "id" in attrs]


def page(path):
    return Page((path / "report.html").read_text(encoding="utf-8"))


class TestReport:
    def test_all_sections_in_order(self, complete):
        found = page(complete)
        assert found.ids("section") == [
            "summary", "data", "sanity", "timing", "sweep_1", "sweep_2", "training", "verdict", "layers", "changes",
            "test", "budget", "next", "environment", "setup", "cite",
        ]  # fmt: skip
        wanted = [name for stage in STAGES for name in PICTURES[stage]]
        assert found.ids("figure") == [f"figure-{name}" for name in wanted]
        assert sorted(os.listdir(complete / "figures")) == sorted(f"{name}.png" for name in wanted)
        assert "interrupted" not in found.text
        for text in ("95.0 ± 4.9 %", "opened once", "2026-01-02 03:04 UTC", "12\u202f345", "Setup(loss=<function>)"):
            assert text in found.text

    def test_it_needs_nothing_else(self, complete):
        found = page(complete)
        assert not [tag for tag, _ in found.tags if tag in ("script", "link", "iframe")]
        references = [a[key] for _, a in found.tags for key in ("src", "href", "srcset") if key in a]
        assert references
        assert all(r.startswith(("data:image/svg+xml;base64,", "#")) for r in references)
        text = (complete / "report.html").read_text()
        assert "@import" not in text
        assert "url(" not in text
        assert {r[1:] for r in references if r.startswith("#")} <= set(found.ids("section"))

    def test_pictures_are_svg_with_a_text(self, complete):
        pictures = [attrs for tag, attrs in page(complete).tags if tag == "img"]
        for picture in pictures:
            root = xml.etree.ElementTree.fromstring(base64.b64decode(picture["src"].partition(",")[2]))
            assert root.tag.endswith("svg")
            assert len(picture["alt"]) > 20

    def test_everything_is_escaped(self, complete):
        source = (complete / "report.html").read_text()
        assert "final &lt;b&gt;evaluation&lt;/b&gt;" in source
        assert "gap &lt;0.3&gt;" in source
        assert "by heart &amp; more" in source

    def test_numbers_stand_right_and_words_left(self, complete):
        cells = page(complete).cells
        start = cells.index((True, "")) + 1
        assert [text for _, text in cells[start : start + 5]] == [
            RATE, DECAY, "validation loss", "accuracy", "diverged",
        ]  # fmt: skip
        assert not any(left for left, _ in cells[start : start + 5])
        assert (True, "best") in cells
        assert (False, "0.01") in cells
        assert (False, "1 of 3") in cells

    def test_it_is_redrawn_from_the_saved_pieces_alone(self, complete):
        before = {p.name: p.read_bytes() for p in [complete / "report.html", *(complete / "figures").iterdir()]}
        for path in (complete / "figures").iterdir():
            path.unlink()
        assert build(complete) == complete / "report.html"
        after = {p.name: p.read_bytes() for p in [complete / "report.html", *(complete / "figures").iterdir()]}
        assert after == before

    @pytest.mark.parametrize("until", STAGES[: STAGES.index("test")])
    def test_interrupted_after_each_stage(self, tmp_path, until):
        path = cook(tmp_path / "digits", until)
        build(path)
        found, done = page(path), STAGES[: STAGES.index(until) + 1]
        steps = [SECTION.get(stage, stage) for stage in done]
        told = ["next"] * ("verdict" in steps)
        assert found.ids("section") == ["summary", *steps, *told, "environment", "setup", "cite"]
        assert found.ids("figure") == [f"figure-{name}" for stage in done for name in PICTURES[stage]]
        assert "interrupted" in found.text
        assert "the test set was not opened" in found.text
        assert "interrupted" in summary(path)

    def test_only_the_recipe(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            run.keep(RecipeRecord("early", {"seed": 3}))
            build(run.path)
        assert page(tmp_path / "run").ids("section") == ["summary", "setup", "cite"]
        assert summary(tmp_path / "run").startswith("interrupted")

    def test_a_failure_is_told_and_a_drawing_later_finishes_the_run(self, tmp_path):
        failed = cook(tmp_path / "failed", "coarse", RuntimeError)
        build(failed)
        assert "in the step coarse: RuntimeError" in page(failed).text
        assert "RuntimeError" in summary(failed)
        assert finish(failed) == failed / "report.html"
        assert read(failed).status.status == "failed"  # it lacks steps, not a page
        try:
            with RunFolder(tmp_path / "late") as run:
                for stage in STAGES:
                    STEPS[stage](run)
                raise OSError("No space left on device")
        except OSError:
            pass
        assert read(run.path).status.failure == "OSError: No space left on device"
        finish(run.path)
        assert (read(run.path).status.status, read(run.path).status.failure) == ("finished", "")
        assert "failed" not in page(run.path).text

    def test_a_figure_that_raises_costs_that_figure(self, tmp_path, monkeypatch):
        def broken(*_):
            raise RuntimeError("wrong\nin two lines")

        path = cook(tmp_path / "digits")
        monkeypatch.setattr(figures, "confusion", broken)
        with pytest.raises(UndrawnError, match=r"^figure confusion: RuntimeError: wrong in two lines$"):
            build(path)
        found = page(path)
        assert "figure-confusion" not in found.ids("figure")
        assert {"figure-wrong", "figure-loss"} <= set(found.ids("figure"))
        assert "wrong in two lines" in found.text

    def test_a_page_without_figures(self, tmp_path):
        path = cook(tmp_path / "digits", "training")
        build(path, figures=False)
        assert page(path).ids("figure") == []
        assert "dlcore report" in page(path).text
        assert not (path / "figures").exists()

    def test_a_hostile_name_and_no_images(self, tmp_path):
        hostile = "<script>alert(1)</script>"
        with RunFolder(tmp_path / "run") as run:
            described(run, classes=(hostile, "$5 - $10", "c"), image_shape=None, counts=None)
            run.keep(OF_A_TABLE)
        build(tmp_path / "run")
        found = page(tmp_path / "run")
        assert not [tag for tag, _ in found.tags if tag == "script"]
        assert (True, hostile) in found.cells
        assert (True, "$5 - $10") in found.cells
        assert found.ids("figure") == ["figure-confusion"]
        assert (False, "90.0 %") in found.cells
        assert (False, "<red>") in found.cells

    def test_precision_is_of_what_was_predicted_and_recall_of_what_is_true(self, complete):
        cells = " | ".join(text for _, text in page(complete).cells)
        assert "one | 7 | 100.0 % | 85.7 % | two | 6 | 85.7 % | 100.0 %" in cells

    def test_a_table_is_shown(self, tmp_path):
        summaries = (
            Summary("size", 3, 40, 0.5, 2.0, 9.0, (), np.arange(20)),
            Summary("color", 1, 2, math.nan, math.nan, math.nan, ("red", "$blue$"), np.array([30, 29])),
        )
        sample = ({"digit": "two", "size": "1.5", "color": "red"}, {"digit": "one", "size": "", "color": "red"})
        with RunFolder(tmp_path / "run") as run:
            described(run, image_shape=None, summaries=summaries, sample=sample)
        build(tmp_path / "run")
        found = page(tmp_path / "run")
        assert found.ids("figure") == ["figure-balance", "figure-distributions"]
        assert {"red (30), $blue$ (29)", "9", "40", "1.5"} <= {text for _, text in found.cells}
        assert read(tmp_path / "run").data.summaries[1].words == ("red", "$blue$")

    def test_images_are_shown(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run, shown=Examples(np.arange(8.0).reshape(2, 4), np.array([0, 1])))
        build(tmp_path / "run")
        assert page(tmp_path / "run").ids("figure") == ["figure-balance", "figure-examples"]

    def test_regression(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run, classes=(), image_shape=None, task="regression", counts=None)
            sanity(run, accuracy=False)
            sweep(run, "coarse", accuracy=False)
            training(run, accuracy=False)
            metrics, constant = {"R2": 0.51, "root mean squared error": 54.3}, {"R2": -0.01, "loss": math.nan}
            values = Values(np.arange(3.0)[:, None], np.ones((3, 1)))
            run.keep(TestRecord("now", "end", 89, 0.5, metrics, {}, constant, values=values))
        build(tmp_path / "run")
        found = page(tmp_path / "run")
        assert "accuracy" not in found.text
        assert "figure-predictions" in found.ids("figure")
        assert "root mean squared error  54.3" in summary(tmp_path / "run")
        assert (False, "-0.01") in found.cells
        assert math.isnan(read(tmp_path / "run").test.baseline["loss"])

    def test_all_diverged(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run)
            sweep(run, "coarse", lost=8)
        build(tmp_path / "run")
        found = read(tmp_path / "run")
        assert "every configuration diverged; try lower learning rates" in page(tmp_path / "run").text
        assert found.chosen is None
        assert (found.sweeps[0].best, found.sweeps[0].alike) == (None, [])

    def test_one_configuration_needs_no_chart(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run)
            sweep(run, "coarse", rates=(1e-2,), lost=0)
        build(tmp_path / "run")
        drawn = [name.removeprefix("figure-") for name in page(tmp_path / "run").ids("figure")]
        assert drawn == ["balance", "coarse_curves", "coarse_histories"]  # no map of one row

    def test_the_constant_prediction_stands_beside_the_result(self, complete):
        assert "a constant prediction: 35.0 %" in page(complete).text
        assert (False, "35.0 %") in page(complete).cells

    @pytest.mark.parametrize("severity", ["good", "warning", "bad"])
    def test_the_tone_is_that_of_the_verdict(self, tmp_path, severity):
        with RunFolder(tmp_path / "run") as run:
            run.keep(VerdictRecord(VERDICT._replace(severity=severity)))
        build(tmp_path / "run")
        findings = [attrs["class"] for tag, attrs in page(tmp_path / "run").tags if "finding" in attrs.get("class", "")]
        assert findings.count(f"finding {severity}") == 2 + (severity == "warning")  # the run has no end: a warning

    def test_the_template_is_package_data(self):
        import importlib.resources

        assert importlib.resources.files("dlcore.report").joinpath("report.html.jinja").is_file()

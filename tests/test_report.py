"""Run folders, progress, figures and reports, on synthetic runs: complete, interrupted, hostile, damaged."""

import base64
import html.parser
import math
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree

import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.diagnosis import Verdict
from dlcore.report import (
    RunFolder,
    build,
    environment,
    read_arrays,
    read_json,
    summary,
    write_events,
)
from dlcore.report.contents import read

RATE, DECAY = "optimizer.learning_rate", "penalty.strength"
STAGES = ("described", "sanity", "coarse", "refined", "training", "verdict", "test")
SECTIONS = {
    "described": ["data"],
    "sanity": ["sanity"],
    "coarse": ["coarse"],
    "refined": ["refined"],
    "training": ["training"],
    "verdict": ["verdict"],
    "test": ["test"],
}
PICTURES = {
    "described": [],
    "sanity": ["overfit"],
    "coarse": ["coarse_curves", "coarse_map", "coarse_histories"],
    "refined": ["refined_curves", "refined_map", "refined_histories"],
    "training": ["loss", "accuracy", "steps"],
    "verdict": [],
    "test": ["confusion", "wrong"],
}
VERDICT = Verdict("overfitting", ("gap <0.3>", "rose"), "learnt by heart & more", ("more weight decay", "dropout"))


def described(run, classes=("zero", "one", "two"), image_shape=(2, 2, 1), task="classification"):
    run.json(
        "config",
        {
            "recipe": {"data": "digits", "seed": 3},
            "setup": {"$type": "Setup", "optimizer": {"$type": "Adam", "learning_rate": 1e-3}, "epochs": 5},
            "setup_text": "Setup(loss=<function>)",
        },
    )
    run.json("environment", environment())
    sizes = {"examples": 100, "features": 4, "train": 60, "validation": 20, "test": 20}
    run.json(
        "data",
        {
            "name": "digits",
            "task": task,
            "classes": classes,
            **sizes,
            "findings": [{"kind": "constant column", "severity": "warning", "message": "column 3"}],
            "source": "somewhere",
            "licence": "CC0",
            "image_shape": image_shape,
        },
    )


def sanity(run, accuracy=True):
    falling = np.geomspace(1.1, 1e-3, 40)
    rungs = [
        {
            "examples": n,
            "final_loss": falling[-1],
            "final_accuracy": 1.0 if accuracy else None,
            "epochs": 40,
            "verdict": Verdict("memorised", (), "fits", ()),
        }
        for n in (1, 4)
    ]
    run.json(
        "sanity",
        {
            "initial_loss": jnp.float32(1.12),
            "expected": math.log(3),
            "expected_name": "ln c",
            "verdict": Verdict("as expected", ("1.12",), "fine", ()),
            "overfit": rungs,
        },
    )
    curves = {"loss_1": falling, "loss_4": 2 * falling}
    shares = {"accuracy_1": np.minimum(1, np.arange(40) / 9), "accuracy_4": np.minimum(1, np.arange(40) / 20)}
    run.arrays("sanity", curves | (shares if accuracy else {}))


def sweep(run, name, accuracy=True):
    rates, decays, rng = [1e-3, 1e-2, 1e-1, 1.0], [0.0, 1e-4], np.random.default_rng(0)
    space = [{RATE: r, DECAY: d} for r in rates for d in decays]
    loss = np.abs(np.log10([p[RATE] for p in space]) + 2)[:, None] + 0.1 + 0.02 * rng.random((8, 3))
    curves = loss[..., None] + np.geomspace(1, 1e-3, 6)
    loss[7, 1], curves[7, 1, 3:] = np.inf, np.nan
    mean = loss.mean(1)
    best = int(mean.argmin())
    with np.errstate(invalid="ignore"):
        error = loss.std(1, ddof=1) / np.sqrt(3)
    run.json(
        f"sweep_{name}",
        {
            "axes": {RATE: rates, DECAY: decays},
            "space": space,
            "mean": mean,
            "standard_error": error,
            "diverged": np.isinf(loss).sum(1),
            "seeds": 3,
            "best": best,
            "one_standard_error": [best],
            "warnings": ["the edge"],
            "plan": "8 x 3",
            "seconds": 2.5,
            "trainings": 24,
            "compilations": 1,
        },
    )
    more = {"accuracy": np.where(np.isinf(loss), np.nan, 0.9)} if accuracy else {}
    run.arrays(f"sweep_{name}", {"loss": loss, "validation_loss": curves, **more})


def training(run, accuracy=True):
    falling = np.geomspace(1, 0.01, 12)
    names = ("running_loss", "train_loss", "validation_loss", "penalty", "learning_rate", "gradient_norm")
    history = {name: falling * (i + 1) for i, name in enumerate((*names, "update_ratio"))}
    if accuracy:
        history |= {f"{part}_metrics.accuracy": 1 - falling / 2 for part in ("train", "validation")}
    run.arrays("history", history)
    run.json("training", {"ending": "finished", "best_epoch": 9, "epochs": 12, "seconds": 1.5, "parameters": 12345})


def opened(run):
    run.json(
        "test",
        {
            "opened": "2026-01-02T03:04:05+00:00",
            "reason": "final <b>evaluation</b>",
            "loss": 0.21,
            "metrics": {"accuracy": 0.95},
            "standard_error": {"accuracy": 0.0487},
            "n": 20,
        },
    )
    wrong = {"wrong_x": np.arange(8.0).reshape(2, 4), "wrong_y": np.array([0, 1]), "wrong_prediction": np.array([2, 0])}
    confusion = np.array([[6, 0, 1], [1, 6, 0], [0, 0, 6]])
    run.arrays("test", {"confusion": confusion, **wrong, "wrong_probability": np.array([0.9, 0.6])})


STEPS = {
    "described": described,
    "sanity": sanity,
    "coarse": lambda run: sweep(run, "coarse"),
    "refined": lambda run: sweep(run, "refined"),
    "training": training,
    "verdict": lambda run: run.json("verdict", VERDICT),
    "test": opened,
}


def cook(path, until="test"):
    try:
        with RunFolder(path) as run:
            for stage in STAGES[: STAGES.index(until) + 1]:
                STEPS[stage](run)
            if until != "test":
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    return path


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    path = cook(tmp_path_factory.mktemp("runs") / "digits")
    build(path)
    return path


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
            "summary", "data", "sanity", "coarse", "refined", "training", "verdict", "test", "environment", "setup",
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

    @pytest.mark.parametrize("until", STAGES[:-1])
    def test_interrupted_after_each_stage(self, tmp_path, until):
        path = cook(tmp_path / "digits", until)
        build(path)
        found, done = page(path), STAGES[: STAGES.index(until) + 1]
        assert found.ids("section") == [
            "summary", *(name for stage in done for name in SECTIONS[stage]), "environment", "setup",
        ]  # fmt: skip
        assert found.ids("figure") == [f"figure-{name}" for stage in done for name in PICTURES[stage]]
        assert "interrupted" in found.text
        assert "the test set was not opened" in found.text
        assert "interrupted" in summary(path)

    def test_only_the_configuration(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            run.json("config", {"recipe": {"name": "early"}})
            build(run.path)
        assert page(tmp_path / "run").ids("section") == ["summary", "setup"]
        assert summary(tmp_path / "run").startswith("interrupted")

    def test_a_hostile_name_and_no_images(self, tmp_path):
        hostile = "<script>alert(1)</script>"
        with RunFolder(tmp_path / "run") as run:
            described(run, classes=(hostile, "b", "c"), image_shape=None)
            opened(run)
        build(tmp_path / "run")
        found = page(tmp_path / "run")
        assert not [tag for tag, _ in found.tags if tag == "script"]
        assert (True, hostile) in found.cells
        assert found.ids("figure") == ["figure-confusion"]
        assert (False, "90.0 %") in found.cells

    def test_regression(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run, classes=(), image_shape=None, task="regression")
            sanity(run, accuracy=False)
            sweep(run, "coarse", accuracy=False)
            training(run, accuracy=False)
            metrics = {"R2": 0.51, "root mean squared error": 54.3}
            run.json("test", {"opened": "now", "reason": "end", "loss": 0.5, "metrics": metrics, "n": 89})
        build(tmp_path / "run")
        found = page(tmp_path / "run")
        assert "accuracy" not in found.ids("figure")
        assert "R2" in found.text
        assert "root mean squared error  54.3" in summary(tmp_path / "run")

    def test_all_diverged(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            described(run)
            sweep(run, "coarse")
            facts = read_json(run.path, "sweep_coarse")
            run.json("sweep_coarse", {**facts, "mean": ["inf"] * 8, "diverged": [3] * 8})
        build(tmp_path / "run")
        assert "no configuration was trained without divergence" in page(tmp_path / "run").text
        assert read(tmp_path / "run").chosen is None

    def test_the_template_is_package_data(self):
        import importlib.resources

        assert importlib.resources.files("dlcore.report").joinpath("report.html.jinja").is_file()


class TestSummary:
    def test_the_table(self, complete):
        text = summary(complete)
        rows = dict(re.findall(r"^(\S.*?|  \S.*?)  +(.*)$", text, re.MULTILINE))
        assert rows["sizes"].startswith("60 / 20 / 20")
        assert rows["initial loss"] == "1.12 (ln c = 1.099)"
        assert rows["overfit 4"] == "loss 0.001, accuracy 100.0 % (memorised)"
        assert rows["chosen"] == f"{RATE} = 0.01"
        assert f"{DECAY} = " in text
        assert "±" in rows["validation loss"]
        assert rows["epochs"] == "12, best 9 (finished)"
        assert (rows["verdict"], rows["  evidence"]) == ("overfitting", "gap <0.3>")
        assert rows["  try next"] == "more weight decay"
        assert rows["test accuracy"] == "95.0 ± 4.9 %"

    def test_it_is_narrow_and_aligned(self, complete):
        lines = summary(complete).splitlines()
        assert lines[-1].startswith("report")
        assert lines[-1].endswith(str(complete / "report.html"))
        assert all(len(line) <= 80 for line in lines[:-1])
        assert len({len(re.match(r"(\s*\S+(?: \S+)* {2,}| +)", line)[0]) for line in lines}) == 1


def events(path):
    """The events of a file, read by the format's definition: length, checksum, content, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield Event.FromString(data[place + 12 : place + 12 + length])
        place += 16 + length


class TestTensorBoard:
    def test_scalars_and_hyperparameters(self, tmp_path):
        path = cook(tmp_path / "digits")
        assert write_events(path) == path / "events"
        write_events(path)  # replaces, does not add
        (file,) = (path / "events" / "training").iterdir()
        found = {}
        for event in events(file):
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
        history = read_arrays(path, "history")
        assert {"loss/training", "loss/validation", "accuracy/training", "steps/learning_rate"} <= set(found)
        np.testing.assert_allclose([found["loss/training"][e] for e in range(1, 13)], history["train_loss"], rtol=1e-6)
        runs = sorted(os.listdir(path / "events" / "sweep_coarse"))
        assert runs == [f"{i:04d}" for i in range(8)]
        raw = b"".join(p.read_bytes() for p in (path / "events" / "sweep_coarse" / "0002").rglob("events*"))
        assert RATE.encode() in raw
        assert DECAY.encode() in raw

    def test_a_diverged_configuration_has_no_loss(self, tmp_path):
        path = cook(tmp_path / "digits", "coarse")
        write_events(path)

        def tags(run):
            files = (path / "events" / "sweep_coarse" / run).rglob("events*")
            return {value.tag for file in files for event in events(file) for value in event.summary.value}

        assert {"validation_loss", "diverged"} <= tags("0000")
        assert "validation_loss" not in tags("0007")
        assert "diverged" in tags("0007")
        assert not (path / "events" / "training").exists()


def test_reports_cost_nothing_until_they_are_made():
    code = "import sys, dlcore.report; print({'matplotlib', 'jinja2', 'tqdm', 'tensorboardX'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

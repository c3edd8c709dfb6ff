"""Run folders under every fault: existing, unwritable, interrupted, full disk, damaged; and the environment."""

import json
import math
import os
import pathlib
import re
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.data import Category, Number, Preprocessing, Target
from dlcore.diagnosis import Verdict
from dlcore.report import build
from dlcore.runs import (
    EnvironmentRecord,
    PreprocessingRecord,
    RecipeRecord,
    RunFolder,
    Rung,
    SanityRecord,
    SweepRecord,
    TrainingRecord,
    environment,
    read,
)
from dlcore.training import History
from dlcore.tuning import HalvingRung, Rows, Study, grid

VERDICT = Verdict("overfitting", ("gap <0.3>", "rose"), "learned by heart & more", ("more decay", "dropout"), "warning")
RECIPE = RecipeRecord("digits", {"seed": 3})


def inside(path, work):
    with RunFolder(path) as run:
        work(run)


def history(accuracy=True):
    falling = np.geomspace(1, 0.01, 4)
    metrics = {"accuracy": falling} if accuracy else {}
    return History(falling, falling, falling, metrics, metrics, *[falling] * 4)


class TestFolder:
    def test_it_stands_at_its_name_from_the_start(self, tmp_path):
        target = tmp_path / "new" / "digits"
        with RunFolder(target) as run:
            assert run.path == target
            assert read(target).status.status == "running"
            run.begin("training")
            run.keep(RECIPE)
            run.keep(TrainingRecord("finished", 4, 17, 0.5, history()))
            assert (read(target).status.status, read(target).status.step) == ("running", "training")
        assert sorted(os.listdir(target)) == ["recipe.json", "status.json", "training.json", "training.npz"]
        assert os.listdir(target.parent) == ["digits"]
        found = read(target)
        assert (found.status.status, found.status.failure) == ("finished", "")
        assert found.status.seconds >= 0
        assert found.recipe.options == {"seed": 3}
        np.testing.assert_array_equal(found.training.history.train_metrics["accuracy"], history().train_loss)

    @pytest.mark.parametrize("make", [pathlib.Path.mkdir, pathlib.Path.touch, lambda p: p.symlink_to("nowhere")])
    def test_nothing_is_overwritten(self, tmp_path, make):
        make(tmp_path / "run")
        with pytest.raises(ValueError, match=r"^[^\n]*exists already[^\n]*$"), RunFolder(tmp_path / "run"):
            pass
        assert os.listdir(tmp_path) == ["run"]

    def test_of_two_runs_into_one_folder_the_second_does_not_begin(self, tmp_path):
        with RunFolder(tmp_path / "run") as first:
            with pytest.raises(ValueError, match="exists already"), RunFolder(tmp_path / "run"):
                raise AssertionError
            first.keep(RECIPE)
        assert read(tmp_path / "run").status.status == "finished"

    @pytest.mark.parametrize("parent", ["file", "file/deeper"])
    def test_a_parent_that_is_a_file(self, tmp_path, parent):
        (tmp_path / "file").write_text("content")
        with pytest.raises(ValueError, match=r"^[^\n]*cannot be created[^\n]*$"), RunFolder(tmp_path / parent / "run"):
            pass
        assert os.listdir(tmp_path) == ["file"]

    @pytest.mark.skipif(not pathlib.Path("/proc/self").is_dir(), reason="there is no /proc on this system")
    def test_a_parent_that_cannot_be_written(self):
        with pytest.raises(ValueError, match="cannot be created"), RunFolder("/proc/run"):
            pass

    @pytest.mark.parametrize("error", [RuntimeError, SystemExit, OSError])
    def test_a_failure_before_the_first_record_leaves_nothing(self, tmp_path, error):
        def work(run):
            raise error("wrong")

        with pytest.raises(error):
            inside(tmp_path / "run", work)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("error", [RuntimeError, ValueError, OSError])
    def test_a_later_failure_keeps_what_was_done(self, tmp_path, error):
        def work(run):
            run.begin("test")
            run.keep(RECIPE)
            raise error("wrong\nin two lines")

        with pytest.raises(error):
            inside(tmp_path / "run", work)
        found = read(tmp_path / "run")
        assert (found.status.status, found.status.step) == ("failed", "test")
        assert found.status.failure.endswith("wrong in two lines")
        assert found.status.failure.startswith("wrong" if error is ValueError else error.__name__)
        assert found.recipe.data == "digits"

    @pytest.mark.parametrize("records", [[], [RECIPE]])
    def test_ctrl_c_keeps_what_was_done(self, tmp_path, records):
        def work(run):
            for record in records:
                run.keep(record)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            inside(tmp_path / "run", work)
        found = read(tmp_path / "run")
        assert found.status.status == "interrupted"
        assert (found.recipe is not None) == bool(records)

    def test_a_full_disk_keeps_what_is_there(self, tmp_path, monkeypatch):
        def full(source, target):
            raise OSError(28, "No space left on device")

        def work(run):
            run.keep(RECIPE)
            monkeypatch.setattr(os, "replace", full)
            run.keep(TrainingRecord("finished", 4, 17, 0.5, history()))

        with pytest.raises(OSError, match="No space left"):
            inside(tmp_path / "run", work)
        assert sorted(os.listdir(tmp_path / "run")) == ["recipe.json", "status.json"]
        assert read(tmp_path / "run").recipe.data == "digits"

    def test_a_write_that_is_cut_short_leaves_the_old_file(self, tmp_path, monkeypatch):
        def cut(*_, **__):
            raise KeyboardInterrupt

        def work(run):
            run.keep(TrainingRecord("finished", 4, 17, 0.5, history()))
            monkeypatch.setattr(np, "savez_compressed", cut)
            run.keep(TrainingRecord("diverged", 1, 17, 0.5, history()))

        with pytest.raises(KeyboardInterrupt):
            inside(tmp_path / "run", work)
        assert read(tmp_path / "run").training.ending == "finished"
        assert not [name for name in os.listdir(tmp_path / "run") if name.startswith(".")]


class TestRecords:
    def test_every_number_comes_back(self, tmp_path):
        options = {
            "np": np.float32(0.5),
            "int": np.int64(3),
            "truth": np.bool_(True),
            "half": jnp.ones((2,), jnp.bfloat16),
            "jax": jnp.arange(2),
            "numbers": [math.inf, -math.inf, np.float32(np.inf), 1.5],
            "nan": math.nan,
            "path": tmp_path,
            "text": "größer \u2028 <b>",
            "words": ("nan", "inf"),
            7: None,
        }
        RecipeRecord("digits", options).write(tmp_path)

        def refuse(name):
            raise AssertionError(name)

        json.loads((tmp_path / "recipe.json").read_text(encoding="utf-8"), parse_constant=refuse)
        found = RecipeRecord.read(tmp_path).options
        assert (found["np"], found["int"], found["truth"]) == (0.5, 3, True)
        assert found["half"].tolist() == [1.0, 1.0]
        assert found["jax"].tolist() == [0, 1]
        assert found["numbers"] == [math.inf, -math.inf, math.inf, 1.5]
        assert math.isnan(found["nan"])
        assert found["words"] == ["nan", "inf"]
        assert (found["path"], found["text"], found["7"]) == (str(tmp_path), options["text"], None)

    def test_forms_come_back(self, tmp_path):
        rung = Rung(4, np.arange(3.0), None, VERDICT)
        SanityRecord(1.0, math.inf, "ln c", None, (rung, rung._replace(examples=1))).write(tmp_path)
        found = SanityRecord.read(tmp_path)
        assert (found.expected, found.verdict, len(found.rungs)) == (math.inf, None, 2)
        assert found.rungs[0].verdict == VERDICT
        assert isinstance(found.rungs[0].verdict.evidence, tuple)
        np.testing.assert_array_equal(found.rungs[1].loss, np.arange(3.0))
        assert found.rungs[1].accuracy is None

    def test_a_sweep_comes_back_as_its_study(self, tmp_path):
        space = tuple(grid({"optimizer.learning_rate": [1e-3, 1e-2], "penalty.strength": [0.0]}))
        curve = np.broadcast_to(np.arange(3.0), (2, 4, 3))
        h = History(*[curve] * 3, {}, {"accuracy": curve}, *[curve] * 4)
        rows = Rows(
            h, np.array([[1.0, 2, 3, 4], [2, 3, 4, 5]]), np.full((2, 4), 1), np.array([[-1] * 4, [-1, 5, -1, -1]])
        )
        SweepRecord("coarse", 2, space, rows, "2 x 4", 0.1, 1).write(tmp_path)
        before, found = Study(None, space, rows, ()), SweepRecord.read(tmp_path, "sweep_2")
        assert found.space == space
        np.testing.assert_array_equal(found.study.mean, before.mean)
        np.testing.assert_array_equal(found.study.standard_error, before.standard_error)
        np.testing.assert_array_equal(found.study.metric("accuracy"), before.metric("accuracy"))
        assert (found.best, found.alike, found.study.diverged.sum()) == (0, [0], 1)

    def test_who_left_a_halving_early_stands_behind_the_others(self, tmp_path):
        curve, zeros = np.broadcast_to(np.array([[[1.0]], [[2.0]], [[3.0]]]), (3, 2, 4)), np.zeros((3, 2), int)
        rows = Rows(History(*[curve] * 3, {}, {}, *[curve] * 4), curve[..., 0], zeros, zeros - 1)
        rungs = (HalvingRung(1, (0, 1, 2), (1, 2)), HalvingRung(2, (1, 2), (2,)))
        space = tuple(grid({"optimizer.learning_rate": [1e-3, 1e-2, 1e-1]}))
        SweepRecord("sweep", 1, space, rows, "3 x 2", 0.1, 1, rungs=rungs).write(tmp_path)
        found = SweepRecord.read(tmp_path, "sweep_1")
        assert found.rungs == rungs
        assert (found.best, found.study.order.tolist()) == (2, [2, 1, 0])

    def test_the_preprocessing_keeps_its_own_form(self, tmp_path):
        done = Preprocessing(
            (Number("size", 1.5, 0.25, True), Category("color", ("red", "blue"))), Target(("y",), ("a", "b"))
        )
        with RunFolder(tmp_path / "run") as run:
            run.keep(PreprocessingRecord(done))
        assert read(run.path).preprocessing.preprocessing == done
        (run.path / "preprocessing.json").write_text("{")
        with pytest.raises(ValueError, match=r"^[^\n]*preprocessing\.json: cannot be read[^\n]*$"):
            read(run.path)

    def test_what_has_no_form_is_refused_and_not_written(self, tmp_path):
        with pytest.raises(TypeError, match=r"options\.f: JSON has no form for"):
            RecipeRecord("digits", {"f": len}).write(tmp_path)
        with pytest.raises(TypeError, match=r"options\.o: JSON has no form for"):
            RecipeRecord("digits", {"o": np.array([{}])}).write(tmp_path)
        assert not [name for name in os.listdir(tmp_path) if name.endswith("json")]

    def test_damaged_and_missing_records(self, tmp_path):
        path = tmp_path / "run"
        with RunFolder(path) as run:
            run.keep(TrainingRecord("finished", 4, 17, 0.5, history()))
        whole = (path / "training.npz").read_bytes()
        (path / "training.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=r"^[^\n]*training\.npz: cannot be read[^\n]*$"):
            read(path)
        (path / "training.npz").unlink()
        with pytest.raises(ValueError, match=r"training\.npz: no such file"):
            read(path)
        (path / "training.json").write_text('{"ending": ')
        with pytest.raises(ValueError, match=r"training\.json: cannot be read"):
            build(path)
        (path / "training.json").write_text('{"ending": "finished", "unheard_of": 1}')
        with pytest.raises(ValueError, match=r"^[^\n]*training\.json: cannot be read \(.*unheard_of"):
            read(path)
        with pytest.raises(ValueError, match="no such file"):
            RecipeRecord.read(path)
        assert RecipeRecord.find(path) is None

    def test_what_is_no_run_of_this_form_is_refused_in_one_line(self, tmp_path):
        with pytest.raises(ValueError, match=r"^[^\n]*needed the folder of a run[^\n]*$"):
            read(tmp_path)
        (tmp_path / "status.json").write_text('{"status": "finished", "started": "now", "seconds": 1.0}')
        with pytest.raises(ValueError, match=r"^[^\n]*a run of an earlier dlcore[^\n]*$"):
            read(tmp_path)
        for damaged in ("", '{"status": "fin', "null", "7"):
            (tmp_path / "status.json").write_text(damaged)
            with pytest.raises(ValueError, match=r"^[^\n]*status\.json: cannot be read[^\n]*$"):
                read(tmp_path)
        (tmp_path / "status.json").write_text('{"status": "finished", "started": "", "seconds": 1.0, "format": 99}')
        with pytest.raises(ValueError, match=r"^[^\n]*got 99[^\n]*$"):
            read(tmp_path)

    def test_pickles_are_not_loaded(self, tmp_path):
        np.savez(tmp_path / "recipe.npz", o=np.array([{}], dtype=object))
        (tmp_path / "recipe.json").write_text('{"data": "x", "options": {"o": {"$npz": "o"}}}')
        with pytest.raises(ValueError, match="cannot be read"):
            RecipeRecord.read(tmp_path)


def test_environment(tmp_path):
    environment().write(tmp_path)
    found = EnvironmentRecord.read(tmp_path)
    assert found.versions["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert {"dlcore", "jax", "jaxlib", "numpy"} <= set(found.versions)
    assert (found.platform, found.device, found.devices) == ("cpu", "cpu", 8)
    assert (found.x64, found.matmul) == (True, "default")
    assert found.cores >= 1
    assert found.memory > 2**28
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found.time)


def test_environment_of_a_folder_without_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (environment().revision, environment().changed) == (None, False)
    monkeypatch.setenv("PATH", "")
    assert (environment().revision, environment().changed) == (None, False)

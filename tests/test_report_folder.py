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

from dlcore.diagnosis import Verdict
from dlcore.report import RunFolder, build, environment, read_arrays, read_json

VERDICT = Verdict("overfitting", ("gap <0.3>", "rose"), "learnt by heart & more", ("more weight decay", "dropout"))


def inside(path, work):
    with RunFolder(path) as run:
        work(run)


class TestFolder:
    def test_is_written_aside_and_renamed(self, tmp_path):
        target = tmp_path / "new" / "digits"
        with RunFolder(target) as run:
            run.json("config", {"a": 1})
            run.arrays("history", {"train_metrics.accuracy": np.arange(3.0), "file": np.ones(2)})
            assert not target.exists()
            assert run.path.name.startswith(".digits.")
            assert run.figures.is_dir()
            assert read_json(run.path, "status")["status"] == "running"
        assert run.path == target
        assert sorted(os.listdir(target)) == ["config.json", "figures", "history.npz", "status.json"]
        assert os.listdir(target.parent) == ["digits"]
        arrays = read_arrays(target, "history")
        np.testing.assert_array_equal(arrays["train_metrics.accuracy"], np.arange(3.0))
        np.testing.assert_array_equal(arrays["file"], np.ones(2))
        status = read_json(target, "status")
        assert status["status"] == "finished"
        assert status["seconds"] >= 0

    @pytest.mark.parametrize("make", [pathlib.Path.mkdir, pathlib.Path.touch, lambda p: p.symlink_to("nowhere")])
    def test_nothing_is_overwritten(self, tmp_path, make):
        make(tmp_path / "run")
        with pytest.raises(ValueError, match=r"^[^\n]*exists already[^\n]*$"), RunFolder(tmp_path / "run"):
            pass
        assert os.listdir(tmp_path) == ["run"]

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
    def test_an_exception_leaves_nothing(self, tmp_path, error):
        def work(run):
            run.json("config", {})
            raise error("wrong")

        with pytest.raises(error):
            inside(tmp_path / "run", work)
        assert os.listdir(tmp_path) == []

    def test_ctrl_c_keeps_what_was_done(self, tmp_path):
        def work(run):
            run.json("config", {"a": 1})
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            inside(tmp_path / "run", work)
        assert os.listdir(tmp_path) == ["run"]
        assert read_json(tmp_path / "run", "status")["status"] == "interrupted"
        assert read_json(tmp_path / "run", "config") == {"a": 1}

    @pytest.mark.parametrize("write", ["json", "arrays"])
    def test_a_full_disk(self, tmp_path, monkeypatch, write):
        def full(source, target):
            raise OSError(28, "No space left on device")

        def work(run):
            monkeypatch.setattr(os, "replace", full)
            try:
                getattr(run, write)("config", {"a": 1})
            finally:
                assert [p.name for p in run.path.iterdir()] == ["figures"]

        with pytest.raises(OSError, match="No space left"):
            inside(tmp_path / "run", work)
        assert os.listdir(tmp_path) == []

    def test_ctrl_c_in_the_middle_of_a_file(self, tmp_path, monkeypatch):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        def work(run):
            run.arrays("history", {"a": np.zeros(3)})
            monkeypatch.setattr(np.lib.format, "write_array", interrupted)
            run.arrays("history", {"a": np.ones(3)})

        with pytest.raises(KeyboardInterrupt):
            inside(tmp_path / "run", work)
        np.testing.assert_array_equal(read_arrays(tmp_path / "run", "history")["a"], np.zeros(3))
        assert not [name for name in os.listdir(tmp_path / "run") if name.startswith(".")]

    def test_the_name_taken_meanwhile(self, tmp_path):
        def work(run):
            run.json("config", {"mine": True})
            (tmp_path / "run").mkdir()

        with pytest.raises(ValueError, match="is kept in"):
            inside(tmp_path / "run", work)
        assert os.listdir(tmp_path / "run") == []
        (kept,) = (p for p in tmp_path.iterdir() if p.name != "run")
        assert read_json(kept, "config") == {"mine": True}

    def test_json_of_numbers_and_tuples(self, tmp_path):
        value = {
            "verdict": VERDICT,
            "np": np.float32(0.5),
            "int": np.int64(3),
            "truth": np.bool_(True),
            "jax": jnp.arange(2),
            "half": jnp.ones((2,), jnp.bfloat16),
            "nan": [math.nan, np.inf, -math.inf, np.array([np.nan, 1.0])],
            "path": tmp_path,
            "text": "größer \u2028 <b>",
            7: None,
        }
        with RunFolder(tmp_path / "run") as run:
            run.json("all", value)
        text = (tmp_path / "run" / "all.json").read_text(encoding="utf-8")

        def refuse(name):
            raise AssertionError(name)

        found = json.loads(text, parse_constant=refuse)
        assert found["verdict"] == {
            "kind": "overfitting",
            "evidence": ["gap <0.3>", "rose"],
            "reason": "learnt by heart & more",
            "try_next": ["more weight decay", "dropout"],
        }
        assert (found["np"], found["int"], found["truth"], found["jax"]) == (0.5, 3, True, [0, 1])
        assert found["half"] == [1.0, 1.0]
        assert found["nan"] == ["nan", "inf", "-inf", ["nan", 1.0]]
        assert (found["path"], found["text"], found["7"]) == (str(tmp_path), value["text"], None)
        assert text.count("\n") > 10

    def test_what_json_and_arrays_refuse(self, tmp_path):
        with RunFolder(tmp_path / "run") as run:
            with pytest.raises(TypeError, match="no form for"):
                run.json("bad", {"f": len})
            with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
                run.arrays("bad", {"o": np.array([{}])})
            run.arrays("half", {"a": jnp.full((2,), 1.5, jnp.bfloat16)})
        assert read_arrays(tmp_path / "run", "half")["a"].tolist() == [1.5, 1.5]
        assert not [p for p in (tmp_path / "run").iterdir() if "bad" in p.name]

    def test_damaged_and_missing_pieces(self, tmp_path):
        path = tmp_path / "run"
        with RunFolder(path) as run:
            run.json("config", {})
            run.json("sanity", {"initial_loss": 2.3})
            run.arrays("sanity", {"loss_1": np.arange(100.0)})
        whole = (path / "sanity.npz").read_bytes()
        (path / "sanity.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=r"sanity\.npz: cannot be read"):
            read_arrays(path, "sanity")
        (path / "sanity.json").write_text('{"initial_loss": ')
        with pytest.raises(ValueError, match=r"sanity\.json: cannot be read"):
            build(path)
        with pytest.raises(ValueError, match="no such file"):
            read_json(path, "verdict")

    def test_pickles_are_not_loaded(self, tmp_path):
        np.savez(tmp_path / "a.npz", o=np.array([{}], dtype=object))
        with pytest.raises(ValueError, match="cannot be read"):
            read_arrays(tmp_path, "a")


def test_environment():
    found = json.loads(json.dumps(environment()))
    assert found["versions"]["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert {"dlcore", "jax", "jaxlib", "numpy"} <= set(found["versions"])
    assert found["device"] == {"platform": "cpu", "kind": "cpu", "count": 8}
    assert found["precision"] == {"x64": True, "matmul": "default"}
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["memory"] > 2**28
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["time"])


def test_environment_of_a_folder_without_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment()["git"] is None
    monkeypatch.setenv("PATH", "")
    assert environment()["git"] is None

"""Nothing that was computed is lost, whatever fails or interrupts."""

import io
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dlcore import cli, data, recipe, report, resume
from dlcore.console import interrupts
from dlcore.recipe.steps import test as testing
from dlcore.recipe.steps import train, tune
from tests.cli.kitchen import FEW, SMALL

FEW_WORDS = ["--hidden", "8", "--epochs", "2", "--seeds", "2", "--learning-rates", "1e-2", "--weight-decays", "0"]


def raises(error):
    def broken(*_, **__):
        raise error

    return broken


class TestNothingIsLost:
    @pytest.mark.parametrize(
        ("room", "name", "step"),
        [(testing, "evaluate", "test"), (report, "write_view", "report")],
        ids=["test", "report"],
    )
    def test_a_late_failure_keeps_the_folder(self, tmp_path, monkeypatch, capsys, room, name, step):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(room, name, raises(OSError(28, "No space\nleft on device")))
        assert cli.run(["recipe", "iris", "--out", "run", *FEW_WORDS]) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert f"failed in the step {step}: OSError" in last
        assert "dlcore report run" in last
        monkeypatch.undo()
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        found = report.read(tmp_path / "run")
        assert (found.status.status, found.status.step) == ("failed", step)
        assert len(found.sweeps) == 3
        assert found.training.epochs == 6
        assert cli.run(["report", str(tmp_path / "run")]) == 0
        assert report.read(tmp_path / "run").status.status == ("finished" if step == "report" else "failed")

    def test_a_figure_that_raises(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("dlcore.figures.confusion", raises(RuntimeError("no such glyph")))
        assert cli.run(["recipe", "iris", "--out", "run", *FEW_WORDS]) == 1
        assert "confusion: RuntimeError: no such glyph" in capsys.readouterr().err.splitlines()[-1]
        assert "figure-loss" in (tmp_path / "run" / "report.html").read_text()

    def test_ctrl_c_between_the_steps(self, tmp_path, monkeypatch):
        search = tune.search

        def pressed(*words):
            if words[1] == 3:
                signal.raise_signal(signal.SIGTERM)
            return search(*words)

        monkeypatch.setattr(tune, "search", pressed)
        with pytest.raises(KeyboardInterrupt):
            recipe.run(FEW, "iris", tmp_path / "run")
        found = report.read(tmp_path / "run")
        assert (found.status.status, len(found.sweeps), found.training) == ("interrupted", 2, None)
        assert "interrupted" in (tmp_path / "run" / "report.html").read_text()

    def test_ctrl_c_in_the_final_training_keeps_what_the_sweep_trained(self, tmp_path, monkeypatch):
        go_on = train.extend

        def pressed(study, *, epochs, folder, watch):
            def then(progress):
                signal.raise_signal(signal.SIGINT)
                watch(progress)

            return go_on(study, epochs=epochs, folder=folder, watch=then)

        monkeypatch.setattr(train, "extend", pressed)
        with pytest.raises(KeyboardInterrupt):
            recipe.run(FEW, "iris", tmp_path / "run")
        found = report.read(tmp_path / "run")
        assert (found.training.ending, found.training.epochs) == ("interrupted", 2)
        assert (found.verdict is not None, found.test) == (True, None)
        assert resume(tmp_path / "run" / "study").winner.members == found.training.members == 10

    def test_a_stdout_that_knows_ascii_only(self, tmp_path, monkeypatch):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "stdout", stream)
        assert cli.run(["recipe", "iris", "--out", "run", *FEW_WORDS]) == 0
        assert b"test accuracy" in stream.buffer.getvalue()

    def test_a_target_that_is_constant_in_the_training_part(self, tmp_path):
        y = np.zeros((100, 1), np.float32)
        x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
        whole = data.Dataset("t", x, np.arange(100, dtype=np.float32)[:, None])
        odd = int(data.split(whole).test.open("where one example falls").y[0, 0])
        y[odd] = 5.5
        few = data.Dataset("t", x, y)
        with pytest.raises(ValueError, match="nothing to learn"):
            recipe.run(FEW, recipe.Source("t", by=lambda _: few), tmp_path / "run")
        assert list(tmp_path.iterdir()) == []


class TestInterrupts:
    def test_they_wait_for_a_check(self):
        with interrupts.deferred():
            signal.raise_signal(signal.SIGINT)
            with interrupts.deferred():
                signal.raise_signal(signal.SIGTERM)  # within two seconds: the same press
            with pytest.raises(KeyboardInterrupt):
                interrupts.check()
        interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    def test_a_second_one_ends_the_process(self):
        code = "import signal\nfrom dlcore.console import interrupts\nwith interrupts.deferred():\n"
        code += (
            "  signal.raise_signal(2)\n  interrupts.time.monotonic = lambda: 1e9\n  signal.raise_signal(2)\nprint(1)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "")

    def test_what_comes_after_the_end_interrupts_nothing(self):
        code = "import atexit, signal, sys\nfrom dlcore.cli import main\n"
        code += "for n in (2, 15): atexit.register(signal.raise_signal, n)\nsys.argv[1:] = ['--version']\nmain()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("line", "number"),
        [
            ("Overfit", signal.SIGINT),
            ("Sweep, coarse", signal.SIGTERM),
            ("Sweep, refined", signal.SIGINT),
            ("Train the choice:", signal.SIGTERM),
            ("Train the choice", signal.SIGINT),
        ],
    )
    def test_at_a_random_moment(self, tmp_path, line, number):
        command = [sys.executable, "-m", "dlcore", "recipe", "wine", "--out", "run", *SMALL]
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
            for said in process.stderr:
                if said.startswith(line):
                    break
            time.sleep(random.Random(line).uniform(0, 0.5))
            process.send_signal(number)
            rest = process.stderr.read()
            assert process.wait(timeout=240) == 130, rest
        assert "Traceback" not in rest
        found = report.read(tmp_path / "run")
        assert found.status.status == "interrupted"
        assert found.data is not None
        assert (tmp_path / "run" / "report.html").is_file()
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert cli.run(["report", str(tmp_path / "run")]) == 0

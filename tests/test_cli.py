"""The command from end to end, in a folder of its own: what it prints, what it writes, and how it refuses."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dlcore import recipe, report

SMALL = ["--epochs", "3", "--seeds", "2", "--learning-rates", "1e-3", "1e-2", "--weight-decays", "0", "1e-4"]


def dlcore(folder, *words, **options):
    """Run the command; a folder without colours and a terminal of 100 columns."""
    environment = os.environ | {"COLUMNS": "100", "JAX_PLATFORMS": "cpu", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "dlcore", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, **options)


@pytest.fixture(scope="module")
def cooked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kitchen")
    return folder / "run", dlcore(folder, "recipe", "iris", "--out", "run", "--hidden", "16", *SMALL)


@pytest.mark.slow
def test_a_recipe_from_end_to_end(cooked):
    run, result = cooked
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert "test accuracy" in result.stdout
    assert str(run.name) in result.stdout.splitlines()[-1]
    assert report.read_json(run, "status")["status"] == "finished"
    test = report.read_json(run, "test")
    assert test["metrics"]["accuracy"] > 0.8
    html = (run / "report.html").read_text()
    assert test["opened"][:10] in html
    assert not [piece for piece in ('src="http', 'href="http', "<script src") if piece in html]
    sweeps = [report.read_json(run, f"sweep_{name}") for name in ("coarse", "refined")]
    assert [sweep["trainings"] for sweep in sweeps] == [8, len(sweeps[1]["space"]) * 2]
    assert sweeps[0]["compilations"] == 1
    assert len(report.read_arrays(run, "history")["train_loss"]) == report.read_json(run, "training")["epochs"]
    assert [leftover for leftover in run.parent.iterdir() if leftover != run] == []


@pytest.mark.slow
def test_progress_on_a_pipe_is_few_plain_lines(cooked):
    lines = cooked[1].stderr.splitlines()
    assert 4 <= len(lines) <= 24
    assert not any("\r" in line or "\x1b" in line for line in lines)


@pytest.mark.slow
def test_an_existing_run_is_not_overwritten(cooked):
    run, _ = cooked
    before = (run / "report.html").read_bytes()
    result = dlcore(run.parent, "recipe", "iris", "--out", "run")
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "exists" in result.stderr
    assert (run / "report.html").read_bytes() == before


@pytest.mark.slow
def test_a_report_is_drawn_anew_without_training(cooked):
    run, _ = cooked
    first = (run / "report.html").read_text()
    (run / "report.html").unlink()
    result = dlcore(run.parent, "report", "run")
    assert result.returncode == 0, result.stderr
    assert abs(len((run / "report.html").read_text()) - len(first)) < 0.01 * len(first)


def _table(folder, name, x, y):
    np.savez(folder / name, x=np.asarray(x, np.float32), y=np.asarray(y))
    return name


X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (["digit"], "digits"),
        (["no/such/file.csv"], "no/such/file.csv"),
        (["iris", "--out", "/dev/null/run"], "/dev/null"),
        (["iris", "--batch-size", "5000"], "fewer examples"),
        (["iris", "--batch-size", "100"], "fewer training examples"),
        (["iris", "--seeds", "0"], "seeds"),
        (["iris", "--epochs", "0"], "epochs"),
        (["iris", "--learning-rates", "-0.1"], "learning_rates"),
        (["iris", "--dropout", "1.5"], "dropout"),
        (["iris", "--weight-decays", "-1"], "weight_decays"),
        (["iris", "--hidden", "0"], "hidden"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_wrong_words_are_one_line_and_exit_code_2(tmp_path, words, say, monkeypatch, capsys):
    refused(tmp_path, words, say, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("x", "y", "say"),
    [
        (np.where(X > 2, np.nan, X), np.arange(60) % 3, "NaN"),
        (X, np.arange(60) % 3 - 1, "out of range|missing"),
        (X, np.zeros(60, int), "one class"),
        (X[:2], np.arange(2), "at least 3|fewer"),
        (X, np.arange(59) % 3, "60"),
    ],
    ids=["NaN in the data", "label -1", "one class", "two examples", "a label too few"],
)
def test_bad_data_are_one_line_and_exit_code_2(tmp_path, x, y, say, monkeypatch, capsys):
    refused(tmp_path, [_table(tmp_path, "own.npz", x, y)], say, monkeypatch, capsys)


def refused(folder, words, say, monkeypatch, capsys):
    """In this process: starting Python anew for every wrong word would take longer than all other tests."""
    from dlcore import cli

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["dlcore", "recipe", *words])
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    out, err = capsys.readouterr()
    assert exit_.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert any(word in err for word in say.split("|")), err
    assert sorted(path.name for path in folder.rglob("*") if path.name != "runs") == before
    assert list(folder.glob("runs/*")) == []


@pytest.mark.slow
def test_ctrl_c_leaves_a_readable_run(tmp_path):
    command = [sys.executable, "-m", "dlcore", "recipe", "wine", "--out", "run", "--epochs", "4000", "--seeds", "2"]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Sweep, coarse"):
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        # Python drops an interrupt that comes in a callback of the garbage collector, as JAX has one: press again
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=240) == 130, rest
    dropped = r"Exception ignored .*?\nKeyboardInterrupt: *\n"
    assert "Traceback" not in re.sub(dropped, "", rest, flags=re.DOTALL)
    run = tmp_path / "run"
    assert json.loads((run / "status.json").read_text())["status"] == "interrupted"
    assert "Sanity" in (run / "report.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_recipe_of_a_regression(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = recipe.Recipe(hidden=(8,), epochs=2, seeds=2, learning_rates=(1e-2,), weight_decays=(0.0,))
    html = recipe.run(few, "diabetes", tmp_path / "run").read_text()
    test = report.read_json(tmp_path / "run", "test")
    assert -1 < test["metrics"]["R2"] < 1
    assert "R2" in html or "R²" in html
    config = report.read_json(tmp_path / "run", "config")
    assert config["setup"]["optimizer"]["learning_rate"] == pytest.approx(1e-2)

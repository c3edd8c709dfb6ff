"""The command line: what it takes, refuses and leaves."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import dlcore as package
from dlcore import cli, report
from tests.cli.kitchen import SMALL, dlcore

TAKEN_HOME = """
import sys
from dlcore import data, report, resume
from dlcore.tuning import ensemble_probabilities

inputs, winner = report.read(sys.argv[1]).preprocessing.preprocessing, resume(sys.argv[1] + "/study").winner
iris = data.load("iris")
print(winner.members, (ensemble_probabilities(winner, inputs(iris.x)).argmax(-1) == iris.y).mean())
"""


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
    found = report.read(run)
    assert found.status.status == "finished"
    assert found.test.metrics["accuracy"] > 0.8
    assert 0.2 < found.test.baseline["accuracy"] < 0.5
    html = (run / "report.html").read_text()
    assert found.test.opened[:10] in html
    assert not [piece for piece in ('src="http', 'href="http', "<script src") if piece in html]
    assert [sweep.study.loss.shape for sweep in found.sweeps] == [(len(s.space), 2 * 5) for s in found.sweeps]
    assert [(sweep.name, sweep.folds) for sweep in found.sweeps] == [
        (name, 5) for name in ("linear", "coarse", "refined")
    ]
    coarse = {tuple(one.values()) for one in found.sweeps[1].space}
    assert coarse >= set(itertools.product([1e-3, 1e-2], [0, 1e-4]))
    assert max(rate for rate, _ in coarse) > 1e-2  # three epochs are few: the best was at the end of its axis
    assert all(sweep.compilations for sweep in found.sweeps[:2])
    best = min(found.sweeps, key=lambda sweep: sweep.study.mean[sweep.best])
    most = best.study.mean[best.best] + best.study.standard_error[best.best]
    within = [(s.name != "linear", -s.space[i]["penalty.strength"], s.study.mean[i], s.number, i)
              for s in found.sweeps for i in s.study.sound if s.study.mean[i] <= most]  # fmt: skip
    assert (found.setup.sweep, found.setup.configuration) == min(within)[3:]
    assert found.training.best_epoch == 1 + np.argmin(found.training.history.validation_loss)
    assert f"at epoch {found.training.best_epoch} of {found.training.epochs}" in " ".join(
        found.verdict.verdict.evidence
    )
    said = subprocess.run([sys.executable, "-c", TAKEN_HOME, run], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    members, accuracy = said.stdout.split()
    assert (int(members), float(accuracy) > 0.8) == (found.training.members, True)
    assert found.training.members == 10
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
        (["iris", "--dropouts", "0", "1.5"], "dropouts: needed probabilities below 1, got 1.5"),
        (["iris", "--folds", "121"], "folds: needed at most 120"),
        (["iris", "--folds", "-1"], "folds"),
        (["iris", "--weight-decays", "-1"], "weight_decays"),
        (["iris", "--hidden", "0"], "hidden"),
        (["iris", "--seds", "3"], "--seeds"),
        (["iris", "--seeds", "x"], "--seeds"),
        (["iris", "wine"], "wine"),
        (["iris", "--target", "petal"], "as it was published"),
        (["iris", "--task", "guess"], "classification"),
        (["iris", "--decimal", "x"], "--decimal"),
        ([], "name"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_wrong_words_are_one_line_and_exit_code_2(tmp_path, words, say, monkeypatch, capsys):
    refused(tmp_path, words, say, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("x", "y", "say"),
    [
        (np.where(X > 2, np.inf, X), np.arange(60) % 3, "inf"),
        (X, np.arange(60) % 3 - 1, "out of range|missing"),
        (X, np.zeros(60, int), "one class"),
        (X[:2], np.arange(2), "at least 3 examples"),
        (X, np.arange(59) % 3, "60"),
    ],
    ids=["inf in the data", "label -1", "one class", "two examples", "a label too few"],
)
def test_bad_data_are_one_line_and_exit_code_2(tmp_path, x, y, say, monkeypatch, capsys):
    refused(tmp_path, [_table(tmp_path, "own.npz", x, y)], say, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (["--target", "yy"], "--target y"),
        (["--drop", "a", "b"], "needed a column as input"),
        (["--task", "regression"], "--task classification"),
        (["--classes", "u", "v", "w"], "--classes p q"),
        (["--separator", ";"], "at least two columns"),
        (["--keep", "q"], "--keep"),
    ],
)
def test_options_of_a_table_reach_it(tmp_path, words, say, monkeypatch, capsys):
    rows = [f"{x:.3f},{i % 7},{'pq'[i % 2]}" for i, x in enumerate(X[:, 0])]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,y", *rows]))
    refused(tmp_path, ["own.csv", *words], say, monkeypatch, capsys)


def refused(folder, words, say, monkeypatch, capsys):
    """In this process: starting Python anew for every wrong word would take longer than all other tests."""
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.rglob("*"))
    assert cli.run(["recipe", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert any(word in err for word in say.split("|")), err
    assert sorted(path.name for path in folder.rglob("*") if path.name != "runs") == before
    assert list(folder.glob("runs/*")) == []


@pytest.mark.parametrize(
    ("words", "code", "say"),
    [
        (["recpe", "iris"], 2, "nearest first, there are: recipe,"),
        ([], 2, "recipe"),
        (["report", "nowhere"], 2, "nowhere: needed the folder of a run"),
        (["--version"], 0, f"dlcore {package.__version__}"),
        (["recipe", "--help"], 0, "--learning-rates"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_other_words(words, code, say, capsys):
    assert cli.run(words) == code
    out, err = capsys.readouterr()
    assert say in (out if code == 0 else err)
    assert (err if code == 0 else out) == ""
    assert code == 0 or len(err.splitlines()) == 1


def test_without_extras_it_says_which(monkeypatch, capsys):
    find = cli.importlib.util.find_spec
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None if name == "tyro" else find(name))
    assert cli.run(["recipe", "iris"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "tyro" in line
    assert "pip install 'dlcore-jax[app]'" in line
    assert cli.run(["--version"]) == 0

"""What was interrupted or killed goes on, to the numbers of the unbroken run."""

import contextlib
import shutil
import signal

import numpy as np
import pandas as pd
import pytest

from dlcore import cli, load_model, report
from dlcore.data.files import alone
from dlcore.recipe import filling, search, single
from dlcore.recipe.steps import train, tune

FIT = ["fit", "iris", "--no-cache", "--view", "jsonl", "--set", "epochs=30", "model.layers[0].units=8"]
SWEEP = ["sweep", "iris", "--no-cache", "--folds", "1", "--set", "epochs=3", "model.layers[0].units=8", "--grid",
         "optimizer.learning_rate=1e-3,1e-2", "model.layers[1].function=activations.relu,activations.tanh"]  # fmt: skip
RECIPE = ["recipe", "iris", "--no-cache", "--hidden", "8", "--epochs", "6", "--seeds", "2", "--folds", "2",
          "--learning-rates", "1e-3", "1e-2", "--weight-decays", "0"]  # fmt: skip


def run(words, folder, code=0):
    assert cli.run([*words, "--out", str(folder)]) == code


def again(folder, code=0):
    assert cli.run(["resume", str(folder), "--no-cache"]) == code


def same(folder, other):
    one, two = (report.read(path) for path in (folder, other))
    np.testing.assert_array_equal(one.training.history.validation_loss, two.training.history.validation_loss)
    assert (one.status.status, one.training.ending) == ("finished", two.training.ending)
    x = np.random.default_rng(0).uniform(1, 6, (20, 4))
    np.testing.assert_array_equal(*(load_model(path).predict(x).probabilities for path in (folder, other)))


def same_lines(folder, other):
    """What was seen while they were trained: every epoch once, whatever came between."""
    one, two = (pd.read_json(path / "history.jsonl", lines=True) for path in (folder, other))
    assert one.epoch.tolist() == list(range(1, 31))
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"), check_exact=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A fit, a sweep and a recipe that nothing came between."""
    folder = tmp_path_factory.mktemp("whole")
    run(FIT, folder / "fit")
    run(SWEEP, folder / "sweep")
    run(RECIPE, folder / "recipe")
    return folder


def test_a_fit_after_ctrl_c(whole, tmp_path, monkeypatch):
    fit = single.fit

    def pressed(*words, watch, **options):
        def then(progress):
            if progress.epoch > 3:
                signal.raise_signal(signal.SIGINT)
            watch(progress)

        return fit(*words, watch=then, **options)

    monkeypatch.setattr(single, "fit", pressed)
    run(FIT, tmp_path / "run", 130)
    monkeypatch.undo()
    assert 3 < report.read(tmp_path / "run").training.epochs < 30
    again(tmp_path / "run")
    same(tmp_path / "run", whole / "fit")
    same_lines(tmp_path / "run", whole / "fit")
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "events").exists()


def test_a_fit_that_devices_share_has_the_numbers_of_one(whole, tmp_path):
    run([*FIT, "--devices", "all"], tmp_path / "run")
    one, all_ = (report.read(path).training.history.validation_loss for path in (whole / "fit", tmp_path / "run"))
    np.testing.assert_allclose(all_, one, 1e-5)


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A fit with a checkpoint at every chunk, in which the machine failed; its setup came from a file beside it."""
    fit = single.fit

    def failing(*words, watch, **options):
        def then(progress):
            watch(progress)
            if progress.epoch >= 9:
                raise RuntimeError("the machine failed")

        return fit(*words, watch=then, **options)

    monkeypatch.setattr(single, "fit", failing)
    monkeypatch.setattr(single, "SHARE", 1e9)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert cli.run(["new", "iris", "setup.json"]) == 0
    run([*FIT, "--setup", "setup.json"], tmp_path / "run", 1)
    monkeypatch.undo()
    return tmp_path / "run"


def test_a_fit_goes_on_from_its_last_checkpoint(whole, broken, monkeypatch):
    assert len(list((broken / "checkpoints").glob("*[0-9]"))) == 2
    fit, begun = single.fit, []

    def told(*words, resume, **options):
        begun.append(int(resume[0].epoch))
        return fit(*words, resume=resume, **options)

    monkeypatch.setattr(single, "fit", told)
    lines = broken / "history.jsonl"
    lines.write_text(lines.read_text() + '{"epoch": 10, "runn')
    again(broken)
    assert begun[0] >= 9
    same(broken, whole / "fit")
    same_lines(broken, whole / "fit")


def test_a_damaged_checkpoint_gives_way_to_the_one_before(whole, broken):
    last = max((broken / "checkpoints").glob("*[0-9]"))
    shutil.rmtree(last / "state")
    with pytest.warns(UserWarning, match="the one before it is used"):
        again(broken)
    same(broken, whole / "fit")


def test_a_sweep_trains_what_is_not_there(whole, tmp_path, monkeypatch):
    sweep, trained = search.sweep, []

    def failing(*words, watch, **options):
        def then(progress):
            watch(progress)
            if progress.done:
                raise RuntimeError("the machine failed")

        return sweep(*words, watch=then, **options)

    monkeypatch.setattr(search, "sweep", failing)
    run(SWEEP, tmp_path / "run", 1)

    def told(*words, watch, **options):
        return sweep(*words, watch=lambda now: (trained.append(now), watch(now)), **options)

    monkeypatch.setattr(search, "sweep", told)
    again(tmp_path / "run")
    assert trained
    same(tmp_path / "run", whole / "sweep")
    one, other = (report.read(path).sweeps[0].study.loss for path in (tmp_path / "run", whole / "sweep"))
    np.testing.assert_array_equal(one, other)


def stops(monkeypatch, room, name, after, stop):
    """The ``after``-th time that progress of ``room.name`` is told, ``stop`` happens."""
    given, told = getattr(room, name), []

    def stopping(*words, watch, **options):
        def then(progress):
            told.append(progress)
            if len(told) == after:
                stop()
            watch(progress)

        return given(*words, watch=then, **options)

    monkeypatch.setattr(room, name, stopping)


def fails():
    raise RuntimeError("the machine failed")


@pytest.mark.parametrize(
    ("room", "name", "after", "stop", "code"),
    [
        (tune, "sweep", 2, lambda: signal.raise_signal(signal.SIGINT), 130),
        (tune, "extend", 1, lambda: signal.raise_signal(signal.SIGTERM), 130),
        (train, "extend", 2, fails, 1),
    ],
    ids=["within a call", "wider", "the choice"],
)
def test_a_recipe_goes_on_where_it_was(whole, tmp_path, monkeypatch, room, name, after, stop, code):
    stops(monkeypatch, room, name, after, stop)
    run(RECIPE, tmp_path / "run", code)
    monkeypatch.undo()
    assert report.read(tmp_path / "run").test is None
    again(tmp_path / "run")
    same(tmp_path / "run", whole / "recipe")
    one, other = (report.read(path) for path in (tmp_path / "run", whole / "recipe"))
    for mine, theirs in zip(one.sweeps, other.sweeps, strict=True):
        assert mine.space == theirs.space
        np.testing.assert_array_equal(mine.study.loss, theirs.study.loss)
    assert one.test.loss == other.test.loss
    assert not (tmp_path / "run" / "sweeps").exists()


def test_what_cannot_be_gone_on_with(whole, broken, tmp_path, monkeypatch, capsys):
    def refused(folder, message):
        again(folder, 2)
        assert message in capsys.readouterr().err

    refused(whole / "fit", "needed a run that did not come to its end, got one that is finished")
    refused(tmp_path / "nowhere", "needed the folder of a run")
    with alone(broken):
        refused(broken, "that no other process works in, got one in use")
    with monkeypatch.context() as patched:
        patched.setattr(filling, "fingerprint", lambda split: "another")
        refused(broken, "needed the data that the run began with, got others")
    assert report.read(broken).recipe.command == "fit"
    with contextlib.suppress(OSError):
        shutil.rmtree(broken / "checkpoints")
    again(broken)  # without any it begins anew
    same(broken, whole / "fit")

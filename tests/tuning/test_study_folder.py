"""The folder of a study: killed at any moment it goes on, and another study in it is refused by what differs."""

import json
import os
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.diagnosis.compilations import count_compilations
from dlcore.optimizers import SGD, Adam
from dlcore.training import EarlyStopping
from dlcore.tuning import Halving, extend, grid, resume, sweep
from tests.problems import blobs, small_setup
from tests.tuning.problems import TWO

KEY, DATA, SETUP = jax.random.key(3), blobs(), small_setup(stopping=EarlyStopping(2.0))
RATES = grid({"optimizer.learning_rate": [1e-3, 1e-2, 0.1]})
HOW = {"seeds": 2, "devices": TWO[:1], "width": 2}


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, *((study.rows, plain(study.winner)) for study in (one, other)))
    assert (one.rungs, one.kept, one.streams) == (other.rungs, other.kept, other.streams)


def plain(run):
    """A run with the words of its keys."""
    state = run.state._replace(key=jax.random.key_data(run.state.key))
    return run.setup, run.params, run.model_state, run.history, state


def test_a_study_comes_back_from_its_folder_without_a_training(tmp_path):
    study = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", **HOW)
    assert_equal(study, sweep(SETUP, RATES, DATA, KEY, **HOW))
    with count_compilations() as compiled:
        again = resume(tmp_path / "s", devices=TWO[:1], width=2)
    assert compiled.count == 0
    assert_equal(again, study)
    assert again.best_setup == study.best_setup
    np.testing.assert_array_equal(again.winner.predict(DATA.validation.x), study.winner.predict(DATA.validation.x))


def test_states_of_losers_do_not_stay_on_disk(tmp_path):
    study = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", **HOW)
    rows = [row for path in (tmp_path / "s" / "calls").glob("*_states.json")
            for row in json.loads(path.read_text())["rows"]]  # fmt: skip
    assert {row[0] for row in rows} >= {study.best}
    assert len(rows) < 6
    bare = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "bare", keep="none", **HOW)
    assert bare.winner is None
    assert not list((tmp_path / "bare" / "calls").glob("*_states*"))


@pytest.mark.parametrize("how", [{"folds": 3, "keep": "all"}, {"halving": Halving(1, 0.5)}], ids=["folds", "halving"])
def test_after_any_number_of_calls_the_rest_is_the_same(tmp_path, how):
    class Killed(BaseException):
        pass

    unbroken = sweep(SETUP, RATES, DATA, KEY, **HOW, **how)
    for calls in range(1, 5):
        left = iter(range(calls))

        def kill(progress, left=left):
            if progress.epoch == progress.epochs and next(left, None) is None:
                raise Killed

        folder = tmp_path / str(calls)
        with pytest.raises(Killed):
            sweep(SETUP, RATES, DATA, KEY, folder=folder, watch=kill, **HOW, **how)
        assert len(list((folder / "calls").glob("*[0-9].json"))) == calls
        assert_equal(resume(folder, devices=TWO[:1], width=2), unbroken)


def test_states_that_are_there_of_rows_that_have_lost_are_let_go(tmp_path):
    """The second configuration is better than the first; killed after both, their states are on disk."""

    class Killed(BaseException):
        pass

    def kill(progress):
        if progress.done == 4:
            raise Killed

    with pytest.raises(Killed):
        sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", watch=kill, **HOW)
    study = resume(tmp_path / "s", devices=TWO[:1], width=2)
    assert_equal(study, sweep(SETUP, RATES, DATA, KEY, **HOW))


SCRIPT = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_num_cpu_devices", 8)
from dlcore.tuning import sweep
from tests.tuning.test_study_folder import DATA, HOW, KEY, RATES, SETUP
sweep(SETUP, RATES, DATA, KEY, folder=sys.argv[1], **(HOW | {"width": 1}))
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_bit_for_bit(tmp_path):
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "unbroken")], check=True)
    folder = tmp_path / "broken"
    for calls in (0, 2):
        child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])
        while len(list(folder.glob("calls/*[0-9].json"))) <= calls and child.poll() is None:
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert calls < len(list(folder.glob("calls/*[0-9].json"))) < 6
    subprocess.run([sys.executable, "-c", SCRIPT, str(folder)], check=True)
    with count_compilations() as compiled:
        assert_equal(resume(folder), resume(tmp_path / "unbroken"))
    assert compiled.count == 0


def test_a_folder_takes_more_assignments_seeds_and_epochs_and_trains_only_those(tmp_path):
    folder, setup = tmp_path / "s", small_setup(epochs=2)
    sweep(setup, RATES[1:], DATA, KEY, folder=folder, devices=TWO[:1])
    told = []
    more = sweep(setup, RATES, DATA, KEY, seeds=2, folder=folder, devices=TWO[:1], watch=told.append)
    assert told[0].done >= 2
    assert len(list(folder.glob("calls/*[0-9].json"))) >= 2
    np.testing.assert_allclose(more.loss, sweep(setup, RATES, DATA, KEY, seeds=2, devices=TWO[:1]).loss, rtol=1e-9)
    longer = sweep(small_setup(epochs=4), RATES, DATA, KEY, seeds=2, folder=folder, devices=TWO[:1])
    whole = sweep(small_setup(epochs=4), RATES, DATA, KEY, seeds=2, devices=TWO[:1])
    np.testing.assert_allclose(longer.loss, whole.loss, rtol=1e-9)
    assert_equal(resume(folder, devices=TWO[:1]), longer)


def test_a_study_that_is_saved_is_the_folder_of_a_sweep(tmp_path):
    study = sweep(SETUP, RATES, DATA, KEY, folds=3, **HOW)
    study.save(tmp_path / "saved")
    with count_compilations() as compiled:
        assert_equal(resume(tmp_path / "saved"), study)
    assert compiled.count == 0
    with pytest.raises(ValueError, match="needed the same study"):
        sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "saved")


def test_small_formats_come_back_as_they_were(tmp_path):
    small = blobs(dtype=jnp.bfloat16)
    setup = small_setup(epochs=2)
    study = sweep(setup, RATES[:2], small, KEY, folder=tmp_path / "s", devices=TWO[:1])
    again = resume(tmp_path / "s", devices=TWO[:1])
    assert jax.tree.map(lambda a: a.dtype, again.winner.params) == jax.tree.map(lambda a: a.dtype, study.winner.params)
    assert_equal(again, study)
    assert jax.tree.leaves(again.winner.params)[0].dtype == jnp.bfloat16


OTHER = {
    "setup": ({"setup": small_setup(optimizer=SGD(0.1))}, r"another setup: setup.optimizer is optimizers.Adam there"),
    "number": ({"setup": small_setup(optimizer=Adam(0.5), stopping=EarlyStopping(2.0))}, "optimizer.learning_rate"),
    "space": ({"space": RATES[:1]}, "another space: without"),
    "data": ({"data": blobs(seed=4)}, "another data"),
    "key": ({"key": jax.random.key(4)}, "another key"),
    "kind of key": ({"key": jax.random.key(3, impl="rbg")}, "another (key|generator)"),
    "folds": ({"folds": 3}, "another folds"),
    "halving": ({"halving": Halving()}, "another halving"),
    "seeds": ({"seeds": 1}, "another number of seeds: 2 there and 1 now"),
}


def test_another_study_in_a_folder_is_refused_by_what_differs(tmp_path):
    folder = tmp_path / "s"
    sweep(SETUP, RATES, DATA, KEY, folder=folder, **HOW)
    for changes, words in OTHER.values():
        given = {"setup": SETUP, "space": RATES, "data": DATA, "key": KEY} | HOW | changes
        with pytest.raises(ValueError, match=words) as error, count_compilations() as compiled:
            sweep(**given, folder=folder)
        assert compiled.count == 0
        assert str(folder) in str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_no_study_is_refused_and_a_damaged_call_is_trained_again(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        resume(tmp_path)
    (tmp_path / "mine.txt").write_text("thesis")
    with pytest.raises(ValueError, match=r"needed a new folder, or one of a study, got one with mine.txt"):
        sweep(SETUP, RATES, DATA, KEY, folder=tmp_path, **HOW)
    with pytest.raises(TypeError, match="needed a function with a name"):
        sweep(small_setup(loss=lambda s, y: s[:, 0]), RATES, DATA, KEY, folder=tmp_path / "lambda", **HOW)
    assert not (tmp_path / "lambda").exists()
    study = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", **HOW)
    for path in (tmp_path / "s" / "calls").glob("00001*.npz"):
        path.write_bytes(path.read_bytes()[:300])
    with pytest.warns(UserWarning, match="00001.* its rows are trained again"):
        assert_equal(resume(tmp_path / "s", devices=TWO[:1], width=2), study)


def test_a_second_process_in_the_folder_is_refused(tmp_path):
    def while_it_runs(progress):
        with pytest.raises(ValueError, match="no other process works in, got one in use"):
            resume(tmp_path / "s")

    sweep(SETUP, RATES[:1], DATA, KEY, folder=tmp_path / "s", watch=while_it_runs, **HOW)


def test_a_disk_that_fails_is_said_and_the_study_is_finished_in_memory(tmp_path, monkeypatch):
    from dlcore.tuning import folder as module

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_call", full)
    with pytest.warns(UserWarning, match="cannot be written .No space left on device."):
        study = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", **HOW)
    assert_equal(study, sweep(SETUP, RATES, DATA, KEY, **HOW))


def test_extending_adds_rows_and_goes_on_from_states():
    setup = small_setup(epochs=2)
    study = sweep(setup, RATES[:2], DATA, KEY, keep="all", devices=TWO[:1])
    told = []
    longer = extend(study, epochs=4, seeds=2, space=RATES, devices=TWO[:1], watch=told.append)
    whole = sweep(small_setup(epochs=4), RATES, DATA, KEY, seeds=2, keep="all", devices=TWO[:1])
    np.testing.assert_allclose(longer.rows.history.train_loss, whole.rows.history.train_loss, rtol=1e-9)
    np.testing.assert_allclose(longer.loss, whole.loss, rtol=1e-9)
    assert longer.kept == [0, 1, 2]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), longer.winner.params, whole.winner.params)
    with count_compilations() as compiled:
        assert extend(longer, devices=TWO[:1]).loss.tolist() == longer.loss.tolist()
    assert compiled.count == 0


def test_a_new_winner_whose_first_rows_were_not_kept_gets_them_anew():
    study = sweep(small_setup(), RATES, DATA, KEY, devices=TWO[:1])
    more = extend(study, seeds=3, devices=TWO[:1])
    assert more.winner.members == 3
    lowest = more.rows.validation_loss[more.best]
    np.testing.assert_allclose(more.winner.evaluate(DATA.validation)["loss"], lowest, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"seeds": 1}, "extend: seeds: needed 2 or more, got 1"), ({"epochs": 3}, "extend: epochs: needed 4 or more")],
)
def test_less_than_there_was_is_refused(given, words):
    study = sweep(small_setup(), RATES[:1], DATA, KEY, seeds=2, devices=TWO[:1])
    with pytest.raises(ValueError, match=words):
        extend(study, **given)
    halved = sweep(small_setup(), RATES, DATA, KEY, halving=Halving(1), devices=TWO[:1])
    with pytest.raises(ValueError, match="without halving, got one that was halved"):
        extend(halved, seeds=2)

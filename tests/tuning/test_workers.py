"""A study on workers is the study, bit for bit; who dies, fails or falls silent costs time and no rows."""

import multiprocessing
import os
import pickle
import signal
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import jax
import numpy as np
import pytest

from dlcore.tuning import Halving, grid, resume, sweep, workers
from tests.problems import blobs, small_setup
from tests.tuning.problems import TWO

KEY, DATA, SETUP = jax.random.key(3), blobs(), small_setup()
RATES = grid({"optimizer.learning_rate": [1e-3, 1e-2, 0.1]})
MODELS = grid({"optimizer.learning_rate": [1e-3, 0.1], "batch_size": [8, 16]})
HOW = {"seeds": 2, "width": 2}


class Here(Executor):
    """A worker in this process, of which nothing comes or goes but what can be pickled; it notes its tasks."""

    def __init__(self, *faults):
        self.faults, self.tasks = list(faults), []

    def submit(self, fn, /, *args, **kwargs):
        sent, future = pickle.dumps((fn, args)), Future()
        self.tasks.append(len(args))
        fault = self.faults.pop(0) if self.faults else None
        if fault == "silence":
            return future
        try:
            if fault is not None:
                raise fault
            function, arguments = pickle.loads(sent)
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def newcomers(monkeypatch):
    monkeypatch.setattr(workers, "_known", {})


@pytest.fixture(scope="module")
def alone():
    return sweep(SETUP, RATES, DATA, KEY, devices=TWO[:1], **HOW)


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one.rows, other.rows)
    jax.tree.map(np.testing.assert_array_equal, one.winner.params, other.winner.params)
    assert (one.rungs, one.kept, one.plans) == (other.rungs, other.kept, other.plans)


@pytest.mark.parametrize(
    ("space", "how"),
    [(RATES, {}), (MODELS, {}), (RATES, {"folds": 3, "keep": "all"}), (RATES, {"halving": Halving(1, 0.5)})],
    ids=["numbers", "structures", "folds", "halving"],
)
def test_what_workers_train_is_the_study(space, how):
    told = []
    study = sweep(SETUP, space, DATA, KEY, executor=Here(), watch=told.append, **HOW, **how)
    assert_equal(study, sweep(SETUP, space, DATA, KEY, devices=TWO[:1], **HOW, **how))
    assert [progress.done for progress in told] == sorted({progress.done for progress in told})
    assert told[-1].done == told[-1].total


def test_the_study_goes_to_a_worker_once():
    """What goes out first is not understood: one task goes out again with the study, the others without it."""
    executor = Here()
    sweep(SETUP, RATES, DATA, KEY, executor=executor, halving=Halving(1, 0.5), **HOW)
    assert executor.tasks == [1] * 3 + [2] + [1] * 4  # two of the first rung, and one of each other


def test_threads_train_the_study(alone):
    with ThreadPoolExecutor(2) as executor:
        assert_equal(sweep(SETUP, RATES, DATA, KEY, executor=executor, **HOW), alone)


def test_a_call_that_fails_is_trained_by_another(alone):
    executor = Here(None, OSError("no space\nleft"), RuntimeError("worker lost"))
    with pytest.warns(UserWarning, match=r"a worker failed \(.*\); its rows are trained by another") as told:
        assert_equal(sweep(SETUP, RATES, DATA, KEY, executor=executor, **HOW), alone)
    assert "OSError: no space left" in str(told[0].message)
    assert len(told) == 2


@pytest.mark.filterwarnings("ignore:executor. a worker failed")
@pytest.mark.parametrize("faults", [[OSError("bad")] * 9, [BrokenExecutor("all died")]], ids=["fails", "broken"])
def test_what_fails_again_and_again_is_one_line_and_what_was_done_is_kept(tmp_path, alone, faults):
    executor = Here(*[None] * 4, *faults)
    with pytest.raises(RuntimeError, match=r"^sweep: executor: needed workers .*; try the same call .*$") as told:
        sweep(SETUP, RATES, DATA, KEY, executor=executor, folder=tmp_path / "s", **HOW)
    assert "\n" not in str(told.value)
    trained = []
    study = resume(tmp_path / "s", devices=TWO[:1], width=2, watch=trained.append)
    assert_equal(study, alone)
    assert trained[0].done >= 2


def test_who_is_silent_is_not_waited_for(monkeypatch, alone):
    monkeypatch.setattr(workers, "PATIENCE", 0.05)
    monkeypatch.setattr(workers, "SLOW", 0)
    executor = Here(None, "silence")
    with pytest.warns(UserWarning, match=r"no answer for 0 s; the 1 calls that are out go to others too"):
        assert_equal(sweep(SETUP, RATES, DATA, KEY, executor=executor, **HOW), alone)
    known = None, "silence", "silence", None  # who has trained a call may fall silent
    with (
        pytest.warns(UserWarning, match="no answer"),
        pytest.raises(RuntimeError, match=r"executor: needed workers .* got TimeoutError: no answer"),
    ):
        sweep(SETUP, RATES, DATA, jax.random.key(1), executor=Here(*known, *["silence"] * 9), **HOW)


def test_an_interrupt_calls_the_rest_back_and_keeps_what_is_done(tmp_path, alone):
    def press(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(SETUP, RATES, DATA, KEY, executor=Here(), folder=tmp_path / "s", watch=press, **HOW)
    assert len(list((tmp_path / "s" / "calls").glob("*[0-9].json"))) == 1
    assert_equal(resume(tmp_path / "s", executor=Here(), width=2), alone)


def test_a_worker_in_another_environment_says_so(monkeypatch):
    wrong = {**workers.conditions(), "jax_enable_x64": "False"}
    monkeypatch.setattr("dlcore.tuning.search.conditions", lambda: wrong)
    with (
        pytest.warns(UserWarning, match="a worker failed"),
        pytest.raises(RuntimeError, match="worker: jax_enable_x64: needed False, as in the study, got True"),
    ):
        sweep(SETUP, RATES, DATA, KEY, executor=Here(), **HOW)


def test_what_is_no_executor_is_refused():
    with pytest.raises(TypeError, match=r"sweep: executor: needed an executor .* try Client\(...\).get_executor\(\)"):
        sweep(SETUP, RATES, DATA, KEY, executor="cluster")
    with pytest.raises(ValueError, match="sweep: devices: needed none beside an executor"):
        sweep(SETUP, RATES, DATA, KEY, executor=Here(), devices=TWO)
    with pytest.raises(TypeError, match="def instead of lambda"):
        sweep(small_setup(augment=lambda key, x: x), RATES, DATA, KEY, executor=Here())


@pytest.fixture
def like_here(monkeypatch):
    """The environment of worker processes in which numbers are as in this process."""
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")


@pytest.mark.slow
def test_processes_train_the_study(like_here, alone):
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        assert_equal(sweep(SETUP, RATES, DATA, KEY, executor=executor, **HOW), alone)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of sockets and tasks that a killed worker leaves behind
def test_a_worker_of_a_cluster_that_is_killed_costs_no_rows(like_here, alone):
    distributed = pytest.importorskip("distributed")
    quiet = {"dashboard_address": None, "host": "127.0.0.1", "silence_logs": 50}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **quiet) as cluster,
        distributed.Client(cluster) as client,
    ):
        processes = list(client.run(os.getpid).values())

        def kill(progress):
            if processes:
                os.kill(processes.pop(), signal.SIGKILL)
                processes.clear()

        study = sweep(SETUP, RATES, DATA, KEY, executor=client.get_executor(), watch=kill, **HOW)
        assert not processes
    assert_equal(study, alone)

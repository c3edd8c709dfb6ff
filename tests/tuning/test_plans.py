"""How many rows run at once: what memory has room for, what the clock says, and what is remembered of it."""

import dataclasses
import types

import jax
import numpy as np
import pytest

from dlcore.data.files import read
from dlcore.diagnosis.compilations import count_compilations
from dlcore.training import Watch
from dlcore.tuning import Halving, calls, grid, memory, plan, resume, sweep, widths
from dlcore.tuning.programs import Program
from tests.problems import blobs, small_setup
from tests.tuning.problems import TWO

KEY, DATA, SETUP = jax.random.key(3), blobs(), small_setup()
RATES = grid({"optimizer.learning_rate": np.geomspace(1e-3, 0.1, 8).tolist()})
ONE = {"devices": TWO[:1]}
GB = 10**9


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(widths, "_known", {})


@pytest.fixture(scope="module")
def usual():
    return sweep(SETUP, RATES, DATA, KEY, width=8, **ONE)


def assert_same_rows(one, other):
    """To rounding: other tiles are another program."""
    for a, b in zip(jax.tree.leaves(one.rows), jax.tree.leaves(other.rows), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("width", "taken", "fixed", "free", "rows"),
    [
        (8, 8 * GB, 0, 100 * GB, 8),
        (8, 7 * GB, 0, 10 * GB, 8),
        (8, 8 * GB, 0, 5 * GB, 3),  # 3.5 GB, a row takes one
        (8, 18 * GB, 10 * GB, 20 * GB, 4),  # the data are there once
        (8, 18 * GB, 10 * GB, 12 * GB, 1),  # not even one: it is tried all the same
        (1, 8 * GB, 0, GB, 1),
        (8, 8 * GB, 0, None, 8),
    ],
)
def test_rows_take_seven_tenths_of_what_is_free(width, taken, fixed, free, rows):
    assert memory.fitting(width, taken, fixed, free) == rows


def test_a_device_says_what_it_has_and_a_cpu_has_its_share_of_the_machine():
    chips = [types.SimpleNamespace(platform="gpu", memory_stats=lambda n=n: {"bytes_limit": 9, "bytes_in_use": n})
             for n in (2, 5)]  # fmt: skip
    assert memory.free_memory(chips) == 4
    assert memory.free_memory([types.SimpleNamespace(platform="tpu", memory_stats=lambda: None)]) is None
    whole, half = memory.free_memory(TWO[:1]), memory.free_memory(TWO)
    assert whole is not None
    assert half is not None
    assert 0.3 < half / whole < 0.7


def test_a_container_has_what_its_group_leaves(tmp_path):
    for name, text in {
        "memory.max": "1000\n",
        "memory.current": "700\n",
        "memory.stat": "anon 500\ninactive_file 150\n",
    }.items():
        (tmp_path / name).write_text(text)
    files = ("memory.max", "memory.current")
    assert memory._left(files, str(tmp_path)) == 450
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left(files, str(tmp_path)) is None
    (tmp_path / "meminfo").write_text("MemTotal:       100 kB\nMemAvailable:    60 kB\n")
    assert memory._available(str(tmp_path / "meminfo")) == 60 * 1024


def test_memory_grows_by_the_row_and_data_are_there_once():
    """More rows take more beside the 3000 examples, which are more than all of them."""
    data, setup = blobs(n=3000), dataclasses.replace(SETUP, watch=Watch(training=None))
    two, four, eight = (plan(setup, RATES, data, KEY, width=width, **ONE)[0].bytes for width in (2, 4, 8))
    examples = 3000 * (4 * 8 + 4)
    assert two < four < eight
    assert eight - two < examples < two


def test_wide_tiles_evaluate_few_examples_each_at_once():
    """A chunk that holds all examples would grow with the rows: 3000 examples x 8 units x 8 bytes for each."""
    setup = dataclasses.replace(SETUP, watch=Watch(chunk=3000))
    space = grid({"optimizer.learning_rate": np.geomspace(1e-3, 0.1, 32).tolist()})
    taken = {width: plan(setup, space, blobs(n=3000), KEY, width=width, **ONE)[0].bytes for width in (8, 32)}
    assert taken[32] - taken[8] < 24 * 3000 * 8 * 8 / 2


def test_where_memory_is_short_fewer_rows_run_at_once(usual, monkeypatch):
    whole = plan(SETUP, RATES, DATA, KEY, width=8, **ONE)[0]
    assert (whole.plan.rows, whole.plan.calls) == (8, 1)
    free = int(whole.bytes / 2 / memory.SHARE)
    monkeypatch.setattr(calls, "free_memory", lambda devices: free)
    monkeypatch.setattr(widths, "free_memory", lambda devices: free)
    narrow = plan(SETUP, RATES, DATA, KEY, **ONE)[0]
    assert 1 <= narrow.plan.rows <= 4
    assert narrow.bytes <= memory.SHARE * free
    study = sweep(SETUP, RATES, DATA, KEY, **ONE)
    assert study.plans[0][:4] == narrow.plan[:4]
    assert_same_rows(study, usual)


def test_out_of_memory_halves_the_rows(usual, monkeypatch):
    advance, tried = Program.advance, []

    def little(self, places, state, epoch, count):
        tried.append(self.group.plan.rows)
        if tried[-1] > most:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes.")
        return advance(self, places, state, epoch, count)

    monkeypatch.setattr(Program, "advance", little)
    most = 2
    assert_same_rows(study := sweep(SETUP, RATES, DATA, KEY, halving=None, width=8, **ONE), usual)
    assert sorted(set(tried)) == [2, 4, 8]
    assert study.plans[0].rows == 2
    most = 0
    with pytest.raises(
        MemoryError, match=r"sweep: needed memory for one training at a time .* try a smaller batch_size"
    ):
        sweep(SETUP, RATES[:1], DATA, KEY, **ONE)


def test_other_errors_of_the_device_are_told_as_they_are(monkeypatch):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(Program, "advance", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        sweep(SETUP, RATES, DATA, KEY, width=8, **ONE)


@pytest.fixture
def clock(monkeypatch):
    """Every study is long and an epoch of a call takes what the table says, by its rows: the widths that were tried."""
    monkeypatch.setattr(widths, "LONG", -1.0)
    monkeypatch.setattr(widths, "WORTH", 0)
    real, asked = widths.tried, []

    def tried(group, data, devices):
        trial = real(group, data, devices)
        asked.append(trial.plan.rows)
        return trial._replace(seconds={1: 1.0, 2: 1.0, 4: 3.0, 8: 8.0}[trial.plan.rows])

    monkeypatch.setattr(widths, "tried", tried)
    monkeypatch.setattr("dlcore.tuning.forecasts.tried", tried)
    return asked


def test_a_long_study_takes_the_quickest_width_and_remembers_it(tmp_path, usual, clock):
    """Two at once are quickest: 8 calls of 1 s, 4 of 1 s, 2 of 3 s, or 1 of 8 s."""
    study = sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", **ONE)
    assert clock == [8, 4, 2, 1]
    assert study.plans[0].rows == 2
    assert_same_rows(study, usual)
    assert set(read(tmp_path / "caches" / "dlcore" / "widths").values()) == {2}
    clock.clear()
    again = sweep(SETUP, RATES, DATA, jax.random.key(4), **ONE)
    assert again.plans[0].rows == 2
    assert sweep(SETUP, RATES, DATA, KEY, width=4, **ONE).plans[0].rows == 4  # what is said goes before


def test_a_study_goes_on_in_the_width_that_it_had(tmp_path, clock):
    """Bit for bit, whatever the machine has learnt meanwhile."""

    class Killed(BaseException):
        pass

    def kill(progress):
        if progress.done == 4:
            raise Killed

    unbroken = sweep(SETUP, RATES, DATA, KEY, width=2, **ONE)
    with pytest.raises(Killed):
        sweep(SETUP, RATES, DATA, KEY, folder=tmp_path / "s", watch=kill, **ONE)
    (name,) = read(tmp_path / "s" / "study")["widths"]
    widths.remember(name, 8)
    study = resume(tmp_path / "s", **ONE)
    assert study.plans[0].rows == 2
    jax.tree.map(np.testing.assert_array_equal, study.rows, unbroken.rows)


def test_a_short_study_is_not_timed(usual, monkeypatch):
    monkeypatch.setattr(widths, "tried", lambda *_: pytest.fail("timed"))
    with count_compilations() as compiled:
        sweep(SETUP, RATES, DATA, jax.random.key(7), **ONE)
    assert compiled.count == 0


def test_a_plan_is_said_before_and_its_program_is_that_of_the_sweep():
    setup = small_setup(epochs=6)
    found = plan(setup, RATES, DATA, KEY, seeds=3, **ONE)
    assert found[0].plan[:4] == (8, 1, 1, 3)
    assert found.bytes == found[0].bytes > 0
    assert found.seconds > 0
    assert str(found).startswith("8 setups x 1 seed at once on the device, 3 calls of 6 epochs; ")
    with count_compilations() as compiled:
        study = sweep(setup, RATES, DATA, KEY, seeds=3, **ONE)
    assert study.plans[0] == found[0].plan
    assert compiled.count == 0


def test_a_plan_knows_that_a_halving_trains_less(clock):
    """Of 8 for 4 epochs: 8 for one, 4 for one, 2 for two."""
    monkey = small_setup(epochs=4)
    whole, halved = (plan(monkey, RATES, DATA, KEY, halving=h, width=8, **ONE) for h in (None, Halving(1, 0.5)))
    assert whole.seconds == 4 * 8.0
    assert halved.seconds == pytest.approx(whole.seconds * (8 + 4 + 2 * 2) / 32)


def test_a_plan_refuses_what_a_sweep_refuses():
    with pytest.raises(TypeError, match="try grid"):
        plan(SETUP, {"optimizer.learning_rate": [1e-3]}, DATA, KEY)
    with pytest.raises(ValueError, match="width"):
        plan(SETUP, RATES, DATA, KEY, width=0)

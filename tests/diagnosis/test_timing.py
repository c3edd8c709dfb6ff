"""Where the time goes: parts that are there, and verdicts on times that are made up. No test asserts a real time."""

import dataclasses

import jax
import pytest

from dlcore.diagnosis import Timing, judge_timing, time_a_step
from dlcore.figures import time_parts
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.solvers import LBFGS
from tests.problems import blobs, small_setup

KEY = jax.random.key(0)
USUAL = Timing(1e-3, 2e-3, 3e-3, 1e-3, 0.02, 2.0, steps=10, epochs=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": sequential(Dense(4), BatchNorm(), Dropout(0.5), Dense(3)), "batch_size": 8},
        {"optimizer": LBFGS(), "batch_size": None},
    ],
    ids=str,
)
def test_every_setup_has_times(changes):
    setup, data = dataclasses.replace(small_setup(), **changes), blobs()
    found = time_a_step(setup, data, KEY)
    assert min(found[:4]) >= 0
    assert found.iteration > 0
    assert found.evaluation > 0
    assert found.compilation > 0
    n = len(data.train.y)
    assert (found.steps, found.epochs) == (-(-n // (setup.batch_size or n)), setup.epochs)


def test_sums():
    assert USUAL.iteration == pytest.approx(7e-3)
    assert USUAL.left() == pytest.approx(5 * (10 * 7e-3 + 0.02))
    assert USUAL.left(4) == pytest.approx(10 * 7e-3 + 0.02)
    assert USUAL.bottleneck == "backward"
    assert USUAL._replace(evaluation=1.0).bottleneck == "evaluation"


@pytest.mark.parametrize(
    ("changes", "kind", "advice"),
    [
        ({}, "in time", None),
        ({"backward": 0.6}, "slow iterations", "start with a simpler network"),
        ({"data": 0.6}, "slow iterations", "examples that stay in memory"),
        ({"evaluation": 0.8}, "evaluation takes most of the time", "watch.every: a look every few epochs"),
    ],
)
def test_verdicts(changes, kind, advice):
    (verdict,) = judge_timing(USUAL._replace(**changes))
    assert verdict.kind == kind
    assert advice is None or advice in verdict.try_next
    assert verdict.severity == ("good" if kind == "in time" else "warning")


def test_what_fit_refuses_is_refused():
    with pytest.raises(TypeError, match="key"):
        time_a_step(small_setup(), blobs(), 0)


def test_the_figure():
    (ax,) = time_parts({"data": 1e-3, "forward": 3e-3}).axes
    assert [text.get_text() for text in ax.texts] == ["  1 ms, 25.0 %", "  3 ms, 75.0 %"]
    time_parts({"data": 0.0})

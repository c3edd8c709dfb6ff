"""Schedules: Optax's values, the lectures' numbers, clocks, derivatives, sweeps, the Robbins-Monro conditions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.optimizers import SGD, Momentum, chain
from dlcore.schedules import (
    Constant,
    Cosine,
    CosineOneCycle,
    Exponential,
    InverseSqrt,
    InverseTime,
    Joined,
    Linear,
    NaturalExponential,
    OneCycle,
    Piecewise,
    Polynomial,
    StepDecay,
    Warmup,
    at,
    in_steps,
    robbins_monro,
)

TIMES = np.arange(130.0)
ORACLES = [
    (Constant(0.3), optax.constant_schedule(0.3)),
    (StepDecay(0.1, 0.5, 7), optax.exponential_decay(0.1, transition_steps=7, decay_rate=0.5, staircase=True)),
    (Exponential(0.1, 0.9), optax.exponential_decay(0.1, transition_steps=1, decay_rate=0.9)),
    (NaturalExponential(0.1, 0.03), optax.exponential_decay(0.1, transition_steps=1, decay_rate=math.exp(-0.03))),
    (Piecewise((0.1, 0.05, 0.005), (10, 40)), optax.piecewise_constant_schedule(0.1, {10: 0.5, 40: 0.1})),
    (Linear(0.1, 0.01, 90), optax.linear_schedule(0.1, 0.01, 90)),
    (Polynomial(0.1, 0.01, 2.5, 90), optax.polynomial_schedule(0.1, 0.01, 2.5, 90)),
    (Cosine(0.1, 90), optax.cosine_decay_schedule(0.1, 90)),
    (Cosine(0.1, 90, end=0.02), optax.cosine_decay_schedule(0.1, 90, alpha=0.2)),
    (OneCycle(0.1, 100), optax.linear_onecycle_schedule(100, 0.1)),
    (CosineOneCycle(0.1, 100), optax.cosine_onecycle_schedule(100, 0.1)),
    (Warmup(Cosine(0.1, 80), 20), optax.warmup_cosine_decay_schedule(0.0, 0.1, 20, 100)),
    (Warmup(Exponential(0.1, 0.9), 20, 0.02), optax.warmup_exponential_decay_schedule(0.02, 0.1, 20, 1, 0.9)),
    (
        Joined((Constant(1.0), Exponential(0.1, 0.5), Linear(1.0, 0.5, 10)), (5, 20)),
        optax.join_schedules(
            [optax.constant_schedule(1.0), lambda t: 0.1 * 0.5**t, optax.linear_schedule(1.0, 0.5, 10)], [5, 20]
        ),
    ),
]
SCHEDULES = [schedule for schedule, _ in ORACLES] + [InverseTime(0.1), InverseSqrt(0.1, 2.0)]


def name_of(schedule):
    return type(schedule).__name__ if hasattr(schedule, "per") else ""


@pytest.mark.parametrize(("ours", "theirs"), ORACLES, ids=name_of)
def test_schedules_are_optax(ours, theirs):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        expected = jax.vmap(theirs)(jnp.asarray(TIMES)) * jnp.ones_like(TIMES)
    np.testing.assert_allclose(jax.jit(ours)(jnp.asarray(TIMES)), expected, rtol=1e-13, atol=1e-16)


def test_the_lectures_numbers():
    """0.1, 0.05, 0.033, 0.025 for the rates 0.1 and 1.0, printed on the slides; the rest from the formulas."""
    np.testing.assert_allclose(InverseTime(0.1, 1.0)(jnp.arange(4)), [0.1, 0.05, 0.033, 0.025], atol=5e-4)
    np.testing.assert_allclose(InverseTime(0.1)(jnp.arange(3)), [0.1, 0.1 / 1.1, 0.1 / 1.2], rtol=1e-15)
    np.testing.assert_allclose(StepDecay(0.8, 0.25, 2)(jnp.arange(5)), [0.8, 0.8, 0.6, 0.6, 0.45], rtol=1e-15)
    np.testing.assert_allclose(StepDecay(0.8)(jnp.array([0, 9, 10, 20])), [0.8, 0.8, 0.4, 0.2], rtol=1e-15)  # a half
    np.testing.assert_allclose(InverseSqrt(0.1, 0.5)(jnp.array([0, 1, 4, 25])), [0.05, 0.05, 0.025, 0.01], rtol=1e-15)
    np.testing.assert_allclose(NaturalExponential(0.1, 0.5)(2), 0.1 / math.e, rtol=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name_of)
def test_schedules_are_swept_and_differentiated(schedule):
    """All numbers are leaves: one trace; swept float32 numbers keep the clock's dtype; derivatives are finite."""
    traces = []

    @jax.jit
    def look(schedule, t):
        traces.append(t)
        jacobian = jax.jacrev(lambda numbers: numbers(t))(schedule)
        return schedule(t), jax.vmap(jax.grad(schedule))(t), jacobian

    leaves = jax.tree.leaves(schedule)
    assert leaves
    assert all(isinstance(leaf, (int, float)) for leaf in leaves)
    times = jnp.array([0.0, 1.0, 9.0, 9.5, 50.0, 90.0, 100.0, 1e6])
    rows = [jax.tree.map(lambda x, f=f: jnp.float32(x * f), schedule) for f in (1.0, 0.5)]
    looks = [look(row, times) for row in rows]
    assert len(traces) == 1
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *rows)
    swept = jax.jit(jax.vmap(lambda schedule: schedule(times)))(stacked)
    assert swept.dtype == times.dtype
    np.testing.assert_allclose(swept, jnp.stack([values for values, _, _ in looks]), rtol=1e-12)
    assert jax.eval_shape(schedule, jnp.float32(3)).dtype == jnp.float32
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(looks))
    assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(looks[0][2]))


def test_a_schedule_without_length_is_over():
    assert Cosine(1.0, 0.0, 0.25)(0.0) == 0.25
    assert Warmup(Constant(0.5), 0.0)(0.0) == 0.5
    assert jnp.isfinite(jax.grad(lambda length: Cosine(1.0, length, 0.25)(0.0))(0.0))


def test_clocks():
    """Steps, whole epochs, and the fraction of the training."""
    tree = {"a": Exponential(1.0, 0.5), "b": Exponential(1.0, 0.5, per="epoch"), "c": Linear(1, 0, 1, per="training")}
    clocked = in_steps(tree, steps_per_epoch=10, steps=40)
    values = jax.vmap(lambda t: at(clocked, t))(jnp.arange(40))
    np.testing.assert_allclose(values["a"], 0.5 ** np.arange(40), rtol=1e-13)
    np.testing.assert_allclose(values["b"], 0.5 ** (np.arange(40) // 10), rtol=1e-13)
    np.testing.assert_allclose(values["c"], 1 - np.arange(40) / 40, rtol=1e-13)


def test_a_schedule_within_a_schedule_keeps_its_unit():
    """Warm up for 4 steps, then fall by epoch; warm up for an epoch, then for the rest of the training."""
    steps = np.arange(24)
    by_epoch = in_steps(Warmup(Exponential(1.0, 0.5, per="epoch"), 4), 10, 100)
    expected = np.where(steps < 4, steps / 4, 0.5 ** (np.maximum(steps - 4, 0) // 10))
    np.testing.assert_allclose(by_epoch(steps), expected, rtol=1e-13)
    same = in_steps(Warmup(Exponential(1.0, 0.5, per="epoch"), 2, per="epoch"), 10, 100)
    np.testing.assert_allclose(same(steps), np.repeat([0.0, 0.5, 1.0], 10)[:24], rtol=1e-13)
    mixed = in_steps(Warmup(Linear(1.0, 0.0, 1.0, per="training"), 1, per="epoch"), 10, 100)
    np.testing.assert_allclose(mixed(jnp.array([0, 9, 10, 35, 60])), [0, 0, 1, 0.8, 0.5], rtol=1e-13)


def test_an_epoch_begins_in_time_whatever_its_length():
    """In a compiled program a division by a constant is a product: 41 * (1 / 41) is below 1 in float32."""
    by_epoch = Linear(0.0, 64.0, 64.0, per="epoch")
    late = []
    for length in range(2, 300):
        times = jnp.arange(30, dtype=jnp.float32) * length
        clocked = in_steps(by_epoch, steps_per_epoch=length, steps=100 * length)
        begun, before = jax.jit(lambda t, clocked=clocked: (clocked(t), clocked(t - 1)))(times)
        late += (
            []
            if (begun == jnp.arange(30.0, dtype=begun.dtype)).all() and (before[1:] == begun[:-1]).all()
            else [length]
        )
    assert not late
    falls = jax.jit(StepDecay(1.0, 0.5, 41.0))(jnp.arange(20, dtype=jnp.float32) * 41)
    np.testing.assert_array_equal(falls, 0.5 ** np.arange(20))
    ends = jax.jit(Polynomial(1.0, 0.25, 0.5, 41.0))(jnp.float32(41))
    assert ends == 0.25


@pytest.mark.parametrize("schedule", [Constant(0.1, per="epoch"), Warmup(Exponential(0.1, 0.9, per="training"), 3)])
def test_a_unit_that_only_a_training_knows_is_refused_outside(schedule):
    rule = chain(SGD(schedule), Momentum())
    with pytest.raises(ValueError, match=r"per: needed a schedule in steps .*, got \w+ per (epoch|training); try fit"):
        rule.init(jnp.ones(3))
    with pytest.raises(ValueError, match="per: needed a schedule in steps"):
        rule.update(jnp.ones(3), chain(SGD(), Momentum()).init(jnp.ones(3)))
    for steps_per_epoch in (1, 10):
        clocked = in_steps(rule, steps_per_epoch, 10 * steps_per_epoch)
        clocked.update(jnp.ones(3), clocked.init(jnp.ones(3)))


@pytest.mark.parametrize("size", [2**24 - 1, 10**6])
def test_epochs_are_counted_exactly_in_float32(size):
    clocked = in_steps(Linear(0.0, 1.0, 1.0, per="epoch"), steps_per_epoch=size, steps=size)
    assert clocked(jnp.float32(size - 1)) == 0
    assert clocked(jnp.float32(size)) == 1


CONDITIONS = [
    (Constant(0.1), (True, False), "rates stay away from 0"),
    (InverseTime(0.1), (True, True), "fall like t^-1"),
    (InverseTime(0.1, 0.0), (True, False), "rates stay away from 0"),
    (StepDecay(0.1), (False, True), "faster than any power"),
    (StepDecay(0.1, 0.0), (True, False), "rates stay away from 0"),
    (Exponential(0.1, 0.9), (False, True), "faster than any power"),
    (Exponential(0.1, 1.001), (True, False), "rates grow"),
    (NaturalExponential(0.1, 0.5), (False, True), "faster than any power"),
    (InverseSqrt(0.1), (True, False), "fall like t^-0.5"),
    (Piecewise((0.1, 0.01), (10,)), (True, False), "rates stay away from 0"),
    (Piecewise((0.1, 0.0), (10,)), (False, True), "faster than any power"),
    (Linear(0.1, 0.0, 100), (False, True), "faster than any power"),
    (Polynomial(0.1, 0.0, 2.0, 100), (False, True), "faster than any power"),
    (Cosine(0.1, 100), (False, True), "faster than any power"),
    (Cosine(0.1, 100, 0.01), (True, False), "rates stay away from 0"),
    (OneCycle(0.1, 100), (True, False), "rates stay away from 0"),
    (CosineOneCycle(0.1, 100), (True, False), "rates stay away from 0"),
    (Warmup(InverseTime(0.1), 10), (True, True), "fall like t^-1"),
    (Joined((Constant(0.1), InverseSqrt(0.1)), (10,)), (True, False), "fall like t^-0.5"),
    (Linear(1.0, 0.1, 1.0, per="training"), (False, False), "only within a training of known length"),
]


@pytest.mark.parametrize(("schedule", "expected", "why"), CONDITIONS, ids=name_of)
def test_robbins_monro(schedule, expected, why):
    """The verdict, and the numerical sums it speaks of: doubling the horizon moves them, or does not."""
    verdict = robbins_monro(schedule)
    assert (verdict.sum_diverges, verdict.squares_converge) == expected
    assert verdict.holds == all(expected)
    assert verdict.non_negative
    assert why in verdict.why
    if schedule.per == "training":
        return
    rates = np.asarray(schedule(jnp.arange(2**17, dtype=float)))
    (early, late), (early_squares, late_squares) = (
        [powers[2**k : 2 ** (k + 1)].sum() for k in (13, 16)] for powers in (rates, rates**2)
    )
    assert (late > 0.5 * early > 0) == expected[0]
    assert (late_squares <= 0.5 * early_squares) == expected[1]


def test_negative_rates_are_no_step_sizes():
    verdict = robbins_monro(InverseTime(-0.1))
    assert not verdict.holds
    assert "negative" in verdict.why
    assert not robbins_monro(StepDecay(0.1, 1.5)).non_negative


def test_bad_schedules_are_named():
    with pytest.raises(
        ValueError, match="Piecewise: needed one more value than boundaries, got 2 values and 2 boundaries; try"
    ):
        Piecewise((1.0, 2.0), (1.0, 2.0))(0.0)
    with pytest.raises(ValueError, match="one more schedule than boundaries, got 1 schedules and 1"):
        Joined((Constant(1.0),), (1.0,))(0.0)
    with pytest.raises(ValueError, match="per: needed one of step, epoch, training, got 'week'"):
        in_steps(Warmup(Constant(1.0, per="week"), 3), 10, 100)

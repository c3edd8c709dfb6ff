"""dlcore's schedules under the names and keywords of ``optax.schedules``."""

import itertools

import jax.numpy as jnp

from dlcore.schedules import (
    Constant,
    Cosine,
    CosineOneCycle,
    Exponential,
    Joined,
    OneCycle,
    Piecewise,
    Polynomial,
    StepDecay,
    Warmup,
)

OFFERED = (
    "constant_schedule",
    "polynomial_schedule",
    "piecewise_constant_schedule",
    "exponential_decay",
    "cosine_decay_schedule",
    "warmup_cosine_decay_schedule",
    "sgdr_schedule",
    "linear_onecycle_schedule",
    "cosine_onecycle_schedule",
)


def constant_schedule(value):
    return Constant(value)


def delayed(schedule, first, begin):
    return Joined((Constant(first), schedule), (begin,)) if begin else schedule


def polynomial_schedule(init_value, end_value, power, transition_steps, transition_begin=0):
    if transition_steps <= 0:  # Optax: a transition of no steps never happens; dlcore: it is over
        return Constant(init_value)
    return delayed(Polynomial(init_value, end_value, power, transition_steps), init_value, transition_begin)


def piecewise_constant_schedule(init_value, boundaries_and_scales=None):
    scales = boundaries_and_scales or {}
    values = itertools.accumulate(scales.values(), lambda value, scale: value * scale, initial=init_value)
    return Piecewise(tuple(values), tuple(scales))


def exponential_decay(init_value, transition_steps, decay_rate, transition_begin=0, staircase=False, end_value=None):
    if transition_steps <= 0 or decay_rate == 0:  # Optax: no decay
        return Constant(init_value)
    if staircase:
        decay = StepDecay(init_value, 1 - decay_rate, transition_steps)
    else:
        decay = Exponential(init_value, decay_rate ** (1 / transition_steps))
    schedule = delayed(decay, init_value, transition_begin)
    if end_value is None:
        return schedule
    bound = jnp.maximum if decay_rate < 1 else jnp.minimum
    return lambda count: bound(schedule(count), end_value)


def cosine_decay_schedule(init_value, decay_steps, alpha=0.0, exponent=1.0):
    assert exponent == 1
    if decay_steps <= 0:
        raise ValueError(f"The cosine_decay_schedule requires positive decay_steps, got {decay_steps}.")
    return Cosine(init_value, float(decay_steps), alpha * init_value)


def warmup_cosine_decay_schedule(init_value, peak_value, warmup_steps, decay_steps, end_value=0.0):
    if decay_steps <= warmup_steps:
        raise ValueError(f"The cosine_decay_schedule requires positive decay_steps, got {decay_steps - warmup_steps}.")
    return Warmup(Cosine(peak_value, decay_steps - warmup_steps, end_value), warmup_steps, init_value)


def sgdr_schedule(cosine_kwargs):
    kwargs = list(cosine_kwargs)
    ends = itertools.accumulate(k["decay_steps"] for k in kwargs)
    return Joined(tuple(warmup_cosine_decay_schedule(**k) for k in kwargs), tuple(ends)[:-1])


def linear_onecycle_schedule(
    transition_steps, peak_value, pct_start=0.3, pct_final=0.85, div_factor=25.0, final_div_factor=1e4
):
    if transition_steps <= 0:
        raise ValueError("A linear onecycle schedule was set with a non-positive `transition_steps`")
    return OneCycle(peak_value, transition_steps, pct_start, pct_final, div_factor, final_div_factor)


def cosine_onecycle_schedule(transition_steps, peak_value, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
    if transition_steps <= 0:
        raise ValueError("A linear onecycle schedule was set with a non-positive `transition_steps`")
    return CosineOneCycle(peak_value, transition_steps, pct_start, div_factor, final_div_factor)

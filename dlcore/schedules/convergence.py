r"""Stochastic approximation converges for $\alpha_t \ge 0$, $\sum \alpha_t = \infty$, $\sum \alpha_t^2 < \infty$."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dlcore.schedules.clock import Schedule


class RobbinsMonro(NamedTuple):
    """Whether the three conditions hold, each of them, and why; ``order`` is $p$ in late rates like $t^{-p}$."""

    holds: bool
    non_negative: bool
    sum_diverges: bool
    squares_converge: bool
    order: float
    why: str


def robbins_monro(schedule: Schedule) -> RobbinsMonro:
    r"""Whether ``schedule`` fulfils the conditions of Robbins & Monro 1951: $1/2 < p \le 1$.

    For schedules of known numbers. That no rate is negative is looked up at whole times up to 1000 and at powers of 10.
    """
    late = math.nan if schedule.per == "training" else float(schedule.order())
    times = np.concatenate([np.arange(1001.0), 10.0 ** np.arange(4, 10)])
    non_negative = bool(np.all(np.asarray(schedule(jnp.asarray(times))) >= 0))
    diverges, converge = late <= 1, late > 0.5
    return RobbinsMonro(
        holds=non_negative and diverges and converge,
        non_negative=non_negative,
        sum_diverges=diverges,
        squares_converge=converge,
        order=late,
        why=_why(late) + ("" if non_negative else "; and some rates are negative"),
    )


def _why(p):
    if math.isnan(p):
        return "no sequence without end: the rates are known only within a training of known length"
    if p == math.inf:
        return "rates fall faster than any power of t: their sum is finite, so training may stop short of the optimum"
    if p == 0:
        return "rates stay away from 0: their squares have an infinite sum, so the noise never dies away"
    if p < 0:
        return "rates grow: their squares have an infinite sum, so the noise never dies away"
    if p <= 0.5:
        return f"rates fall like t^-{p:g}: their squares have an infinite sum, so the noise never dies away"
    if p <= 1:
        return f"rates fall like t^-{p:g}: slowly enough to get anywhere, fast enough for the noise to die away"
    return f"rates fall like t^-{p:g}: their sum is finite, so training may stop short of the optimum"

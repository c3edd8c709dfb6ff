"""Learning-rate schedules as data: a schedule stands wherever a number may stand and is swept by its numbers.

A schedule is a function of the time ``t`` from 0. Time is counted in steps, in epochs (whole: the value holds
still within an epoch) or as the fraction of the training that is over; ``in_steps`` converts.
"""

from dlcore.schedules.clock import UNITS, Schedule, at, in_steps, is_schedule
from dlcore.schedules.decay import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    InverseTime,
    Linear,
    NaturalExponential,
    Piecewise,
    Polynomial,
    StepDecay,
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    inverse_time,
    linear,
    natural_exponential,
    piecewise,
    polynomial,
    step_decay,
)
from dlcore.schedules.phases import CosineOneCycle, Joined, OneCycle, Warmup, cosine_one_cycle, one_cycle
from dlcore.schedules.robbins_monro import RobbinsMonro, robbins_monro

__all__ = [
    "UNITS",
    "Constant",
    "Cosine",
    "CosineOneCycle",
    "Exponential",
    "InverseSqrt",
    "InverseTime",
    "Joined",
    "Linear",
    "NaturalExponential",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "RobbinsMonro",
    "Schedule",
    "StepDecay",
    "Warmup",
    "at",
    "constant",
    "cosine",
    "cosine_one_cycle",
    "exponential",
    "in_steps",
    "inverse_sqrt",
    "inverse_time",
    "is_schedule",
    "linear",
    "natural_exponential",
    "one_cycle",
    "piecewise",
    "polynomial",
    "robbins_monro",
    "step_decay",
]

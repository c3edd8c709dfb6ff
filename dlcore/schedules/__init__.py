"""Learning-rate schedules as data: a schedule stands wherever a number may stand and is swept by its numbers.

A schedule is a function of the time ``t`` from 0. Time is counted in steps, in epochs (whole: the value holds
still within an epoch) or as the fraction of the training that is over; ``in_steps`` converts.
"""

from dlcore.schedules.clock import UNITS, Schedule, at, check_in_steps, in_steps, is_schedule
from dlcore.schedules.convergence import RobbinsMonro, robbins_monro
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
)
from dlcore.schedules.phases import CosineOneCycle, Joined, OneCycle, Warmup

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
    "check_in_steps",
    "in_steps",
    "is_schedule",
    "robbins_monro",
]

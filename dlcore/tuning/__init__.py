"""Tuning: spaces of setups, and sweeps that train them as rows of one program."""

from dlcore.tuning.plan import Plan, plan_of
from dlcore.tuning.spaces import Assignment, assign, axes_of, grid, refine
from dlcore.tuning.study import Rows, Study
from dlcore.tuning.sweep import SweepProgress, sweep

__all__ = [
    "Assignment",
    "Plan",
    "Rows",
    "Study",
    "SweepProgress",
    "assign",
    "axes_of",
    "grid",
    "plan_of",
    "refine",
    "sweep",
]

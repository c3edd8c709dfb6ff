"""Tuning: spaces of setups, sweeps that train them as rows of one program, and ensembles."""

from dlcore.tuning.ensembles import (
    Ensemble,
    ensemble_log_probabilities,
    ensemble_mean,
    ensemble_probabilities,
    member_outputs,
    train_ensemble,
)
from dlcore.tuning.plan import Plan, plan_of
from dlcore.tuning.spaces import Assignment, assign, axes_of, grid, refine
from dlcore.tuning.study import Rows, Study
from dlcore.tuning.sweep import SweepProgress, sweep

__all__ = [
    "Assignment",
    "Ensemble",
    "Plan",
    "Rows",
    "Study",
    "SweepProgress",
    "assign",
    "axes_of",
    "ensemble_log_probabilities",
    "ensemble_mean",
    "ensemble_probabilities",
    "grid",
    "member_outputs",
    "plan_of",
    "refine",
    "sweep",
    "train_ensemble",
]

"""Tuning: spaces of setups, sweeps that train them as rows of one program, and ensembles."""

from dlcore.tuning.anova import Importance, importance
from dlcore.tuning.changes import Changes, one_change_at_a_time
from dlcore.tuning.data_sizes import DataLadder, data_ladder
from dlcore.tuning.ensembles import (
    ensemble_log_probabilities,
    ensemble_mean,
    ensemble_probabilities,
    member_outputs,
    train_ensemble,
)
from dlcore.tuning.first_steps import FirstSteps, find_learning_rate
from dlcore.tuning.forecasts import Forecast, SweepPlan
from dlcore.tuning.halving import Halving, Hyperband
from dlcore.tuning.known import Rows
from dlcore.tuning.layout import Plan, plan_of
from dlcore.tuning.refinement import beyond, edges, refine
from dlcore.tuning.sampling import Choice, Integers, LogUniform, Uniform, sample
from dlcore.tuning.search import HalvingRung, SweepProgress
from dlcore.tuning.spaces import Assignment, Space, assign, axes_of, grid
from dlcore.tuning.study import Study
from dlcore.tuning.sweeps import extend, plan, resume, sweep
from dlcore.tuning.unseen import HeldOut, held_out

__all__ = [
    "Assignment",
    "Changes",
    "Choice",
    "DataLadder",
    "FirstSteps",
    "Forecast",
    "Halving",
    "HalvingRung",
    "HeldOut",
    "Hyperband",
    "Importance",
    "Integers",
    "LogUniform",
    "Plan",
    "Rows",
    "Space",
    "Study",
    "SweepPlan",
    "SweepProgress",
    "Uniform",
    "assign",
    "axes_of",
    "beyond",
    "data_ladder",
    "edges",
    "ensemble_log_probabilities",
    "ensemble_mean",
    "ensemble_probabilities",
    "extend",
    "find_learning_rate",
    "grid",
    "held_out",
    "importance",
    "member_outputs",
    "one_change_at_a_time",
    "plan",
    "plan_of",
    "refine",
    "resume",
    "sample",
    "sweep",
    "train_ensemble",
]

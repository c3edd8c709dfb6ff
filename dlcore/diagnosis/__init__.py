"""Diagnosis: arrays in, verdicts out."""

from dlcore.diagnosis.budget import BUDGET_RULES, ErrorBudget, error_rate, judge_budget, mean_error
from dlcore.diagnosis.confidence import Calibration, calibration
from dlcore.diagnosis.examination import examine, verdicts_of
from dlcore.diagnosis.histograms import DECADES, Histograms
from dlcore.diagnosis.mislabeled import LabelNoise, label_noise
from dlcore.diagnosis.mistakes import ClassMistakes, surest_mistakes
from dlcore.diagnosis.neighbors import CHANGE_RULES, judge_changes
from dlcore.diagnosis.parts import Parts, look_at
from dlcore.diagnosis.probes import Probe, probe, sound_members
from dlcore.diagnosis.repeated import ValueNoise, value_noise
from dlcore.diagnosis.rules import RULES, diagnose
from dlcore.diagnosis.sanity import initial_loss, overfit
from dlcore.diagnosis.signatures import PART_SIGNATURES, SIGNATURES
from dlcore.diagnosis.signs import Curves, Gap, split_gap
from dlcore.diagnosis.timing import TIMING_RULES, Timing, judge_timing, time_a_step
from dlcore.diagnosis.untrained import ExpectedLoss, expected_loss
from dlcore.diagnosis.verdicts import (
    Verdict,
    VerdictRule,
    accuracy_error,
    fano_bound,
    label_entropy,
    softmax_floor,
    softmax_twice_bound,
    target_variance,
)
from dlcore.diagnosis.walk import Layers

__all__ = [
    "BUDGET_RULES",
    "CHANGE_RULES",
    "DECADES",
    "PART_SIGNATURES",
    "RULES",
    "SIGNATURES",
    "TIMING_RULES",
    "Calibration",
    "ClassMistakes",
    "Curves",
    "ErrorBudget",
    "ExpectedLoss",
    "Gap",
    "Histograms",
    "LabelNoise",
    "Layers",
    "Parts",
    "Probe",
    "Timing",
    "ValueNoise",
    "Verdict",
    "VerdictRule",
    "accuracy_error",
    "calibration",
    "diagnose",
    "error_rate",
    "examine",
    "expected_loss",
    "fano_bound",
    "initial_loss",
    "judge_budget",
    "judge_changes",
    "judge_timing",
    "label_entropy",
    "label_noise",
    "look_at",
    "mean_error",
    "overfit",
    "probe",
    "softmax_floor",
    "softmax_twice_bound",
    "sound_members",
    "split_gap",
    "surest_mistakes",
    "target_variance",
    "time_a_step",
    "value_noise",
    "verdicts_of",
]

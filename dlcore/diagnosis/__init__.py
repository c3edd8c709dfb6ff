"""Diagnosis: arrays in, verdicts out."""

from dlcore.diagnosis.confidence import Calibration, calibration
from dlcore.diagnosis.rules import RULES, VerdictRule, diagnose
from dlcore.diagnosis.sanity import initial_loss, overfit
from dlcore.diagnosis.signs import Curves, Gap, split_gap
from dlcore.diagnosis.verdicts import (
    Verdict,
    accuracy_error,
    fano_bound,
    label_entropy,
    softmax_floor,
    softmax_twice_bound,
    target_variance,
)

__all__ = [
    "RULES",
    "Calibration",
    "Curves",
    "Gap",
    "Verdict",
    "VerdictRule",
    "accuracy_error",
    "calibration",
    "diagnose",
    "fano_bound",
    "initial_loss",
    "label_entropy",
    "overfit",
    "softmax_floor",
    "softmax_twice_bound",
    "split_gap",
    "target_variance",
]

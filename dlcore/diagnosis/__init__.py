"""Diagnosis: arrays in, verdicts out."""

from dlcore.diagnosis.confidence import Calibration, calibration
from dlcore.diagnosis.parts import Parts, look_at
from dlcore.diagnosis.probes import Probe, probe
from dlcore.diagnosis.rules import RULES, diagnose
from dlcore.diagnosis.sanity import initial_loss, overfit
from dlcore.diagnosis.signatures import PART_SIGNATURES, SIGNATURES, examine, verdicts_of
from dlcore.diagnosis.signs import Curves, Gap, split_gap
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

__all__ = [
    "PART_SIGNATURES",
    "RULES",
    "SIGNATURES",
    "Calibration",
    "Curves",
    "Gap",
    "Parts",
    "Probe",
    "Verdict",
    "VerdictRule",
    "accuracy_error",
    "calibration",
    "diagnose",
    "examine",
    "fano_bound",
    "initial_loss",
    "label_entropy",
    "look_at",
    "overfit",
    "probe",
    "softmax_floor",
    "softmax_twice_bound",
    "split_gap",
    "target_variance",
    "verdicts_of",
]

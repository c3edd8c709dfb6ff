"""Training: a setup is data; pure functions below, the driven loop above."""

from dlcore.training import checkpoints
from dlcore.training.fit import Progress, check, ending, fit
from dlcore.training.metrics import accuracy
from dlcore.training.setup import EarlyStopping, Setup, as_arrays
from dlcore.training.train import (
    Best,
    History,
    Run,
    TrainState,
    advance,
    arrays,
    evaluate,
    predict,
    start,
    train,
)
from dlcore.training.transfer import Inference, start_from

__all__ = [
    "Best",
    "EarlyStopping",
    "History",
    "Inference",
    "Progress",
    "Run",
    "Setup",
    "TrainState",
    "accuracy",
    "advance",
    "arrays",
    "as_arrays",
    "check",
    "checkpoints",
    "ending",
    "evaluate",
    "fit",
    "predict",
    "start",
    "start_from",
    "train",
]

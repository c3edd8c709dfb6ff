"""Training: a setup is data; pure functions below, the driven loop above."""

from dlcore.training import checkpoints
from dlcore.training.checks import check_setup
from dlcore.training.class_metrics import AUC, F1, BalancedAccuracy, Jaccard, MatthewsCorrelation, Precision, Recall
from dlcore.training.devices import batch_mesh
from dlcore.training.door import arrays, ready
from dlcore.training.driver import Progress, fit
from dlcore.training.epochs import TrainState, advance, start, train
from dlcore.training.evaluation import evaluate, predict
from dlcore.training.interrupts import interruptible
from dlcore.training.learner import Learner
from dlcore.training.metrics import Criterion, SetMetric, TopK, accuracy, criterion_of
from dlcore.training.run import Run
from dlcore.training.setup import EarlyStopping, Mixup, Setup, Watch, as_arrays
from dlcore.training.transfer import Inference, start_from
from dlcore.training.value_metrics import R2, RMSE
from dlcore.training.watch import Best, History, Watched

__all__ = [
    "AUC",
    "F1",
    "R2",
    "RMSE",
    "BalancedAccuracy",
    "Best",
    "Criterion",
    "EarlyStopping",
    "History",
    "Inference",
    "Jaccard",
    "Learner",
    "MatthewsCorrelation",
    "Mixup",
    "Precision",
    "Progress",
    "Recall",
    "Run",
    "SetMetric",
    "Setup",
    "TopK",
    "TrainState",
    "Watch",
    "Watched",
    "accuracy",
    "advance",
    "arrays",
    "as_arrays",
    "batch_mesh",
    "check_setup",
    "checkpoints",
    "criterion_of",
    "evaluate",
    "fit",
    "interruptible",
    "predict",
    "ready",
    "start",
    "start_from",
    "train",
]

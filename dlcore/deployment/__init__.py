"""Deployment: what was trained in use, on new data as people have them; saved, loaded, exported."""

from dlcore.deployment.answers import Predictions
from dlcore.deployment.exported import export_model
from dlcore.deployment.files import load_model, save_model
from dlcore.deployment.model import TrainedModel
from dlcore.deployment.scores import Scores, class_scores, value_scores

__all__ = [
    "Predictions",
    "Scores",
    "TrainedModel",
    "class_scores",
    "export_model",
    "load_model",
    "save_model",
    "value_scores",
]

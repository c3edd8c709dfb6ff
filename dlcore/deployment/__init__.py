"""Deployment: what was trained in use, on new data as people have them; saved, loaded, exported."""

from dlcore.deployment.answers import Predictions
from dlcore.deployment.exported import export_model
from dlcore.deployment.files import load_model, save_model
from dlcore.deployment.members import Committee, judge_members
from dlcore.deployment.model import TrainedModel
from dlcore.deployment.scores import Scores, class_scores, value_scores

__all__ = [
    "Committee",
    "Predictions",
    "Scores",
    "TrainedModel",
    "class_scores",
    "export_model",
    "judge_members",
    "load_model",
    "save_model",
    "value_scores",
]

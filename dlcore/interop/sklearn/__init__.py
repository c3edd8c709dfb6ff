"""scikit-learn's door: trainings as its estimators, and a search whose trainings are rows of one program."""

from dlcore.interop.sklearn.networks import MLPClassifier, MLPRegressor
from dlcore.interop.sklearn.search import SweepSearchCV
from dlcore.interop.sklearn.setups import half_squared_error

__all__ = ["MLPClassifier", "MLPRegressor", "SweepSearchCV", "half_squared_error"]

"""dlcore: the working core of deep learning as pure, compiled JAX functions. A whole training setup is data."""

from dlcore import activations, initializers, losses, optimizers, regularizers, schedules
from dlcore.models import sequential
from dlcore.training import Setup, fit, train
from dlcore.tuning import grid, sweep

__version__ = "0.1.0"
__all__ = [
    "Setup",
    "activations",
    "fit",
    "grid",
    "initializers",
    "losses",
    "optimizers",
    "regularizers",
    "schedules",
    "sequential",
    "sweep",
    "train",
]

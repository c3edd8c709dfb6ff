"""dlcore: the working core of deep learning as pure, compiled JAX functions. A whole training setup is data.

Nothing is imported before it is asked for (PEP 562): ``from dlcore import losses`` does not pay for training.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcore import (
        activations,
        backprop,
        classics,
        data,
        deployment,
        diagnosis,
        figures,
        graph,
        initializers,
        interop,
        layers,
        losses,
        optimizers,
        probability,
        regularizers,
        report,
        runs,
        schedules,
        solvers,
        training,
        tree,
        tuning,
    )
    from dlcore.deployment import load_model
    from dlcore.layers import mlp, sequential
    from dlcore.training import EarlyStopping, Run, Setup, fit, train
    from dlcore.tuning import Study, grid, refine, resume, sample, sweep

__version__ = "0.1.0"
__all__ = [
    "EarlyStopping",
    "Run",
    "Setup",
    "Study",
    "activations",
    "backprop",
    "classics",
    "data",
    "deployment",
    "diagnosis",
    "figures",
    "fit",
    "graph",
    "grid",
    "initializers",
    "interop",
    "layers",
    "load_model",
    "losses",
    "mlp",
    "optimizers",
    "probability",
    "refine",
    "regularizers",
    "report",
    "resume",
    "runs",
    "sample",
    "schedules",
    "sequential",
    "solvers",
    "sweep",
    "train",
    "training",
    "tree",
    "tuning",
]
_ROOM_OF = {
    "EarlyStopping": "training",
    "Run": "training",
    "Setup": "training",
    "Study": "tuning",
    "fit": "training",
    "grid": "tuning",
    "load_model": "deployment",
    "mlp": "layers",
    "refine": "tuning",
    "resume": "tuning",
    "sample": "tuning",
    "sequential": "layers",
    "sweep": "tuning",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = importlib.import_module(f"{__name__}.{_ROOM_OF.get(name, name)}")
    globals()[name] = getattr(room, name) if name in _ROOM_OF else room
    return globals()[name]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

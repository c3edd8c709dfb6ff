"""Checkpoints of a training, by Orbax: what was learned, everything that is needed to go on, and of what it is."""

import os
import warnings
from typing import Any

import jax
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training.checks import check_like, leaf_shapes
from dlcore.training.devices import all_processes, everywhere, here
from dlcore.training.door import ready, shapes
from dlcore.training.epochs import TrainState, advance, start
from dlcore.training.run import Run
from dlcore.training.setup import Setup, as_arrays
from dlcore.training.streaming import state_like
from dlcore.training.watch import History
from dlcore.tree.names import leaf_names
from dlcore.tree.saved import differences, to_config

Path = str | os.PathLike[str]


def save(folder: Path, run: Run) -> None:
    """Write the state and history of ``run``, with its setup, to the new ``folder``: whole, or not at all.

    Of several processes each calls it alike. Raises ValueError where ``folder`` exists.
    """
    import orbax.checkpoint as ocp

    path = os.path.abspath(folder)
    if os.path.exists(path):
        raise ValueError(needed(str(folder), "a new folder for the checkpoint", "one that exists", "another name"))
    epochs = len(run.history.running_loss)
    about = {"setup": _config(run.setup), "epochs": epochs, "leaves": leaf_shapes((run.state, run.history))}
    state = everywhere(run.state, all_processes())
    parts: dict[str, Any] = {"about": ocp.args.JsonSave(about), "state": ocp.args.StandardSave(state)}
    if epochs:  # Orbax does not take arrays without numbers
        parts["history"] = ocp.args.StandardSave(run.history)
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        checkpointer.save(path, ocp.args.Composite(**parts))


def restore(folder: Path, setup: Setup, data: Any, key: Array, *, adapt: bool = False) -> tuple[TrainState, History]:
    """The (state, history) in ``folder``, what ``fit(resume=…)`` takes, of a training of ``setup`` on ``data``.

    The number of epochs may be another one. Other numbers than were saved are warned of, anything else that differs is
    refused by its path: ValueError, also where there is no whole checkpoint. With ``adapt`` only the shapes have to
    fit. A setup with a function that has no name, such as a lambda, is not compared.
    """
    setup, data = ready(setup, data)
    about = _read(folder, {"about": None})["about"]
    if not adapt:
        _compare(folder, about["setup"], setup)
    _, history = jax.eval_shape(
        lambda parts: advance(setup, parts, start(setup, parts, key), about["epochs"]), shapes(data)
    )
    state = state_like(setup, data, key, any(".midway." in name for name in about["leaves"]))
    check_like(f"{folder}", (state, history), about["leaves"])
    if not about["epochs"]:
        return here(_read(folder, {"state": state})["state"], all_processes()), jax.tree.map(
            lambda a: np.zeros(a.shape, a.dtype), history
        )
    found = _read(folder, {"state": state, "history": history})
    return here(found["state"], all_processes()), jax.device_get(found["history"])


def _read(folder, parts):
    """The ``parts`` of the checkpoint, each like what is given for it; None stands for what is no array."""
    import orbax.checkpoint as ocp

    wanted = {
        name: ocp.args.JsonRestore() if like is None else ocp.args.StandardRestore(like) for name, like in parts.items()
    }
    try:
        with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
            return checkpointer.restore(os.path.abspath(folder), ocp.args.Composite(**wanted))
    except Exception as error:  # whatever Orbax meets in a damaged folder
        reason = str(error).strip().split("\n")[0]
        raise ValueError(needed(str(folder), "a whole checkpoint of this setup", reason)) from error


def _config(setup):
    """``setup`` by its public names, numbers as the arrays that were trained with; None where it has none."""
    try:
        return to_config(as_arrays(setup))
    except TypeError:
        return None


def _compare(folder, saved, setup):
    now, numbers = _config(setup), set(leaf_names(setup))
    if saved is None or now is None:
        return
    other = {path: (a, b) for path, a, b in differences(saved, now) if path != "epochs"}
    for path, (a, b) in other.items():
        if path not in numbers:
            got = f"{path} = {a} in a checkpoint, {b} now"
            raise ValueError(
                needed(str(folder), "a checkpoint of this setup", got, "the setup that was saved, or adapt=True")
            )
    if other:
        told = ", ".join(f"{path} = {b} where {a} was saved" for path, (a, b) in other.items())
        warnings.warn(f"{folder}: going on with other numbers: {told}", stacklevel=3)

"""Checkpoints of a training, by Orbax: what was learnt, and everything that is needed to go on."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array
from dlcore.training.setup import Setup, as_arrays
from dlcore.training.train import History, TrainState, arrays, start

Path = str | os.PathLike[str]


def save(folder: Path, state: TrainState, history: History) -> None:
    """Write (state, history), what ``fit(resume=…)`` takes, to the new ``folder``: whole, or not at all.

    Raises ValueError where ``folder`` exists.
    """
    import orbax.checkpoint as ocp

    path = os.path.abspath(folder)
    if os.path.exists(path):
        raise ValueError(f"{folder}: needed a new folder for the checkpoint, got one that exists; try another name")
    plain = jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, state)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, {"state": plain, "history": history})


def restore(folder: Path, setup: Setup, data: Any, key: Array) -> tuple[TrainState, History]:
    """The (state, history) in ``folder``; setup, data and key, whose numbers do not matter, tell their shapes.

    Raises ValueError where there is no whole checkpoint, or one of another setup.
    """
    import orbax.checkpoint as ocp

    like = jax.eval_shape(lambda: start(as_arrays(setup), arrays(data), key))
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            found = checkpointer.restore(os.path.abspath(folder))
        return _shaped(like, found["state"]), History(**found["history"])
    except Exception as error:  # whatever Orbax meets in a damaged folder
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{folder}: needed a whole checkpoint of this setup, got: {reason}") from error


def _shaped(like: Any, found: Any) -> Any:
    """The dictionaries and lists that Orbax gives back as the named tuples and tuples that they were."""
    if isinstance(like, dict):
        return {name: _shaped(part, found[name]) for name, part in like.items()}
    if isinstance(like, tuple):
        names = getattr(like, "_fields", range(len(like)))
        parts = [_shaped(part, found[name]) for part, name in zip(like, names, strict=True)]
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    if _is_key(like):
        return jax.random.wrap_key_data(jax.device_put(found))
    if np.shape(found) != like.shape or found.dtype != like.dtype:
        raise ValueError(f"{found.dtype}{list(found.shape)} where {like.dtype}{list(like.shape)} belongs")
    return jax.device_put(found)


def _is_key(a):
    return jnp.issubdtype(a.dtype, jax.dtypes.prng_key)

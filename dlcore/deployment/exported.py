"""A trained model as one program without its code: StableHLO, which jax alone loads and runs."""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data.files import Path, write_named
from dlcore.deployment.answers import averaged, probabilities
from dlcore.deployment.model import TrainedModel
from dlcore.numerics.formats import Array
from dlcore.training.forward import precision_of
from dlcore.training.run import outputs_at_once

PLATFORMS = ("cpu", "cuda", "tpu")


def export_model(path: Path, model: TrainedModel) -> pathlib.Path:
    """Write what ``model`` computes, with its parameters, to the new file ``path``: StableHLO for CPU, GPU and TPU.

    It takes ``prepared`` inputs x [n, ...], any n, and gives probabilities [n, c], scores where the loss knows none, or
    quantities [n, k] in their units: ``jax.export.deserialize(bytearray(open(path, "rb").read())).call(x)``. Raises
    ValueError where the file exists or cannot be written, RuntimeError where flatbuffers is not installed.
    """
    return write_named(path, lambda file: file.write(_program(model)), new=True)


def _program(model: TrainedModel) -> bytes:
    from jax import export

    (n,) = export.symbolic_shape("n")
    x = jax.ShapeDtypeStruct((n, *model.shape), precision_of(model.trained.params))
    exported = export.export(jax.jit(lambda x: _meaning(model, x)), platforms=PLATFORMS)(x)
    try:
        return bytes(exported.serialize())
    except ImportError as error:
        raise RuntimeError("export needs flatbuffers, which is not installed; try pip install flatbuffers") from error


def _meaning(model: TrainedModel, x: Array) -> Array:
    """What the outputs for x mean, without names."""
    setup: Any = model.trained.setup
    outputs = outputs_at_once(model.trained, x, model.members is not None)
    outputs = outputs if model.members is None else averaged(setup.loss, outputs)
    if model.target.classes:
        shares = probabilities(setup.loss, outputs, len(model.target.classes))
        return outputs if shares is None else shares
    mean, std = (jnp.asarray(np.asarray(a), outputs.dtype) for a in (model.target.mean, model.target.std))
    values = outputs.reshape(outputs.shape[0], -1)
    return mean[None] + std[None] * values

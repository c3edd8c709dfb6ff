"""What the tests of pytrees have in common."""

import dataclasses
import importlib
import inspect

import jax

from dlcore import initializers, losses
from dlcore.activations import relu
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.optimizers import SGD, Adam, chain
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import EarlyStopping, Setup
from dlcore.tree import saved as config


def full_setup():
    partial = jax.tree_util.Partial(losses.huber, delta=2.0)
    return Setup(
        model=sequential(Dense(7, kernel_init=initializers.normal(0.1)), relu, BatchNorm(), Dropout(0.2), Dense(1)),
        loss=partial,
        optimizer=chain(Adam(Exponential(1e-3, 0.9, per="epoch"), b1=0.8), SGD(float("inf"))),
        penalty=L2(1e-4),
        stopping=EarlyStopping(3.0),
        epochs=7,
        batch_size=None,
    )


PUBLIC = {
    f"{package}.{name}": getattr(module, name)
    for package in config.PACKAGES
    for module in [importlib.import_module(f"dlcore.{package}")]
    for name in module.__all__
}
KINDS = [
    name
    for name, thing in PUBLIC.items()
    if isinstance(thing, type) and dataclasses.is_dataclass(thing) and not inspect.isabstract(thing)
]

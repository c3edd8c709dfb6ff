"""A training on examples that are read on the way, from sources of all kinds, and what it is compared by."""

import dataclasses
import threading

import grain
import jax
import numpy as np

from dlcore.activations import relu
from dlcore.data import stream
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.optimizers import EMA, Adam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import F1, Watch
from dlcore.tree.names import leaf_names
from tests.problems import blobs, small_setup

DATA = jax.tree.map(np.asarray, blobs(n=150, validation=40, dtype=np.float32))
X, Y = DATA.train
SETUP = small_setup(
    model=sequential(Dense(8), BatchNorm(), relu, Dropout(0.3), Dense(3)),
    optimizer=EMA(Adam(Exponential(1e-2, 0.9))),
    penalty=L2(1e-3),
    epochs=3,
    watch=Watch(chunk=25, by=F1()),
)
TINY = small_setup(model=sequential(Dropout(0.2), Dense(3)), epochs=3)
LITTLE = 3000  # bytes: pieces of two mini-batches


def streamed(data=DATA, memory=LITTLE, **kinds):
    """``data`` with the parts that are named, or the training part, read by the function given."""
    parts = {name: make(*getattr(data, name), memory) for name, make in (kinds or {"train": of_arrays}).items()}
    return dataclasses.replace(data, **parts)


def of_arrays(x, y, memory):
    return stream(x, y, memory=memory)


def of_pairs(x, y, memory):
    return stream(list(zip(x, y, strict=True)), memory=memory)


def of_grain(x, y, memory):
    numbers = grain.MapDataset.source(range(len(y)))
    return stream(numbers.map(lambda i: (x[i], y[i])), memory=memory)


def of_parts(x, y, memory):
    return stream([x[:60], x[60:61], x[61:]], (y[:100], y[100:]), memory=memory)


class Increasing:
    """Rows as a file of HDF5 gives them: by increasing numbers, each once."""

    def __init__(self, a):
        self.a, self.shape, self.dtype = a, a.shape, a.dtype

    def __getitem__(self, indices):
        assert (np.diff(indices) > 0).all()
        return self.a[indices]


def of_files(x, y, memory):
    return stream(Increasing(x), Increasing(y), memory=memory)


def leaves(run):
    told = (run.params, run.model_state, run.history, run.state[1:])
    return dict(zip(leaf_names(told), jax.tree.leaves(told), strict=True))


def same(run, alone):
    """Bit for bit, but for the mean over the losses of an epoch: a sum that is compiled into another program."""
    a, b = leaves(run), leaves(alone)
    assert a.keys() == b.keys()
    for name in a:
        if name.endswith("running_loss"):
            np.testing.assert_allclose(a[name], b[name], 1e-6)
        else:
            np.testing.assert_array_equal(a[name], b[name], name)


class Counting:
    """A set of 8 GB that nobody has, which counts what is read of it."""

    shape, dtype = (20_000, 100_000), np.dtype(np.float32)

    def __init__(self):
        self.read, self.lock = 0, threading.Lock()

    def __getitem__(self, indices):
        with self.lock:
            self.read += len(indices)
        return np.full((len(indices), 100_000), 0.5, np.float32)

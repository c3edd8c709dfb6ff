"""What the tests of tuning have in common."""

import jax
import numpy as np

from dlcore.optimizers import Adam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import History
from dlcore.training import train as train_eagerly
from dlcore.tuning import Rows, Study
from tests.problems import blobs, small_setup

KEY = jax.random.key(5)
TWO = jax.devices()[:2]
train = jax.jit(train_eagerly)
DATA = blobs()
SETUP = small_setup(optimizer=Adam(Exponential(1e-2, 0.99)), penalty=L2(1e-4))


def history_of(loss, other=0.0):
    """A history with this validation loss; all else is ``other``, numbers of the same shape."""
    part = np.broadcast_to(other, np.shape(loss))
    return History(part, part, loss, {"accuracy": part}, {"accuracy": part}, part, part, part, part)


def _study(losses, space, first_nonfinite=None):
    losses = np.asarray(losses, float)
    none = np.full(losses.shape, -1)
    rows = Rows(
        history_of(losses[..., None]),
        losses,
        np.zeros(losses.shape, int),
        none if first_nonfinite is None else first_nonfinite,
    )
    return Study(small_setup(), tuple(space), rows, ())

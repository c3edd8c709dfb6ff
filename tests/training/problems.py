"""What the tests of training have in common."""

import jax
import jax.numpy as jnp

from dlcore.data import Examples, Split
from dlcore.initializers import zeros
from dlcore.layers import Dense, sequential
from dlcore.optimizers import (
    SGD,
)
from dlcore.training import train as train_eagerly
from tests.problems import blobs, small_setup

KEY = jax.random.key(3)
train = jax.jit(train_eagerly)
DATA = blobs()


def falling(loss, steps, **changes):
    """One weight, 0 at first, that falls by 1 in every step; the loss is a function of it."""
    x = jnp.ones((steps, 1))
    model = sequential(Dense(1, use_bias=False, kernel_init=zeros))
    setup = small_setup(model=model, loss=lambda o, y: loss(o[:, 0]), optimizer=SGD(1.0), batch_size=1, **changes)
    return setup, Split(Examples(x, x), Examples(x, x))

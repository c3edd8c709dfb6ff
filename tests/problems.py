"""Small problems that several test files train on."""

import jax.numpy as jnp
import numpy as np

from dlcore.activations import relu
from dlcore.data import Examples, Split
from dlcore.layers import Dense, sequential
from dlcore.losses import softmax_cross_entropy
from dlcore.optimizers import Adam
from dlcore.training import Setup


def blobs(n=50, validation=20, classes=3, features=4, seed=0, dtype=np.float64):
    """Gaussian clouds, one per class: easy, but not separable."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(classes, features)) * 1.5
    y = rng.integers(0, classes, n + validation)
    x = (centers[y] + rng.normal(size=(n + validation, features))).astype(dtype)
    parts = [Examples(jnp.asarray(x[i]), jnp.asarray(y[i], jnp.int32)) for i in (slice(n), slice(n, None))]
    return Split(*parts)


def small_setup(**changes):
    """A network that learns the blobs in a second."""
    usual = {
        "model": sequential(Dense(8), relu, Dense(3)),
        "loss": softmax_cross_entropy,
        "optimizer": Adam(1e-2),
        "epochs": 4,
        "batch_size": 16,
    }
    return Setup(**(usual | changes))

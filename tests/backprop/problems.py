"""What the tests of backprop have in common."""

import itertools

import jax.numpy as jnp
import numpy as np

from dlcore.backprop import (
    Affine,
)


def mlp(*widths, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return [
        Affine(jnp.asarray(rng.normal(size=(m, n)), dtype), jnp.asarray(rng.normal(size=n), dtype))
        for m, n in itertools.pairwise(widths)
    ]


def data(n, m, k, dtype=float):
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(size=(n, m)), dtype), jnp.asarray(rng.uniform(size=(n, k)), dtype)


def leaf(report, path):
    return next(found for found in report.leaves if found.path == path)

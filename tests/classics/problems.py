"""What the tests of classics have in common."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np
from sklearn import datasets

RNG = np.random.default_rng(0)


def table(name, standardized=True):
    """x [n, d] in float64, each feature with mean 0 and variance 1 if asked, and the target."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if standardized:
        x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    return jnp.asarray(x), jnp.asarray(y)


def sides(y):
    """-1 and 1 for 0 and 1."""
    return 2 * y - 1


def digits(computed, exact):
    """Correct decimal digits of the worst number."""
    pairs = zip(np.ravel(computed), np.ravel(exact), strict=True)
    return -np.log10(max(float(abs(Fraction(float(c)) / Fraction(float(e)) - 1)) for c, e in pairs) + 1e-16)


X = jnp.asarray(RNG.normal(size=(40, 4)))
Y = (X[:, 0] + 0.5 * X[:, 1] + jnp.asarray(RNG.normal(size=40)) > 0).astype(int)

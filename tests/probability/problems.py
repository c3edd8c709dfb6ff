"""What the tests of probability have in common."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=50) * 3, [0.37, 0.0]])
MEAN, SCALE = 0.37, 1.7
SHARES = RNG.dirichlet(np.ones(4), 6)
OTHERS = RNG.dirichlet(np.ones(4), 6)
A = RNG.normal(size=(2, 3, 3))
COVARIANCES = A @ A.transpose(0, 2, 1) + 0.5 * np.eye(3)
MEANS = RNG.normal(size=(2, 3))
mp = mpmath.mp


def arrays(*values):
    return tuple(jnp.asarray(v) for v in values)

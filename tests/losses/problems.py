"""What the tests of losses have in common."""

import jax
import jax.numpy as jnp
import numpy as np

RNG = np.random.default_rng(0)
N, C = 7, 5
LOGITS = jnp.asarray(RNG.normal(size=(N, C)) * 3)
LABELS = jnp.asarray(RNG.integers(0, C, N))
SOFT = jnp.asarray(RNG.dirichlet(np.ones(C), N))
P = jnp.asarray(RNG.dirichlet(np.ones(C), N))
WEIGHTS = jnp.asarray([1.0, 2.0, 0.5, 0.0, 3.0])


def one_hot(labels):
    return jax.nn.one_hot(labels, C, dtype=float)


def with_gradient(f):
    return jax.jit(lambda s: (f(s), jax.grad(lambda s: f(s).astype(float).sum())(s)))

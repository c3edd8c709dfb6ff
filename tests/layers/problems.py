"""What the tests of models have in common."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

KEY = jax.random.key(0)


def normal(*shape, seed=0, scale=1.0):
    return jnp.asarray(scale * np.random.default_rng(seed).normal(size=shape))


def evaluated(layer, params, state, x):
    return layer.apply(params, state, x, key=None, train=False)[0]


def loosely(f):
    """``f`` under JAX's usual promotion: Flax does without the strict one."""

    def called(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return f(*args, **kwargs)

    return called


def assert_same(f, g, *args, rtol=1e-10):
    """Values, and gradients to all arguments of a nonlinear function of them, so that no gradient is constant."""

    def value_and_grads(f):
        def loss(*args):
            y = f(*args)
            return jnp.sum(jnp.sin(y)), y

        return jax.value_and_grad(loss, tuple(range(len(args))), has_aux=True)(*args)

    both = jax.jit(lambda: (value_and_grads(f), value_and_grads(loosely(g))))()
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=rtol, atol=rtol), *both)

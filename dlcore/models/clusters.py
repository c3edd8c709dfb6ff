"""k-means: clusters by Lloyd's iteration from centres that k-means++ spreads over the data."""

import functools

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.models.linear import _check_features, _wide


def k_means(centers: Array, x: Array) -> Array:
    r"""$\arg\min_j \|x - \mu_j\|^2$, the first at ties: centers [k, d], x [..., d] -> cluster numbers [...]."""
    return jnp.argmin(_squared_distances(centers, x), axis=-1)


def inertia(centers: Array, x: Array) -> Array:
    r"""$\sum_i \min_j \|x_i - \mu_j\|^2$, what k-means makes small: centers [k, d], x [n, d] -> []."""
    wide, mu = _wide(x, centers)
    return jnp.sum(jnp.min(_squared_distances(mu, wide), axis=-1)).astype(x.dtype)


def _squared_distances(centers, x):
    """[..., k], from the differences: $\\|x\\|^2 - 2 x \\mu + \\|\\mu\\|^2$ would cancel far from the origin."""
    if jnp.ndim(centers) != 2 or jnp.ndim(x) == 0 or jnp.shape(x)[-1] != jnp.shape(centers)[-1]:
        raise ValueError(
            f"needed centers [k, d] and x [..., d], got {list(jnp.shape(centers))} and {list(jnp.shape(x))}; "
            "try the features of the fit"
        )
    x = x[..., None, :]
    return jnp.sum(jnp.square(x - centers.reshape((1,) * (x.ndim - 2) + centers.shape)), axis=-1)


def k_means_fit(key: Array, x: Array, k: int, max_steps: Scalar = 300) -> Array:
    """Centres [k, d] of x [n, d]: ``lloyd`` from ``k_means_plus_plus``.

    A local minimum: for several starts ``jax.vmap`` over keys, and the one of the least ``inertia``. Raises ValueError
    unless there are at least k examples, k at least 1.
    """
    return lloyd(k_means_plus_plus(key, x, k), x, max_steps)


def k_means_plus_plus(key: Array, x: Array, k: int) -> Array:
    r"""k of the examples x [n, d], far from each other -> [k, d]. Arthur & Vassilvitskii 2007, section 2.2.

    The first with equal chances, each further one with $p_i \propto \min_j \|x_i - \mu_j\|^2$.
    """
    _check_features(x)
    if not 1 <= k <= len(x):
        raise ValueError(f"k: needed 1 to {len(x)} clusters for x {list(jnp.shape(x))}, got {k}")
    return _plus_plus(key, *_wide(x), k).astype(x.dtype)


@functools.partial(jax.jit, static_argnums=2)
def _plus_plus(key, x, k):
    def further(nearest, key):
        chosen = x[jax.random.categorical(key, jnp.log(nearest))]
        return jnp.minimum(nearest, _squared_distances(chosen[None], x)[:, 0]), chosen

    keys = jax.random.split(key, k)
    first = x[jax.random.randint(keys[0], (), 0, len(x))]
    _, others = jax.lax.scan(further, _squared_distances(first[None], x)[:, 0], keys[1:])
    return jnp.concatenate([first[None], others])


def lloyd(centers: Array, x: Array, max_steps: Scalar = 300) -> Array:
    r"""Assign every example to its nearest centre, move every centre to the mean of its examples, until none changes.

    centers [k, d], x [n, d] -> centers [k, d]. Lloyd 1982. No step raises ``inertia``. A centre that has lost all its
    examples starts anew at the example farthest from its centre. NaN where x is not finite.
    """
    _check_features(x)
    if not 1 <= len(centers) <= len(x):
        raise ValueError(f"needed 1 to {len(x)} centers for x {list(jnp.shape(x))}, got {len(centers)}")
    wide, start = _wide(x, centers)
    return _lloyd(start, wide, max_steps).astype(x.dtype)


@jax.jit
def _lloyd(centers, x, max_steps):
    limit = jnp.asarray(max_steps).astype(jnp.int32)

    def going(carry):
        _, labels, before, t = carry
        return jnp.any(labels != before) & (t < limit)

    def step(carry):
        centers, labels, _, t = carry
        centers = _means(centers, labels, x)
        return centers, k_means(centers, x), labels, t + 1

    labels = k_means(centers, x)
    with jax.default_matmul_precision("highest"):
        found = jax.lax.while_loop(going, step, (centers, labels, labels - 1, jnp.int32(0)))[0]
    return jnp.where(jnp.all(jnp.isfinite(x)), found, jnp.nan)


def _means(centers, labels, x):
    """The mean of every cluster; of the m empty ones each gets one of the m worst represented examples."""
    members = jax.nn.one_hot(labels, len(centers), dtype=x.dtype)
    sizes = jnp.sum(members, axis=0)
    empty = sizes == 0
    means = members.T @ x / jnp.where(empty, 1, sizes)[:, None]
    distance = jnp.take_along_axis(_squared_distances(centers, x), labels[:, None], axis=1)[:, 0]
    _, worst = jax.lax.top_k(distance, len(centers))
    spare = x[worst[jnp.maximum(jnp.cumsum(empty) - 1, 0)]]
    return jnp.where(empty[:, None], spare, means)

"""k-means: clusters by Lloyd's iteration from centers that k-means++ spreads over the data."""

import functools

import jax
import jax.numpy as jnp

from dlcore.classics.linear import check_features, wide
from dlcore.classics.units import power_of_two
from dlcore.numerics.errors import check_count, needed
from dlcore.numerics.formats import Array, Scalar


def k_means(centers: Array, x: Array) -> Array:
    r"""$\arg\min_j \|x - \mu_j\|^2$, the first at ties: centers [k, d], x [..., d] -> cluster numbers [...].

    Every example is measured in a unit of its nearest center, whose square neither overflows nor vanishes.
    """
    away = _differences(*wide(x, centers))
    farthest = jnp.max(jnp.abs(away), axis=-1)
    unit = power_of_two(jnp.min(jnp.where(farthest > 0, farthest, jnp.inf), axis=-1))
    return jnp.argmin(jnp.sum(jnp.square(away / unit[..., None, None]), axis=-1), axis=-1)


def inertia(centers: Array, x: Array) -> Array:
    r"""$\sum_i \min_j \|x_i - \mu_j\|^2$, what k-means makes small: centers [k, d], x [n, d] -> []."""
    return jnp.sum(jnp.min(_squared_distances(*wide(x, centers)), axis=-1)).astype(x.dtype)


def _squared_distances(x, centers):
    return jnp.sum(jnp.square(_differences(x, centers)), axis=-1)


def _differences(x, centers):
    """[..., k, d]: with these, unlike $\\|x\\|^2 - 2 x \\mu + \\|\\mu\\|^2$, nothing cancels far from the origin."""
    if jnp.ndim(centers) != 2 or jnp.ndim(x) == 0 or jnp.shape(x)[-1] != jnp.shape(centers)[-1]:
        got = f"{list(jnp.shape(centers))} and {list(jnp.shape(x))}"
        raise ValueError(needed("k-means", "centers [k, d] and x [..., d]", got, "the features of the fit"))
    x = x[..., None, :]
    return x - centers.reshape((1,) * (x.ndim - 2) + centers.shape)


def k_means_fit(key: Array, x: Array, k: int, max_steps: Scalar = 300) -> Array:
    """Centers [k, d] of x [n, d]: ``lloyd`` from ``k_means_plus_plus``.

    A local minimum: for several starts ``jax.vmap`` over keys, and the one of the least ``inertia``. Raises ValueError
    unless there are at least k examples, k at least 1.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from dlcore.classics import k_means_fit
    >>> centers = k_means_fit(jax.random.key(0), jnp.array([[0.0], [1.0], [10.0], [11.0]]), 2)
    >>> print(jnp.sort(centers[:, 0]))
    [ 0.5 10.5]
    """
    return lloyd(k_means_plus_plus(key, x, k), x, max_steps)


def k_means_plus_plus(key: Array, x: Array, k: int) -> Array:
    r"""k of the examples x [n, d], far from each other -> [k, d]. Arthur & Vassilvitskii 2007, section 2.2.

    The first with equal chances, each further one with $p_i \propto \min_j \|x_i - \mu_j\|^2$.
    """
    check_features(x)
    check_count("k", k, most=len(x))
    (scaled,), unit = _in_one_unit(x)
    return (_plus_plus(key, scaled, k) * unit).astype(x.dtype)


@functools.partial(jax.jit, static_argnums=2)
def _plus_plus(key, x, k):
    def further(nearest, key):
        chosen = x[jax.random.categorical(key, jnp.log(nearest))]
        return jnp.minimum(nearest, _squared_distances(x, chosen[None])[:, 0]), chosen

    keys = jax.random.split(key, k)
    first = x[jax.random.randint(keys[0], (), 0, len(x))]
    _, others = jax.lax.scan(further, _squared_distances(x, first[None])[:, 0], keys[1:])
    return jnp.concatenate([first[None], others])


def lloyd(centers: Array, x: Array, max_steps: Scalar = 300) -> Array:
    r"""Assign every example to its nearest center, move every center to the mean of its examples, until none changes.

    centers [k, d], x [n, d] -> centers [k, d]. Lloyd 1982. No step raises ``inertia``. A center that has lost all its
    examples starts anew at the example farthest from its center. NaN where x is not finite.
    """
    check_features(x)
    if not 1 <= len(centers) <= len(x):
        raise ValueError(needed("lloyd", f"1 to {len(x)} centers for x {list(jnp.shape(x))}", len(centers)))
    (scaled, start), unit = _in_one_unit(x, centers)
    return (_lloyd(start, scaled, max_steps) * unit).astype(x.dtype)


def _in_one_unit(*points):
    """All ``points`` over a power of two of their size: the clusters stay, and no square over- or underflows."""
    points = wide(*points)
    unit = power_of_two(functools.reduce(jnp.maximum, (jnp.max(jnp.abs(p)) for p in points)))
    return [p / unit for p in points], unit


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
    distance = jnp.take_along_axis(_squared_distances(x, centers), labels[:, None], axis=1)[:, 0]
    _, worst = jax.lax.top_k(distance, len(centers))
    spare = x[worst[jnp.maximum(jnp.cumsum(empty) - 1, 0)]]
    return jnp.where(empty[:, None], spare, means)

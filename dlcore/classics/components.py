"""Principal component analysis by the singular value decomposition."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.classics.linear import check_features, in_dtype, wide
from dlcore.classics.units import centered, power_of_two, units_of
from dlcore.numerics.formats import Array


class PrincipalComponents(NamedTuple):
    """Mean [d], orthonormal directions [k, d] by falling variance, their variances [k] and shares of the whole [k]."""

    mean: Array
    components: Array
    variance: Array
    ratio: Array


def pca_fit(x: Array, components: int) -> PrincipalComponents:
    r"""$X - \bar x = U \Sigma V^\top$: directions are rows of $V^\top$, variances $\sigma_j^2 / (n - 1)$. x [n, d].

    Never by the covariance matrix, whose eigenvalues lose half of the digits of $\sigma$. Of both signs the one that
    makes the entry of largest size positive. Raises ValueError unless n is at least 2 and ``components`` is from 1 to
    min(n, d).
    """
    check_features(x)
    n, d = x.shape
    if n < 2 or not 1 <= components <= min(n, d):
        raise ValueError(f"pca_fit: needed n >= 2 and 1 to min(n, d) components, got x [{n}, {d}] and {components}")
    (X,) = wide(x)
    units = units_of(X)
    around = centered(X, units)
    unit = power_of_two(jnp.max(jnp.abs(around)))  # of all columns: squares neither overflow nor vanish
    with jax.default_matmul_precision("highest"):
        _, sigma, V = jnp.linalg.svd(around / unit, full_matrices=False)
    largest = jnp.take_along_axis(V, jnp.argmax(jnp.abs(V), axis=1)[:, None], axis=1)
    V = V * jnp.where(largest < 0, -1, 1).astype(V.dtype)
    variance = jnp.square(sigma) / (n - 1)
    whole = jnp.sum(variance)
    ratio = variance / jnp.where(whole > 0, whole, 1)
    kept = (V[:components], variance[:components] * unit * unit, ratio[:components])
    return in_dtype(PrincipalComponents(units.mean, *kept), x)


def pca(params: PrincipalComponents, x: Array) -> Array:
    r"""The coordinates $z = (x - \bar x) V$: x [..., d] -> [..., k]."""
    _check_last("x", x, len(params.mean))
    return jnp.matmul(x - _per_row(params.mean, x), params.components.T)


def pca_inverse(params: PrincipalComponents, z: Array) -> Array:
    r"""The nearest point, $\bar x + z V^\top$, to all x of these coordinates: z [..., k] -> [..., d]."""
    _check_last("z", z, len(params.components))
    x = jnp.matmul(z, params.components)
    return x + _per_row(params.mean, x)


def _per_row(mean, x):
    return jnp.broadcast_to(mean, x.shape)


def _check_last(name, a, size):
    if jnp.ndim(a) == 0 or jnp.shape(a)[-1] != size:
        raise ValueError(f"{name}: needed [..., {size}], got {list(jnp.shape(a))}; try the features of the fit")

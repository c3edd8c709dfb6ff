"""How much of a quantity is noise: what examples differ by whose inputs are nearly the same."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import needed

NEIGHBORS = 10
_MOST = 5000  # examples that are looked at: beyond it the estimate is good enough, and neighbors take long to find


class ValueNoise(NamedTuple):
    """The estimated variance of the noise, summed over the quantities, and its ``standard_error``.

    ``nearest`` is half the mean squared difference of nearest neighbors: the variance without the extrapolation to
    neighbors at distance 0.
    """

    variance: float
    standard_error: float
    nearest: float


def value_noise(x: Any, y: Any, neighbors: int = NEIGHBORS) -> ValueNoise:
    r"""The Gamma test on inputs x [n, ...] and quantities y [n, ...]; Stefánsson et al. 1997, Evans & Jones 2002.

    With $\gamma_p = \frac{1}{2n} \sum_i |y_i - y_{i,p}|^2$ over the p-th nearest neighbors and $\delta_p$ their mean
    squared distance, $\gamma_p \to \sigma^2 + a \delta_p$: the line through them ends at the variance $\sigma^2$ of
    the noise at distance 0. Inputs are to be of one scale.

    What is known of its error: by chance $\frac1n \sqrt{\sum_i (h_i - \bar h)^2}$, $h_i$ all that example i has a part
    in, which is not too small on average (Efron & Stein 1981); and, since no function is a line as far as its
    neighbors are, as much again as the extrapolation takes off, $\gamma_1 - \sigma^2$. Neighbors are the further apart
    the more inputs there are, also such as say nothing: of eight or more, a few hundred examples hardly tell. Where
    the function bends between neighbors the estimate is too large. Looked at are the first 5000 examples. Raises
    ValueError for fewer than two more examples than neighbors, and for what is not finite.
    """
    x, y = (np.asarray(a, np.float64) for a in (x, y))
    if not x.ndim or not y.ndim or len(x) != len(y) or len(x) < neighbors + 2:
        got = f"x {list(x.shape)} and y {list(y.shape)}"
        raise ValueError(needed("value_noise", f"at least {neighbors + 2} inputs, and a target for each", got))
    x, y = (a[:_MOST].reshape(min(len(a), _MOST), -1) for a in (x, y))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(needed("value_noise", "finite numbers", "NaN or inf", "data.without_missing"))
    distance, near = _nearest(x, neighbors)
    gamma = np.square(y[:, None] - y[near]).sum(-1) / 2
    parts = gamma * _at_zero(np.square(distance).mean(0))
    h = parts.sum(1) + np.bincount(near.ravel(), parts.ravel(), len(x))
    by_chance, variance, nearest = h.std() / np.sqrt(len(x)), parts.sum(1).mean(), gamma[:, 0].mean()
    return ValueNoise(float(variance), float(np.hypot(by_chance, nearest - variance)), float(nearest))


def _nearest(x, neighbors):
    """Distances and places [n, neighbors] of the nearest other examples; of equal ones any but itself."""
    from scipy.spatial import KDTree

    distance, near = map(np.asarray, KDTree(x).query(x, neighbors + 1))
    own = near == np.arange(len(x))[:, None]
    own[:, -1] |= ~own.any(1)  # among many equal ones
    return distance[~own].reshape(len(x), -1), near[~own].reshape(len(x), -1)


def _at_zero(delta):
    """The weights that the least squares line through values at ``delta`` gives each of them at 0."""
    d = delta - delta.mean()
    spread = np.square(d).sum()
    return 1 / len(d) - (delta.mean() * d / spread if spread > 0 else 0 * d)

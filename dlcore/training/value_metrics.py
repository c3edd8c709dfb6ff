r"""Metrics of quantities: outputs [n], or [n, ..., k] of k targets, beside labels of that shape. Their mean over the
targets, as scikit-learn's "uniform_average".
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import at_least_f32
from dlcore.training.metrics import SetMetric
from dlcore.tree.fields import hyperparams


class Moments(NamedTuple):
    """Of some examples and each target [k]: their weight, sum of squared errors, a point next to their mean, the sums
    of the distances from it and of their squares; the least and the largest.
    """

    weight: Any
    error: Any
    point: Any
    rest: Any
    spread: Any
    low: Any
    high: Any


def _counted(name, outputs, y, weights):
    """Outputs, targets and weights [m, k]."""
    if outputs.size != y.size or not jnp.issubdtype(y.dtype, jnp.floating):
        got = f"{y.dtype}{list(y.shape)} for outputs {list(outputs.shape)}"
        raise ValueError(needed(f"{name}: labels", f"floating ones {list(outputs.shape)}", got, "y.astype(float)"))
    dtype = at_least_f32(outputs.dtype)
    k = outputs.shape[-1] if outputs.ndim > 1 else 1
    places = outputs.size // k
    outputs, y = (a.reshape(places, k).astype(dtype) for a in (outputs, y))
    weights = jnp.repeat(weights.astype(dtype), places // weights.size)
    return outputs, y, jnp.broadcast_to(weights[:, None], y.shape)


def _sum(weights, values):
    return jnp.sum(jnp.where(weights == 0, 0, weights * values), 0)


@hyperparams
class RMSE(SetMetric):
    r"""$\sqrt{\frac1n \sum_i (\hat y_i - y_i)^2}$, the root of the mean squared error."""

    larger = False

    def count(self, outputs, y, weights):
        outputs, y, weights = _counted("RMSE", outputs, y, weights)
        return _sum(weights, (outputs - y) ** 2), jnp.sum(weights, 0)

    def value(self, counted):
        total, weight = (jnp.sum(part, 0) for part in counted)
        return jnp.mean(jnp.sqrt(total / weight))


@hyperparams
class R2(SetMetric):
    r"""$1 - \sum_i (y_i - \hat y_i)^2 / \sum_i (y_i - \bar y)^2$; NaN where a target is the same in all examples.

    The distances from the mean are put together from those of the parts from points next to their own, never as a
    difference of squares: Chan et al. 1983, with what rounding leaves of each sum of distances.
    """

    def count(self, outputs, y, weights):
        outputs, y, weights = _counted("R2", outputs, y, weights)
        weight = jnp.sum(weights, 0)
        point = _sum(weights, y) / jnp.where(weight > 0, weight, 1)
        from_point = y - point[None]
        rest, spread = _sum(weights, from_point), _sum(weights, from_point**2)
        low, high = (jnp.where(weights == 0, end, y) for end in (jnp.inf, -jnp.inf))
        errors = _sum(weights, (outputs - y) ** 2)
        return Moments(weight, errors, point, rest, spread, jnp.min(low, 0), jnp.max(high, 0))

    def value(self, counted):
        c = counted
        mean = jnp.sum(c.weight * c.point + c.rest, 0) / jnp.sum(c.weight, 0)
        off = c.point - mean[None]
        spread = jnp.sum(c.spread + 2 * c.rest * off + c.weight * off**2, 0)
        constant = jnp.max(c.high, 0) <= jnp.min(c.low, 0)
        return jnp.mean(jnp.where(constant, jnp.nan, 1 - jnp.sum(c.error, 0) / jnp.where(constant, 1, spread)))

r"""Schedules that only fall: functions of the time $t$ from 0, whose first value $\alpha_0$ is ``initial``."""

import itertools
import math

import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, Scalar
from dlcore.schedules.clock import Schedule, divided
from dlcore.tree.fields import hyperparams, number, stand_in


@hyperparams
class Constant(Schedule):
    r"""$\alpha_0$ for every $t$: a schedule where a schedule is asked for."""

    value: Scalar = stand_in()

    def formula(self, t):
        return jnp.full_like(t, self.value)

    def order(self):
        return order_of_limit(self.value)


@hyperparams
class InverseTime(Schedule):
    r"""$\alpha_0 / (1 + k t)$ with $k$ ``rate``."""

    initial: Scalar = stand_in()
    rate: Scalar = number(0.1, low=0, log=True)

    def formula(self, t):
        return self.initial / (1 + self.rate * t)

    def order(self):
        return 1.0 if self.rate > 0 else order_of_limit(self.initial)


@hyperparams
class StepDecay(Schedule):
    r"""$\alpha \leftarrow \alpha - k \alpha$ at every ``every``-th unit: $\alpha_0 (1 - k)^{\lfloor t / n \rfloor}$."""

    initial: Scalar = stand_in()
    decay: Scalar = number(0.5, low=0, high=1)
    every: Scalar = number(10.0, above=0, log=True)

    def formula(self, t):
        times, _ = divided(t, self.every)
        return self.initial * (1 - self.decay) ** times

    def order(self):
        return _order_of_factor(1 - self.decay)


@hyperparams
class Exponential(Schedule):
    r"""$\alpha_0 k^t$ with the factor $k$ ``decay``.

    >>> from dlcore.schedules import Exponential, at
    >>> print(at(Exponential(0.5, 0.5), 2))
    0.125
    """

    initial: Scalar = stand_in()
    decay: Scalar = number(low=0)

    def formula(self, t):
        return self.initial * self.decay**t

    def order(self):
        return _order_of_factor(self.decay)


@hyperparams
class NaturalExponential(Schedule):
    r"""$\alpha_0 e^{-k t}$ with $k$ ``rate``: ``Exponential`` with the factor $e^{-k}$."""

    initial: Scalar = stand_in()
    rate: Scalar = number()

    def formula(self, t):
        return self.initial * jnp.exp(-self.rate * t)

    def order(self):
        return _order_of_factor(np.exp(-self.rate))


@hyperparams
class InverseSqrt(Schedule):
    r"""$k \alpha_0 / \sqrt{\max(t, 1)}$ with $k$ ``scale``: before $t = 1$ the value of $t = 1$."""

    initial: Scalar = stand_in()
    scale: Scalar = number(1.0, low=0, log=True)

    def formula(self, t):
        return self.scale * self.initial / jnp.sqrt(jnp.maximum(t, 1))

    def order(self):
        return 0.5


@hyperparams
class Piecewise(Schedule):
    """``values[0]`` before ``boundaries[0]``, ``values[i]`` from ``boundaries[i-1]`` on: set by hand.

    Raises ValueError unless there is one more value than boundaries.
    """

    values: tuple[Scalar, ...] = stand_in(many=True)
    boundaries: tuple[Scalar, ...] = number(low=0, many=True)

    def formula(self, t):
        check_counts("Piecewise", "value", self.values, self.boundaries)
        value = jnp.full_like(t, self.values[0])
        for later, boundary in zip(self.values[1:], self.boundaries, strict=True):
            value = jnp.where(t >= boundary, later, value)
        return value

    def order(self):
        return order_of_limit(self.values[-1])

    def conditions(self):
        """Of the numbers together."""
        return {"boundaries that rise": rising(self.boundaries)}


@hyperparams
class Linear(Schedule):
    r"""$(1 - p) \alpha_0 + p \alpha_1$ with $p = t / T$ up to 1, the ``length`` $T$ and $\alpha_1$ ``end``."""

    initial: Scalar = stand_in()
    end: Scalar = stand_in()
    length: Scalar = number(low=0, log=True)

    def formula(self, t):
        return between(self.initial, self.end, progress(t, self.length))

    def order(self):
        return order_of_limit(self.end)


@hyperparams
class Polynomial(Schedule):
    r"""$\alpha_1 + (\alpha_0 - \alpha_1)(1 - p)^q$ with $p = t / T$ up to 1 and $q$ ``power``."""

    initial: Scalar = stand_in()
    end: Scalar = stand_in()
    power: Scalar = number(low=0)
    length: Scalar = number(low=0, log=True)

    def formula(self, t):
        left = 1 - progress(t, self.length)
        weight = jnp.where(left > 0, jnp.where(left > 0, left, 1) ** self.power, 0)  # 0^q has no derivative for q < 1
        return between(self.end, self.initial, weight)

    def order(self):
        return order_of_limit(self.end)


@hyperparams
class Cosine(Schedule):
    r"""$\alpha_1 + (\alpha_0 - \alpha_1)(1 + \cos \pi p) / 2$, $p = t / T$ up to 1. Loshchilov & Hutter 2017, eq. 5."""

    initial: Scalar = stand_in()
    length: Scalar = number(low=0, log=True)
    end: Scalar = stand_in(0.0)

    def formula(self, t):
        return between(self.end, self.initial, half_wave(progress(t, self.length)))

    def order(self):
        return order_of_limit(self.end)


def progress(t: Array, length: Scalar) -> Array:
    """The part of ``length`` that is over at ``t`` [...], from 0 to 1; all of it where there is no length."""
    over = (t >= length) | (length <= 0)
    return jnp.where(over, 1, jnp.maximum(t, 0) / jnp.where(over, 1, length))


def between(a: Scalar, b: Scalar, weight: Array) -> Array:
    """From ``a`` at the ``weight`` 0 to ``b`` at 1, elementwise."""
    return (1 - weight) * a + weight * b


def half_wave(p: Array) -> Array:
    r"""$(1 + \cos \pi p) / 2$: from 1 at 0 down to 0 at 1."""
    return (1 + jnp.cos(jnp.pi * p)) / 2


def rising(numbers: tuple[Scalar, ...]) -> Scalar:
    """Whether every one of ``numbers`` is above the one before."""
    return np.all([np.all(np.asarray(a) < np.asarray(b)) for a, b in itertools.pairwise(numbers)])


def check_counts(name: str, what: str, parts: tuple, boundaries: tuple) -> None:
    """Raise ValueError unless there is one part more than boundaries."""
    if len(parts) != len(boundaries) + 1:
        got = f"{len(parts)} {what}s and {len(boundaries)} boundaries"
        raise ValueError(needed(name, f"one more {what} than boundaries", got, f"two {what}s and boundaries=(10,)"))


def order_of_limit(value: Scalar) -> float:
    """``Schedule.order`` of rates that end at ``value``."""
    return math.inf if value == 0 else 0.0


def _order_of_factor(k):
    return math.inf if abs(k) < 1 else -math.inf if abs(k) > 1 else 0.0

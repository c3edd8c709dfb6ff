r"""Schedules that only fall, each as a function of the time ``t`` [...] and, of the same numbers, as an object.

$\alpha_0$ is ``initial``.
"""

import math

import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array, Scalar
from dlcore.pytrees import hyperparams
from dlcore.schedules.clock import Schedule, _on_clock


def constant(t: Scalar, value: Scalar) -> Array:
    r"""$\alpha_0$ for every ``t`` [...]."""
    t, value = _on_clock(t, value)
    return jnp.full_like(t, value)


def inverse_time(t: Scalar, initial: Scalar, rate: Scalar = 0.1) -> Array:
    r"""$\alpha_0 / (1 + k t)$ with $k$ ``rate``."""
    t, initial, rate = _on_clock(t, initial, rate)
    return initial / (1 + rate * t)


def step_decay(t: Scalar, initial: Scalar, decay: Scalar = 0.5, every: Scalar = 10.0) -> Array:
    r"""$\alpha \leftarrow \alpha - k \alpha$ at every ``every``-th unit: $\alpha_0 (1 - k)^{\lfloor t / n \rfloor}$."""
    t, initial, decay, every = _on_clock(t, initial, decay, every)
    return initial * (1 - decay) ** jnp.floor(t / every)


def exponential(t: Scalar, initial: Scalar, decay: Scalar) -> Array:
    r"""$\alpha_0 k^t$ with the factor $k$ ``decay``."""
    t, initial, decay = _on_clock(t, initial, decay)
    return initial * decay**t


def natural_exponential(t: Scalar, initial: Scalar, rate: Scalar) -> Array:
    r"""$\alpha_0 e^{-k t}$ with $k$ ``rate``: ``exponential`` with the factor $e^{-k}$."""
    t, initial, rate = _on_clock(t, initial, rate)
    return initial * jnp.exp(-rate * t)


def inverse_sqrt(t: Scalar, initial: Scalar, scale: Scalar = 1.0) -> Array:
    r"""$k \alpha_0 / \sqrt{\max(t, 1)}$ with $k$ ``scale``: before $t = 1$ the value of $t = 1$."""
    t, initial, scale = _on_clock(t, initial, scale)
    return scale * initial / jnp.sqrt(jnp.maximum(t, 1))


def piecewise(t: Scalar, values: tuple[Scalar, ...], boundaries: tuple[Scalar, ...]) -> Array:
    """``values[0]`` before ``boundaries[0]``, ``values[i]`` from ``boundaries[i-1]`` on: set by hand.

    Raises ValueError unless there is one more value than boundaries.
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"piecewise: needed one more value than boundaries, got {len(values)} values and "
            f"{len(boundaries)} boundaries; try values=(0.1, 0.01), boundaries=(10,)"
        )
    t, *numbers = _on_clock(t, *values, *boundaries)
    value = jnp.full_like(t, numbers[0])
    for later, boundary in zip(numbers[1 : len(values)], numbers[len(values) :], strict=True):
        value = jnp.where(t >= boundary, later, value)
    return value


def linear(t: Scalar, initial: Scalar, end: Scalar, length: Scalar) -> Array:
    r"""$(1 - p) \alpha_0 + p \alpha_1$ with $p = t / T$ up to 1, the ``length`` $T$ and $\alpha_1$ ``end``."""
    t, initial, end, length = _on_clock(t, initial, end, length)
    return _between(initial, end, _progress(t, length))


def polynomial(t: Scalar, initial: Scalar, end: Scalar, power: Scalar, length: Scalar) -> Array:
    r"""$\alpha_1 + (\alpha_0 - \alpha_1)(1 - p)^q$ with $p = t / T$ up to 1 and $q$ ``power``."""
    t, initial, end, power, length = _on_clock(t, initial, end, power, length)
    left = 1 - _progress(t, length)
    weight = jnp.where(left > 0, jnp.where(left > 0, left, 1) ** power, 0)  # 0^q has no derivative for q < 1
    return _between(end, initial, weight)


def cosine(t: Scalar, initial: Scalar, length: Scalar, end: Scalar = 0.0) -> Array:
    r"""$\alpha_1 + (\alpha_0 - \alpha_1)(1 + \cos \pi p) / 2$, $p = t / T$ up to 1. Loshchilov & Hutter 2017, eq. 5."""
    t, initial, length, end = _on_clock(t, initial, length, end)
    return _between(end, initial, (1 + jnp.cos(jnp.pi * _progress(t, length))) / 2)


def _progress(t, length):
    """The part of ``length`` that is over at ``t``, from 0 to 1; all of it where there is no length."""
    some = length > 0
    return jnp.where(some, jnp.clip(t / jnp.where(some, length, 1), 0, 1), 1)


def _between(a, b, weight):
    return (1 - weight) * a + weight * b


@hyperparams
class Constant(Schedule):
    """``constant``: a schedule where a schedule is asked for."""

    value: Scalar

    def __call__(self, t):
        """``constant`` with this schedule's number."""
        return constant(t, self.value)

    def order(self):
        """0."""
        return _order_of_limit(self.value)


@hyperparams
class InverseTime(Schedule):
    r"""``inverse_time``: $\alpha_0 / (1 + k t)$."""

    initial: Scalar
    rate: Scalar = 0.1

    def __call__(self, t):
        """``inverse_time`` with this schedule's numbers."""
        return inverse_time(t, self.initial, self.rate)

    def order(self):
        """1."""
        return 1.0 if self.rate > 0 else _order_of_limit(self.initial)


@hyperparams
class StepDecay(Schedule):
    r"""``step_decay``: $\alpha \leftarrow \alpha - k \alpha$ every $n$ units."""

    initial: Scalar
    decay: Scalar = 0.5
    every: Scalar = 10.0

    def __call__(self, t):
        """``step_decay`` with this schedule's numbers."""
        return step_decay(t, self.initial, self.decay, self.every)

    def order(self):
        """Infinite: geometric."""
        return _order_of_factor(1 - self.decay)


@hyperparams
class Exponential(Schedule):
    r"""``exponential``: $\alpha_0 k^t$."""

    initial: Scalar
    decay: Scalar

    def __call__(self, t):
        """``exponential`` with this schedule's numbers."""
        return exponential(t, self.initial, self.decay)

    def order(self):
        """Infinite: geometric."""
        return _order_of_factor(self.decay)


@hyperparams
class NaturalExponential(Schedule):
    r"""``natural_exponential``: $\alpha_0 e^{-k t}$."""

    initial: Scalar
    rate: Scalar

    def __call__(self, t):
        """``natural_exponential`` with this schedule's numbers."""
        return natural_exponential(t, self.initial, self.rate)

    def order(self):
        """Infinite: geometric."""
        return _order_of_factor(np.exp(-self.rate))


@hyperparams
class InverseSqrt(Schedule):
    r"""``inverse_sqrt``: $k \alpha_0 / \sqrt t$, from $t = 1$ on."""

    initial: Scalar
    scale: Scalar = 1.0

    def __call__(self, t):
        """``inverse_sqrt`` with this schedule's numbers."""
        return inverse_sqrt(t, self.initial, self.scale)

    def order(self):
        """1/2."""
        return 0.5


@hyperparams
class Piecewise(Schedule):
    """``piecewise``: values set by hand, each from its boundary on."""

    values: tuple[Scalar, ...]
    boundaries: tuple[Scalar, ...]

    def __call__(self, t):
        """``piecewise`` with this schedule's numbers."""
        return piecewise(t, self.values, self.boundaries)

    def order(self):
        """0: the last value stays."""
        return _order_of_limit(self.values[-1])


@hyperparams
class Linear(Schedule):
    """``linear``: along a line from ``initial`` to ``end``, which stays."""

    initial: Scalar
    end: Scalar
    length: Scalar

    def __call__(self, t):
        """``linear`` with this schedule's numbers."""
        return linear(t, self.initial, self.end, self.length)

    def order(self):
        """0, or infinite for an end at 0."""
        return _order_of_limit(self.end)


@hyperparams
class Polynomial(Schedule):
    """``polynomial``: like ``Linear``, along a power."""

    initial: Scalar
    end: Scalar
    power: Scalar
    length: Scalar

    def __call__(self, t):
        """``polynomial`` with this schedule's numbers."""
        return polynomial(t, self.initial, self.end, self.power, self.length)

    def order(self):
        """0, or infinite for an end at 0."""
        return _order_of_limit(self.end)


@hyperparams
class Cosine(Schedule):
    """``cosine``: along half a wave from ``initial`` to ``end``, which stays."""

    initial: Scalar
    length: Scalar
    end: Scalar = 0.0

    def __call__(self, t):
        """``cosine`` with this schedule's numbers."""
        return cosine(t, self.initial, self.length, self.end)

    def order(self):
        """0, or infinite for an end at 0."""
        return _order_of_limit(self.end)


def _order_of_limit(value):
    return math.inf if value == 0 else 0.0


def _order_of_factor(k):
    return math.inf if abs(k) < 1 else -math.inf if abs(k) > 1 else 0.0

"""Learning-rate schedules as data: a schedule stands wherever a number may stand and is swept by its numbers.

A schedule is a function of the time ``t`` from 0. Time is counted in steps, in epochs (whole: the value holds
still within an epoch) or as the fraction of the training that is over; ``in_steps`` converts.
"""

import abc
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, Scalar, in_dtype_of
from dlcore.pytrees import hyperparams, static

UNITS = ("step", "epoch", "training")


@hyperparams
class Schedule(abc.ABC):
    """A number that depends on time; ``per`` is the unit of time: "step", "epoch" or "training"."""

    per: str = static(default="step", kw_only=True)

    @abc.abstractmethod
    def __call__(self, t: Array) -> Array:
        """The value at the time ``t`` [...], a floating number of units from 0."""


@hyperparams
class Constant(Schedule):
    r"""$\alpha_0$ at every time: a schedule where a schedule is asked for."""

    value: Scalar

    def __call__(self, t):
        """``constant`` with this schedule's number."""
        return constant(t, self.value)


@hyperparams
class Exponential(Schedule):
    r"""$\alpha_0 k^t$ with the start $\alpha_0$ ``initial`` and the factor $k$ ``decay``."""

    initial: Scalar
    decay: Scalar

    def __call__(self, t):
        """``exponential`` with this schedule's numbers."""
        return exponential(t, self.initial, self.decay)


def constant(t: Scalar, value: Scalar) -> Array:
    r"""$\alpha_0$ for every ``t`` [...]."""
    t, value = _on_clock(t, value)
    return jnp.full_like(t, value)


def exponential(t: Scalar, initial: Scalar, decay: Scalar) -> Array:
    r"""$\alpha_0 k^t$ for time ``t`` [...], start ``initial`` and factor ``decay``."""
    t, initial, decay = _on_clock(t, initial, decay)
    return initial * decay**t


def _on_clock(t, *numbers):
    """``t`` as a floating number and ``numbers`` in its dtype."""
    t = jnp.asarray(t)
    t = t if jnp.issubdtype(t.dtype, jnp.floating) else t.astype(float)
    return t, *(in_dtype_of(t, n) for n in numbers)


@hyperparams
class _InSteps(Schedule):
    """``schedule`` on a clock of steps: one of its units is ``length`` steps, whole units only where ``whole``."""

    schedule: Schedule
    length: int = static()
    whole: bool = static()

    def __call__(self, t):
        units = jnp.floor_divide(t, self.length) if self.whole else jnp.true_divide(t, self.length)
        return self.schedule(units)


def is_schedule(node: Any) -> bool:
    """Whether ``node`` is a schedule; for ``is_leaf`` of the tree functions."""
    return isinstance(node, Schedule)


def at(tree: PyTree, t: Array) -> PyTree:
    """``tree`` with every schedule replaced by its value at time ``t``: the one place that resolves them."""
    return jax.tree.map(lambda node: node(t) if is_schedule(node) else node, tree, is_leaf=is_schedule)


def in_steps(tree: PyTree, steps_per_epoch: int, steps: int) -> PyTree:
    """``tree`` with every schedule counting in steps, for a training of ``steps`` steps in all.

    Raises ValueError for a schedule whose ``per`` is no unit of time.
    """

    def convert(node):
        if not is_schedule(node) or node.per == "step":
            return node
        if node.per not in UNITS:
            raise ValueError(f"per: needed one of {', '.join(UNITS)}, got {node.per!r}")
        length = steps_per_epoch if node.per == "epoch" else steps
        return _InSteps(schedule=node, length=length, whole=node.per == "epoch")

    return jax.tree.map(convert, tree, is_leaf=is_schedule)

"""Time: what a schedule is, its units, and the two places where schedules become numbers."""

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

    def order(self) -> float:
        r"""$p$, where late values fall as $t^{-p}$: 0 if they stay, inf if they fall faster; nan if it is not known."""
        return float("nan")


@hyperparams
class _Clock(Schedule):
    """``schedule``, whose unit is ``length`` steps, on a clock whose unit is ``tick`` steps."""

    schedule: Schedule
    tick: int = static()
    length: int = static()

    def __call__(self, t):
        units = jnp.asarray(t, float) * self.tick / self.length
        return self.schedule(jnp.floor(units) if self.schedule.per == "epoch" else units)


def is_schedule(node: Any) -> bool:
    """Whether ``node`` is a schedule; for ``is_leaf`` of the tree functions."""
    return isinstance(node, Schedule)


def at(tree: PyTree, t: Array) -> PyTree:
    """``tree`` with every schedule replaced by its value at time ``t``: the one place that resolves them."""
    return jax.tree.map(lambda node: node(t) if is_schedule(node) else node, tree, is_leaf=is_schedule)


def in_steps(tree: PyTree, steps_per_epoch: int, steps: int) -> PyTree:
    """``tree`` with every schedule counting in steps, for a training of ``steps`` steps in all.

    A schedule within a schedule keeps its own unit. Raises ValueError for a ``per`` that is no unit of time.
    """
    lengths = dict(zip(UNITS, (1, steps_per_epoch, steps), strict=True))

    def convert(node, tick):
        if not is_schedule(node):
            return node
        if node.per not in lengths:
            raise ValueError(f"per: needed one of {', '.join(UNITS)}, got {node.per!r}; try per='epoch'")
        length = lengths[node.per]
        node = jax.tree.map(
            lambda inner: convert(inner, length), node, is_leaf=lambda inner: inner is not node and is_schedule(inner)
        )
        return node if length == tick else _Clock(node, tick, length)

    return jax.tree.map(lambda node: convert(node, 1), tree, is_leaf=is_schedule)


def _on_clock(t: Scalar, *numbers: Scalar) -> Any:
    """``t`` as a floating number and ``numbers`` in its dtype."""
    t = jnp.asarray(t)
    t = t if jnp.issubdtype(t.dtype, jnp.floating) else t.astype(float)
    return t, *(in_dtype_of(t, n) for n in numbers)

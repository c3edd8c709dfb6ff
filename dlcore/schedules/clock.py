"""Time: what a schedule is, its units, and the two places where schedules become numbers."""

import abc
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree, Scalar, in_dtype_of
from dlcore.tree.fields import StandIn, hyperparams, static

UNITS = ("step", "epoch", "training")


@hyperparams
class Schedule(StandIn, abc.ABC):
    """A number that depends on time; ``per`` is the unit of time: "step", "epoch" or "training"."""

    per: str = static(default="step", kw_only=True)

    def __call__(self, t: Scalar) -> Array:
        """The value at the time ``t`` [...], a number of units from 0; in the dtype of ``t`` where it is floating."""
        t = jnp.asarray(t)
        t = t if jnp.issubdtype(t.dtype, jnp.floating) else t.astype(float)
        return jax.tree.map(lambda number: in_dtype_of(t, number), self).formula(t)

    @abc.abstractmethod
    def formula(self, t: Array) -> Array:
        """The value at ``t`` [...], floating, where all numbers of the schedule have its dtype."""

    def order(self) -> float:
        r"""$p$, where late values fall as $t^{-p}$: 0 if they stay, inf if they fall faster; nan if it is not known."""
        return float("nan")


@hyperparams
class _Clock(Schedule):
    """``schedule``, whose unit is ``length`` steps, on a clock whose unit is ``tick`` steps."""

    schedule: Schedule
    tick: int = static()
    length: int = static()

    def formula(self, t):
        whole, rest = divided(t * self.tick, self.length)
        return self.schedule(whole if self.schedule.per == "epoch" else whole + rest / self.length)


def divided(t: Array, length: Scalar) -> tuple[Array, Array]:
    r"""($q$, $r$) with $t = q T + r$, $q$ whole and $0 \le r < T$ for the ``length`` $T$.

    A division by a constant compiles to a product, whose floor is one too low at some multiples: the rest tells.
    """
    q = jnp.floor(t / length)
    r = t - q * length
    q = jnp.where(r >= length, q + 1, jnp.where(r < 0, q - 1, q))
    return q, t - q * length


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

    def convert(node, unit):
        if not is_schedule(node):
            return node
        if node.per not in lengths:
            raise ValueError(needed("per", f"one of {', '.join(UNITS)}", repr(node.per), "per='epoch'"))
        inside = jax.tree.map(lambda inner: convert(inner, node.per), node, is_leaf=_is_inner(node))
        return inside if node.per == unit else _Clock(inside, lengths[unit], lengths[node.per])

    return jax.tree.map(lambda node: convert(node, "step"), tree, is_leaf=is_schedule)


def check_in_steps(tree: PyTree) -> None:
    """Raise ValueError for a schedule of ``tree`` that counts epochs or trainings, whose length nobody has told yet."""
    for node in jax.tree.leaves(tree, is_leaf=is_schedule):
        if is_schedule(node) and node.per != "step":
            what = "a schedule in steps where no training tells how long they are"
            hint = "fit, or dlcore.schedules.in_steps(rule, steps_per_epoch, steps)"
            raise ValueError(needed("per", what, f"{type(node).__name__} per {node.per}", hint))
        if is_schedule(node) and not isinstance(node, _Clock):
            check_in_steps(jax.tree.leaves(node, is_leaf=_is_inner(node)))


def _is_inner(outer):
    return lambda node: node is not outer and is_schedule(node)

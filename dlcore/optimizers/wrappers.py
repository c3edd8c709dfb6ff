"""What stands around a rule: gradient accumulation, averaged parameters, and the choice of the leaves it is for."""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, PyTree, Scalar, at_least_f32, in_dtype_of
from dlcore.optimizers.rule import Rule, apply_updates, with_params
from dlcore.tree.fields import hyperparams, number, static
from dlcore.tree.leaves import Choice, chosen, fill, only
from dlcore.tree.names import leaf_names


class MultiStepsState(NamedTuple):
    """Steps done by the rule and its slots; of the round so far its numbers, the number of gradients and their sum."""

    step: Array
    inner: PyTree
    numbers: tuple[Array, ...]
    count: Array
    total: PyTree


@hyperparams
class MultiSteps(Rule):
    """``rule`` on the mean of every ``every`` gradients, no step in between: a large batch in small memory.

    Schedules, of ``every`` too, count gradients, so that an epoch is an epoch, and hold still within a round: its
    numbers are those of its first gradient. Bias corrections count the steps of ``rule``.
    """

    rule: Rule
    every: Scalar = number(low=1, whole=True)

    def start_tree(self, params):
        zero = jnp.zeros((), jnp.int32)
        inner = self.rule.start_tree(params)
        numbers = tuple(jnp.asarray(leaf, float) for leaf in jax.tree.leaves(self))
        total = jax.tree.map(lambda x: jnp.zeros(x.shape, at_least_f32(x.dtype)), only(_floating(params), params))
        return MultiStepsState(zero, inner, numbers, zero, total)

    def step_tree(self, grads, slots, params, t, **extra):
        floats = only(_floating(grads), grads)
        params = None if params is None else only(_floating(params), params)
        total = jax.tree.map(lambda a, g: a + g.astype(a.dtype), slots.total, floats)
        pairs = zip(jax.tree.leaves(self), slots.numbers, strict=True)
        numbers = tuple(jnp.where(slots.count == 0, jnp.asarray(new, old.dtype), old) for new, old in pairs)
        held, count = self._with(numbers), slots.count + 1

        def finish():
            mean = jax.tree.map(lambda a, g: (a / count.astype(a.dtype)).astype(g.dtype), total, floats)
            step = slots.step + 1
            updates, inner = held.rule.step_tree(mean, slots.inner, params, step.astype(float), **extra)
            empty = jax.tree.map(jnp.zeros_like, total)
            return updates, MultiStepsState(step, inner, numbers, jnp.zeros_like(count), empty)

        def go_on():
            return _still(floats), MultiStepsState(slots.step, slots.inner, numbers, count, total)

        updates, slots = jax.lax.cond(count.astype(float) >= held.every, finish, go_on)
        return fill(updates, grads), slots

    def look_ahead_tree(self, params, slots, t):
        return self.rule.look_ahead_tree(params, slots.inner, t)

    def averaged(self, params, slots):
        return self.rule.averaged(params, slots.inner)

    def gain(self, slots):
        return self._with(slots.numbers).rule.gain(slots.inner)

    def _with(self, numbers: tuple[Array, ...]) -> "MultiSteps":
        return jax.tree.unflatten(jax.tree.structure(self), numbers)


class EMAState(NamedTuple):
    """The slots of the rule, and the averaged parameters."""

    inner: PyTree
    average: PyTree


@hyperparams
class EMA(Rule):
    r"""``rule``, beside an average of the parameters, $\bar\theta \leftarrow \beta \bar\theta + (1 - \beta) \theta$.

    The average starts with the first parameters, is kept in at least float32, and ``averaged(params, slots)`` gives it.
    Polyak & Juditsky 1992; with a constant $\beta$ Tarvainen & Valpola 2017, eq. 1.
    """

    rule: Rule
    decay: Scalar = number(0.999, low=0, high=1)

    def start_tree(self, params):
        inner = self.rule.start_tree(params)
        return EMAState(inner, jax.tree.map(lambda x: x.astype(at_least_f32(x.dtype)), only(_floating(params), params)))

    def step_tree(self, grads, slots, params, t, **extra):
        updates, inner = self.rule.step_tree(grads, slots.inner, with_params(params), t, **extra)

        def toward(mean, x):
            b = jnp.asarray(in_dtype_of(mean, self.decay), mean.dtype)
            return b * mean + (1 - b) * x.astype(mean.dtype)

        after = apply_updates(params, updates)
        return updates, EMAState(inner, jax.tree.map(toward, slots.average, only(_floating(after), after)))

    def look_ahead_tree(self, params, slots, t):
        return self.rule.look_ahead_tree(params, slots.inner, t)

    def averaged(self, params, slots):
        some = only(_floating(params), params)
        return fill(jax.tree.map(lambda mean, x: mean.astype(x.dtype), slots.average, some), params)

    def gain(self, slots):
        return self.rule.gain(slots.inner)


@hyperparams
class _Some(Rule):
    """``rule`` on some of the leaves, with slots for these only."""

    rule: Rule
    where: Choice = static()

    def start_tree(self, params):
        return self.rule.start_tree(only(self.moving(params), params))

    def step_tree(self, grads, slots, params, t, **extra):
        keep = self.moving(grads)
        mine = None if params is None else only(keep, params)
        updates, slots = self.rule.step_tree(only(keep, grads), slots, mine, t, **extra)
        return fill(updates, self.rest(grads)), slots

    def look_ahead_tree(self, params, slots, t):
        return fill(self.rule.look_ahead_tree(only(self.moving(params), params), slots, t), params)

    def averaged(self, params, slots):
        return fill(self.rule.averaged(only(self.moving(params), params), slots), params)

    def gain(self, slots):
        return self.rule.gain(slots)

    @abc.abstractmethod
    def moving(self, tree: PyTree) -> list[bool]:
        """Which leaves of ``tree`` the rule is for, in their order."""

    @abc.abstractmethod
    def rest(self, grads: PyTree) -> PyTree:
        """The updates of all others."""


@hyperparams
class Masked(_Some):
    """``rule`` on the leaves that ``where`` chooses; the gradients of all others pass unchanged."""

    def moving(self, tree):
        return chosen(self.where, tree)

    def rest(self, grads):
        return grads


@hyperparams
class Frozen(_Some):
    """``rule`` on all leaves but those that ``where`` chooses: these keep every bit, weight decay or not."""

    def moving(self, tree):
        return [not frozen for frozen in chosen(self.where, tree)]

    def rest(self, grads):
        return _still(grads)


@hyperparams
class Partition(Rule):
    """A rule of its own for every group of leaves: ``groups`` are ``Masked`` rules, and each leaf is in just one.

    Raises ValueError for a leaf in none or in several.
    """

    groups: tuple[Masked, ...]

    def start_tree(self, params):
        self._check(params)
        return tuple(group.start_tree(params) for group in self.groups)

    def step_tree(self, grads, slots, params, t, **extra):
        self._check(grads)
        updates, after = grads, []
        for group, before in zip(self.groups, slots, strict=True):
            updates, new = group.step_tree(updates, before, params, t, **extra)
            after.append(new)
        return updates, tuple(after)

    def look_ahead_tree(self, params, slots, t):
        for group, s in zip(self.groups, slots, strict=True):
            params = group.look_ahead_tree(params, s, t)
        return params

    def averaged(self, params, slots):
        for group, s in zip(self.groups, slots, strict=True):
            params = group.averaged(params, s)
        return params

    def gain(self, slots):
        return self.groups[0].gain(slots[0])

    def _check(self, tree: PyTree) -> None:
        masks = [group.moving(tree) for group in self.groups]
        for name, *yes in zip(leaf_names(tree), *masks, strict=True):
            if sum(yes) != 1:
                raise ValueError(
                    f"groups: needed {name!r} in one group, got it in {sum(yes)}; "
                    "try one more group for what is left, or names further down the tree"
                )


def _floating(tree: PyTree) -> list[bool]:
    return [jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in jax.tree.leaves(tree)]


def _still(grads: PyTree) -> PyTree:
    """Updates that move nothing: x + (-0.0) is x also for x = -0.0, which + 0.0 would change."""

    def still(g: Any) -> Any:
        if not jnp.issubdtype(g.dtype, jnp.inexact):
            return g  # of a parameter of integers, which has no update
        return jnp.full_like(g, complex(-0.0, -0.0) if jnp.iscomplexobj(g) else -0.0)

    return jax.tree.map(still, grads)

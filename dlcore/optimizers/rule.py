"""How an optimizer is written: for one array, in the paper's letters, and lifted to trees here, once.

The interface is Optax's: ``init(params)`` and ``update(grads, state, params)``, whose updates are added.
"""

import abc
import dataclasses
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import (
    Array,
    PyTree,
    at_least_f32,
    check_between,
    check_float,
    check_same_shape,
    in_dtype_of,
    in_precision_of,
)
from dlcore.optimizers.leaves import _per_leaf
from dlcore.pytrees import hyperparams
from dlcore.schedules import at, is_schedule


class RuleState(NamedTuple):
    """What the next step needs: the number of steps taken and, per slot of the rule, a tree like the parameters."""

    step: Array
    slots: PyTree


@hyperparams
class Rule(abc.ABC):
    """An optimizer, or a part of one: frozen hyperparameters and three pure functions."""

    @abc.abstractmethod
    def init(self, params: PyTree) -> PyTree:
        """The state before the first step."""

    @abc.abstractmethod
    def update(self, grads: PyTree, state: PyTree, params: PyTree | None = None, **extra: Any) -> tuple[PyTree, PyTree]:
        """(updates, state): updates are like ``grads`` and are added to the parameters."""

    def evaluation_point(self, params: PyTree, state: PyTree) -> PyTree:
        """Where the next gradient is to be taken: at ``params``, except for rules that look ahead."""
        del state
        return params


@hyperparams
class LeafRule(Rule):
    """A rule that treats every array alike and alone: ``start`` and ``step`` for one array say it all."""

    def start(self, x: Array) -> Any:
        """The slots of the parameter ``x``: a NamedTuple of arrays like it, or () for none."""
        del x
        return ()

    @abc.abstractmethod
    def step(self, g: Array, s: Any, x: Array | None, t: Array) -> tuple[Array, Any]:
        """(update, slots) from the gradient ``g``, the slots ``s``, the parameter ``x``; ``t`` is 1, 2, …"""

    def look_ahead(self, x: Array, s: Any, t: Array) -> Array:
        """Where the gradient of the ``t``-th step is to be taken for the parameter ``x`` and the slots ``s``."""
        del s, t
        return x

    def init(self, params):
        """No step done, and the slots of every array. Raises ValueError for a number that is out of its range."""
        check_numbers(self)
        leaves, treedef = jax.tree.flatten(params)
        rules = _per_leaf(at(self, jnp.zeros(())), params)
        slots = [rule._start(x) for rule, x in zip(rules, leaves, strict=True)]
        return RuleState(jnp.zeros((), jnp.int32), self._by_slot(treedef, slots))

    def update(self, grads, state, params=None, **extra):
        """``step`` on every array; schedules are taken at the number of steps done before this one.

        Computes in at least float32 and stores updates and slots in the dtypes they came in. Raises ValueError where
        a gradient and its parameter or slot differ in shape, TypeError for gradients of integers.
        """
        del extra
        gs, treedef = jax.tree.flatten(grads)
        xs = [None] * len(gs) if params is None else treedef.flatten_up_to(params)
        rules, t = self._now(state, grads)
        per_array = zip(rules, gs, _by_leaf(treedef, state.slots), xs, strict=True)
        done = [rule._wide_step(g, s, x, t) for rule, g, s, x in per_array]
        updates = treedef.unflatten([update for update, _ in done])
        return updates, RuleState(_one_more(state.step), self._by_slot(treedef, [slots for _, slots in done]))

    def evaluation_point(self, params, state):
        """``look_ahead`` on every array."""
        if type(self).look_ahead is LeafRule.look_ahead:
            return params
        xs, treedef = jax.tree.flatten(params)
        rules, t = self._now(state, params)
        per_array = zip(rules, xs, _by_leaf(treedef, state.slots), strict=True)
        return treedef.unflatten([rule._wide_look_ahead(x, s, t) for rule, x, s in per_array])

    def _now(self, state, tree):
        """The rule of every leaf of ``tree`` as it stands before the next step, and that step's number."""
        time = state.step.astype(float)
        return _per_leaf(at(self, time), tree), time + 1

    def _start(self, x):
        x = jnp.asarray(x)
        # A Python number would leave a weak type in the slots that the first step takes away: a second compilation.
        return jax.tree.map(lambda a: a.astype(a.dtype), self._in(x.dtype).start(x))

    def _wide_step(self, g, s, x, t):
        check_float("gradient", g)
        wide = at_least_f32(g.dtype)
        with _reals_times(wide):
            x_wide, slots = jax.tree.map(lambda a: in_precision_of(wide, a), (x, s))
            update, slots = self._in(wide).step(g.astype(wide), slots, x_wide, in_dtype_of(wide, t))
        check_same_shape(gradient=g, update=update, **({} if x is None else {"parameter": x}))
        return in_precision_of(g.dtype, update), jax.tree.map(
            lambda new, old: in_precision_of(old.dtype, new), slots, s
        )

    def _wide_look_ahead(self, x, s, t):
        wide = at_least_f32(x.dtype)
        with _reals_times(wide):
            x_wide, slots = jax.tree.map(lambda a: in_precision_of(wide, a), (x, s))
            return in_precision_of(x.dtype, self._in(wide).look_ahead(x_wide, slots, in_dtype_of(wide, t)))

    def _in(self, dtype):
        return jax.tree.map(lambda h: in_dtype_of(dtype, h), self)

    def _by_slot(self, treedef, per_array):
        """From slots at every leaf to a tree in every slot: ``state.slots.m`` is like the parameters."""
        like = per_array[0] if per_array else self.start(jnp.zeros(()))
        columns = zip(*per_array, strict=True) if per_array else [()] * len(like)
        return like and type(like)(*(treedef.unflatten(column) for column in columns))


def _by_leaf(treedef, slots):
    columns = [treedef.flatten_up_to(tree) for tree in slots]
    return [type(slots)(*row) for row in zip(*columns, strict=True)] if slots else [()] * treedef.num_leaves


def _reals_times(dtype):
    """Where ``dtype`` is complex, real numbers of its precision may meet it: nothing is lost."""
    return jax.numpy_dtype_promotion("standard") if jnp.issubdtype(dtype, jnp.complexfloating) else nullcontext()


def _one_more(step: Array) -> Array:
    """``step`` + 1, held at the largest integer: a counter that wrapped around would undo every bias correction."""
    return jnp.where(step < jnp.iinfo(step.dtype).max, step + 1, step)


@hyperparams
class Chain(Rule):
    """``rules`` one after another: the updates of each are the gradients of the next."""

    rules: tuple[Rule, ...]

    def init(self, params):
        """The states of the rules, in their order."""
        return tuple(rule.init(params) for rule in self.rules)

    def update(self, grads, state, params=None, **extra):
        """Through all rules; each keeps its own state."""
        after = []
        for rule, before in zip(self.rules, state, strict=True):
            grads, new = rule.update(grads, before, params, **extra)
            after.append(new)
        return grads, tuple(after)

    def evaluation_point(self, params, state):
        """The look-ahead of every rule in turn."""
        for rule, s in zip(self.rules, state, strict=True):
            params = rule.evaluation_point(params, s)
        return params


def chain(*rules: Rule) -> Chain:
    """The ``Chain`` of ``rules``."""
    return Chain(rules)


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """``params + updates``, in the dtype of the parameters; raises ValueError where their shapes differ."""

    def add(x, u):
        check_same_shape(parameter=x, update=u)
        return x + u.astype(x.dtype)

    return jax.tree.map(add, params, updates)


_RANGES = {
    **dict.fromkeys(("learning_rate", "eps", "eps_root", "initial_accumulator", "limit", "max_norm"), (0, np.inf)),
    **dict.fromkeys(("momentum", "decay", "b1", "b2", "rho"), (0, 1)),
    "steps": (1, np.inf),
}


def check_numbers(rule: Rule) -> None:
    """Raise ValueError for a known number of ``rule`` that is out of its range, such as a negative learning rate."""
    for field in dataclasses.fields(rule):
        numbers = jax.tree.leaves(getattr(rule, field.name), is_leaf=is_schedule) if field.name in _RANGES else []
        for number in numbers:
            if not is_schedule(number):
                check_between(*_RANGES[field.name], **{field.name: number})


def _needed(params: Any) -> Any:
    """``params``; raises ValueError where ``update`` was called without."""
    if params is None:
        raise ValueError("params: needed, got none; try update(grads, state, params)")
    return params

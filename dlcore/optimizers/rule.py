"""How an optimizer is written: for one array, in the paper's letters, and lifted to trees here, once.

The interface is Optax's: ``init(params)`` and ``update(grads, state, params)``, whose updates are added.
"""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, at_least_f32, in_dtype_of
from dlcore.pytrees import hyperparams, static
from dlcore.schedules import at

__all__ = ["Chain", "LeafRule", "Rule", "RuleState", "apply_updates", "at", "chain", "hyperparams", "static"]


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

    def init(self, params):
        """No step done, and the slots of every array."""
        leaves, treedef = jax.tree.flatten(params)
        return RuleState(jnp.zeros((), jnp.int32), self._by_slot(treedef, [self.start(x) for x in leaves]))

    def update(self, grads, state, params=None, **extra):
        """``step`` on every array; schedules are taken at the number of steps done before this one.

        Computes in at least float32 and stores updates and slots in the dtypes they came in.
        """
        del extra
        time = state.step.astype(float)
        rule = at(self, time)
        gs, treedef = jax.tree.flatten(grads)
        xs = [None] * len(gs) if params is None else treedef.flatten_up_to(params)
        per_leaf = zip(gs, _by_leaf(treedef, state.slots), xs, strict=True)
        done = [rule._wide_step(g, s, x, time + 1) for g, s, x in per_leaf]
        updates = treedef.unflatten([update for update, _ in done])
        return updates, RuleState(state.step + 1, self._by_slot(treedef, [slots for _, slots in done]))

    def _wide_step(self, g, s, x, t):
        wide = at_least_f32(g.dtype)
        rule = jax.tree.map(lambda h: in_dtype_of(wide, h), self)
        x, slots = jax.tree.map(lambda a: _cast(a, wide), (x, s))
        update, slots = rule.step(g.astype(wide), slots, x, in_dtype_of(wide, t))
        return update.astype(g.dtype), jax.tree.map(lambda new, old: _cast(new, old.dtype), slots, s)

    def _by_slot(self, treedef, per_leaf):
        """From slots at every leaf to a tree in every slot: ``state.slots.m`` is like the parameters."""
        like = per_leaf[0] if per_leaf else self.start(jnp.zeros(()))
        columns = zip(*per_leaf, strict=True) if per_leaf else [()] * len(like)
        return like and type(like)(*(treedef.unflatten(column) for column in columns))


def _by_leaf(treedef, slots):
    columns = [treedef.flatten_up_to(tree) for tree in slots]
    return [type(slots)(*row) for row in zip(*columns, strict=True)] if slots else [()] * treedef.num_leaves


def _cast(a, dtype):
    return a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.inexact) else a


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
    """``params + updates``, in the dtype of the parameters."""
    return jax.tree.map(lambda x, u: x + u.astype(x.dtype), params, updates)

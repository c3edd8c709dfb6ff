"""How an optimizer is written: for one array, in the paper's letters, and lifted to trees here, once.

There are two levels. Below, rules keep no time: a loop that owns it, as a training does, resolves schedules once a
step,
``rule = at(setup.optimizer, time)``, and calls ``rule.step_tree(grads, slots, params, time + 1)``. Above is Optax's
interface, ``init(params)`` and ``update(grads, state, params)``, which puts one clock around the whole.
"""

import abc
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float, check_same_shape, needed
from dlcore.numerics.formats import Array, PyTree, Scalar, at_least_f32, in_dtype_of, in_precision_of
from dlcore.schedules import at, check_in_steps
from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import hyperparams
from dlcore.tree.leaves import OnLeaves, per_leaf
from dlcore.tree.names import leaf_names


class RuleState(NamedTuple):
    """What the next step needs: the number of steps taken, and what the rule remembers."""

    step: Array
    slots: PyTree


@hyperparams
class Rule(abc.ABC):
    """An optimizer, or a part of one: frozen hyperparameters and pure functions.

    A rule defines ``start_tree`` and ``step_tree``; in both, its schedules are numbers already.
    """

    @abc.abstractmethod
    def start_tree(self, params: PyTree) -> PyTree:
        """What is remembered before the first step."""

    @abc.abstractmethod
    def step_tree(
        self, grads: PyTree, slots: PyTree, params: PyTree | None, t: Array, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        """(updates, slots) of the ``t``-th step, 1, 2, …: updates are like ``grads`` and added to the parameters."""

    def look_ahead_tree(self, params: PyTree, slots: PyTree, t: Array) -> PyTree:
        """Where the gradient of the ``t``-th step is to be taken: at ``params``, except for rules that look ahead."""
        return params

    def averaged(self, params: PyTree, slots: PyTree) -> PyTree:
        """The parameters to evaluate and to keep: ``params``, or the average of ``EMA``, in their dtypes."""
        return params

    def gain(self, slots: PyTree) -> Scalar:
        """The number by which the rule multiplies gradients, so far as it is one number for the main leaves."""
        return 1.0

    @final
    def init(self, params: PyTree) -> RuleState:
        """No step done. Raises ValueError for numbers out of their range and for schedules that need a training."""
        check_ranges(self)
        check_in_steps(self)
        return RuleState(jnp.zeros((), jnp.int32), start_slots(self, params))

    @final
    def update(
        self, grads: PyTree, state: RuleState, params: PyTree | None = None, **extra: Any
    ) -> tuple[PyTree, RuleState]:
        """(updates, state); schedules are taken at the number of steps done before this one. Compiled."""
        step = _step if extra else _compiled_step  # what comes by another name may be a function
        return step(self, grads, state, params, **extra)

    @final
    def evaluation_point(self, params: PyTree, state: RuleState) -> PyTree:
        """Where the next gradient is to be taken. Compiled."""
        return _compiled_point(self, params, state)


def start_slots(rule: Rule, params: PyTree) -> PyTree:
    """What ``rule``, whose schedules may count in any unit, remembers before the first step."""
    return at(rule, jnp.zeros(())).start_tree(params)


def learning_rate_of(rule: Rule, slots: PyTree) -> Scalar:
    r"""The $\alpha$ of $\theta \leftarrow \theta - \alpha (\cdot)$ that led to ``slots``, by ``rule`` at that time.

    In a chain the product of all rates and scales, of several groups the first one's, on leaves the first value.
    """
    return -rule.gain(slots)


def _step(rule, grads, state, params, **extra):
    check_in_steps(rule)
    time = state.step.astype(float)
    updates, slots = at(rule, time).step_tree(grads, state.slots, params, time + 1, **extra)
    return updates, RuleState(_one_more(state.step), slots)


def _point(rule, params, state):
    time = state.step.astype(float)
    return at(rule, time).look_ahead_tree(params, state.slots, time + 1)


def _one_more(step: Array) -> Array:
    """``step`` + 1, held at the largest integer: a counter that wrapped around would undo every bias correction."""
    return jnp.where(step < jnp.iinfo(step.dtype).max, step + 1, step)


_compiled_step = jax.jit(_step, inline=True)
_compiled_point = jax.jit(_point, inline=True)


@hyperparams
class LeafRule(Rule):
    """A rule that treats every array alike and alone: ``start`` and ``step`` for one array say it all.

    The arrays that it sees are of float32 or float64; updates come back in the dtype of the gradients. A complex
    parameter [...] is two real ones, [..., 2].
    """

    def start(self, x: Array) -> Any:
        """The slots of the parameter ``x``: a NamedTuple of arrays, or () for none."""
        return ()

    @abc.abstractmethod
    def step(self, g: Array, s: Any, x: Array | None, t: Array) -> tuple[Array, Any]:
        """(update, slots) from the gradient ``g``, the slots ``s``, the parameter ``x``; ``t`` is 1, 2, …"""

    def look_ahead(self, x: Array, s: Any, t: Array) -> Array:
        """Where the gradient of the ``t``-th step is to be taken for the parameter ``x`` and the slots ``s``."""
        return x

    def taken(self, g: Array) -> Array:
        """The gradient that ``step`` is given for ``g``."""
        return g

    def start_tree(self, params):
        leaves, treedef = jax.tree.flatten(params)
        each = zip(per_leaf(self, params), leaf_names(params), leaves, strict=True)
        return self._by_slot(treedef, [rule._start(name, x) for rule, name, x in each])

    def step_tree(self, grads, slots, params, t, **extra):
        """Raises ValueError where a gradient and its parameter or slot differ in shape, TypeError for integers."""
        gs, treedef = jax.tree.flatten(grads)
        xs = [None] * len(gs) if params is None else treedef.flatten_up_to(params)
        each = zip(per_leaf(self, grads), leaf_names(grads), gs, _by_leaf(treedef, slots), xs, strict=True)
        done = [rule._step(name, g, s, x, t) for rule, name, g, s, x in each]
        return treedef.unflatten([update for update, _ in done]), self._by_slot(treedef, [s for _, s in done])

    def look_ahead_tree(self, params, slots, t):
        if type(self).look_ahead is LeafRule.look_ahead:
            return params
        xs, treedef = jax.tree.flatten(params)
        each = zip(per_leaf(self, params), xs, _by_leaf(treedef, slots), strict=True)
        return treedef.unflatten([rule._look_ahead(x, s, t) for rule, x, s in each])

    def gain(self, slots):
        rate = getattr(self, "learning_rate", -1.0)
        return -(rate.value if isinstance(rate, OnLeaves) else rate)

    def _start(self, name, x):
        x = _wide(f"parameter {name}".strip(), jnp.asarray(x))
        # A Python number would leave a weak type in the slots that the first step takes away: a second compilation.
        return jax.tree.map(lambda a: a.astype(a.dtype), self._in(x.dtype).start(x))

    def _step(self, name, g, s, x, t):
        g_wide = self.taken(_wide(f"gradient {name}".strip(), g))
        x_wide = None if x is None else _reals(x).astype(g_wide.dtype)
        slots = jax.tree.map(lambda a: in_precision_of(g_wide.dtype, a), s)
        update, slots = self._in(g_wide.dtype).step(g_wide, slots, x_wide, in_dtype_of(g_wide, t))
        check_same_shape(gradient=g_wide, update=update, **({} if x is None else {"parameter": x_wide}))
        return _like(g, update), jax.tree.map(lambda new, old: in_precision_of(old.dtype, new), slots, s)

    def _look_ahead(self, x, s, t):
        x_wide = _wide("parameter", x)
        slots = jax.tree.map(lambda a: in_precision_of(x_wide.dtype, a), s)
        return _like(x, self._in(x_wide.dtype).look_ahead(x_wide, slots, in_dtype_of(x_wide, t)))

    def _in(self, dtype):
        return jax.tree.map(lambda h: in_dtype_of(dtype, h), self)

    def _by_slot(self, treedef, per_array):
        """From slots at every leaf to a tree in every slot: ``slots.m`` is like the parameters."""
        like = per_array[0] if per_array else self.start(jnp.zeros(()))
        columns = zip(*per_array, strict=True) if per_array else [()] * len(like)
        trees = [treedef.unflatten(column) for column in columns]
        return type(like)(*trees) if hasattr(like, "_fields") else tuple(trees)


def _by_leaf(treedef, slots):
    """The inverse of ``_by_slot``."""
    columns = [treedef.flatten_up_to(tree) for tree in slots]
    rows = zip(*columns, strict=True) if columns else [()] * treedef.num_leaves
    return [type(slots)(*row) if hasattr(slots, "_fields") else row for row in rows]


def _reals(a: Array) -> Array:
    """``a``, complex [...] as real [..., 2]."""
    return jnp.stack([a.real, a.imag], -1) if jnp.iscomplexobj(a) else a


def _wide(name: str, a: Array) -> Array:
    """``a`` as a rule sees it; raises TypeError for integers."""
    check_float(name, a)
    reals = _reals(a)
    return reals.astype(at_least_f32(reals.dtype))


def _like(a: Array, reals: Array) -> Array:
    """``reals`` in the dtype of ``a``."""
    return jax.lax.complex(reals[..., 0], reals[..., 1]) if jnp.iscomplexobj(a) else reals.astype(a.dtype)


@hyperparams
class AdaptiveRule(LeafRule):
    r"""A rule that divides by a root of squared gradients: a finite $g$ is held where $g^2$ is a number, at 6e15.

    Beyond, in float32, one square would be infinite and stay so in every average: the parameter would never move again.
    """

    def taken(self, g):
        numbers = jnp.finfo(g.dtype)
        most = float(np.sqrt(float(numbers.max) * float(numbers.eps)))  # its square has room for bias corrections
        return jnp.clip(g, -most, most) + 0 * g  # what is not finite stays so


@hyperparams
class Chain(Rule):
    """``rules`` one after another: the updates of each are the gradients of the next."""

    rules: tuple[Rule, ...]

    def start_tree(self, params):
        return tuple(rule.start_tree(params) for rule in self.rules)

    def step_tree(self, grads, slots, params, t, **extra):
        after = []
        for rule, before in zip(self.rules, slots, strict=True):
            grads, new = rule.step_tree(grads, before, params, t, **extra)
            after.append(new)
        return grads, tuple(after)

    def look_ahead_tree(self, params, slots, t):
        for rule, s in zip(self.rules, slots, strict=True):
            params = rule.look_ahead_tree(params, s, t)
        return params

    def averaged(self, params, slots):
        for rule, s in zip(self.rules, slots, strict=True):
            params = rule.averaged(params, s)
        return params

    def gain(self, slots):
        product = 1.0
        for rule, s in zip(self.rules, slots, strict=True):
            product = product * rule.gain(s)
        return product


def chain(*rules: Rule) -> Chain:
    """The ``Chain`` of ``rules``."""
    return Chain(rules)


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """``params + updates``, in the dtype of the parameters; integers, whose update has no type, stay.

    Raises ValueError where their shapes differ.
    """

    def add(x, u):
        check_same_shape(parameter=x, update=u)
        return x if u.dtype == jax.dtypes.float0 else x + u.astype(x.dtype)

    return jax.tree.map(add, params, updates)


def with_params(params: Any) -> Any:
    """``params``; raises ValueError where ``update`` was called without."""
    if params is None:
        raise ValueError(needed("params", "the parameters", "none", "update(grads, state, params)"))
    return params

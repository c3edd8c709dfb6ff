"""What stands around a rule: gradient accumulation, averaged parameters, and the choice of the leaves it is for."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, Scalar, at_least_f32, in_dtype_of
from dlcore.optimizers.leaves import Choice, _chosen, _fill, _name_of, _only
from dlcore.optimizers.rule import Rule, _needed, _one_more, apply_updates, check_numbers
from dlcore.pytrees import hyperparams, static
from dlcore.schedules import at


class AccumulatorState(NamedTuple):
    """Steps done by the rule, its state, and of the round so far the number of gradients and their sum."""

    step: Array
    inner: PyTree
    count: Array
    total: PyTree


@hyperparams
class Accumulate(Rule):
    """``rule`` on the mean of every ``steps`` gradients, no step in between: a large batch in small memory.

    Schedules, of ``steps`` too, count the steps of ``rule``.
    """

    rule: Rule
    steps: Scalar

    def init(self, params):
        """An empty round."""
        check_numbers(self)
        zero = jnp.zeros((), jnp.int32)
        total = jax.tree.map(lambda x: jnp.zeros(x.shape, at_least_f32(x.dtype)), params)
        return AccumulatorState(zero, self.rule.init(params), zero, total)

    def update(self, grads, state, params=None, **extra):
        """Add the gradient; at the end of a round, one step."""
        total = jax.tree.map(lambda a, g: a + g.astype(a.dtype), state.total, grads)
        count = state.count + 1

        def finish():
            mean = jax.tree.map(lambda a, g: (a / count.astype(a.dtype)).astype(g.dtype), total, grads)
            updates, inner = self.rule.update(mean, state.inner, params, **extra)
            empty = jax.tree.map(jnp.zeros_like, total)
            return updates, AccumulatorState(_one_more(state.step), inner, jnp.zeros_like(count), empty)

        def go_on():
            return _still(grads), AccumulatorState(state.step, state.inner, count, total)

        steps = jnp.asarray(at(self.steps, state.step.astype(float)), float)
        return jax.lax.cond(count.astype(float) >= steps, finish, go_on)

    def evaluation_point(self, params, state):
        """The rule's."""
        return self.rule.evaluation_point(params, state.inner)


class AverageState(NamedTuple):
    """Steps done, the state of the rule, and the averaged parameters."""

    step: Array
    inner: PyTree
    average: PyTree


@hyperparams
class Averaged(Rule):
    r"""``rule``, beside an average of the parameters, $\bar\theta \leftarrow \beta \bar\theta + (1 - \beta) \theta$.

    ``state.average`` holds it in at least float32, starting with the first parameters. Polyak & Juditsky 1992; with a
    constant $\beta$ Tarvainen & Valpola 2017, eq. 1.
    """

    rule: Rule
    decay: Scalar = 0.999

    def init(self, params):
        """The first parameters."""
        check_numbers(self)
        average = jax.tree.map(lambda x: x.astype(at_least_f32(x.dtype)), params)
        return AverageState(jnp.zeros((), jnp.int32), self.rule.init(params), average)

    def update(self, grads, state, params=None, **extra):
        """The rule's step, then the average over where it leads."""
        updates, inner = self.rule.update(grads, state.inner, _needed(params), **extra)
        decay = at(self.decay, state.step.astype(float))

        def towards(mean, x):
            b = jnp.asarray(in_dtype_of(mean, decay), mean.dtype)
            return b * mean + (1 - b) * x.astype(mean.dtype)

        average = jax.tree.map(towards, state.average, apply_updates(params, updates))
        return updates, AverageState(_one_more(state.step), inner, average)

    def evaluation_point(self, params, state):
        """The rule's."""
        return self.rule.evaluation_point(params, state.inner)


@hyperparams
class Masked(Rule):
    """``rule`` on the leaves that ``where`` chooses; the gradients of all others pass unchanged."""

    rule: Rule
    where: Choice = static()

    def init(self, params):
        """The state of the rule, for its leaves only."""
        return self.rule.init(_only(_chosen(self.where, params), params))

    def update(self, grads, state, params=None, **extra):
        """The rule's updates of its leaves, the gradients of the rest."""
        updates, state = _update_some(self.rule, _chosen(self.where, grads), grads, state, params, extra)
        return _fill(updates, grads), state

    def evaluation_point(self, params, state):
        """The rule's, on its leaves."""
        return _fill(self.rule.evaluation_point(_only(_chosen(self.where, params), params), state), params)


@hyperparams
class Frozen(Rule):
    """``rule`` on all leaves but those that ``where`` chooses: these keep every bit, weight decay or not."""

    rule: Rule
    where: Choice = static()

    def init(self, params):
        """The state of the rule, without the frozen leaves."""
        return self.rule.init(_only(self._moving(params), params))

    def update(self, grads, state, params=None, **extra):
        """The rule's updates, and none for the frozen leaves."""
        updates, state = _update_some(self.rule, self._moving(grads), grads, state, params, extra)
        return _fill(updates, _still(grads)), state

    def evaluation_point(self, params, state):
        """The rule's, on the leaves that move."""
        return _fill(self.rule.evaluation_point(_only(self._moving(params), params), state), params)

    def _moving(self, tree):
        return [not frozen for frozen in _chosen(self.where, tree)]


@hyperparams
class Partition(Rule):
    """A rule of its own for every group of leaves: ``groups`` are ``Masked`` rules, and each leaf is in just one.

    Raises ValueError for a leaf in none or in several.
    """

    groups: tuple[Masked, ...]

    def init(self, params):
        """The states of the groups, in their order."""
        return tuple(
            group.rule.init(_only(keep, params)) for group, keep in zip(self.groups, self._keep(params), strict=True)
        )

    def update(self, grads, state, params=None, **extra):
        """Every leaf by its group's rule."""
        updates, after = _only([False] * len(jax.tree.leaves(grads)), grads), []
        for group, keep, before in zip(self.groups, self._keep(grads), state, strict=True):
            mine, new = _update_some(group.rule, keep, grads, before, params, extra)
            updates = _fill(updates, mine)
            after.append(new)
        return updates, tuple(after)

    def evaluation_point(self, params, state):
        """Every leaf by its group's rule."""
        for group, keep, s in zip(self.groups, self._keep(params), state, strict=True):
            params = _fill(group.rule.evaluation_point(_only(keep, params), s), params)
        return params

    def _keep(self, tree):
        masks = [_chosen(group.where, tree) for group in self.groups]
        for (path, _), *chosen in zip(jax.tree_util.tree_leaves_with_path(tree), *masks, strict=True):
            if sum(chosen) != 1:
                raise ValueError(
                    f"groups: needed {_name_of(path)!r} in one group, got it in {sum(chosen)}; "
                    "try one more group for what is left, or names further down the tree"
                )
        return masks


def _update_some(rule, keep, grads, state, params, extra):
    mine = None if params is None else _only(keep, params)
    return rule.update(_only(keep, grads), state, mine, **extra)


def _still(grads):
    """Updates that move nothing: x + (-0.0) is x also for x = -0.0, which + 0.0 would change."""
    return jax.tree.map(lambda g: jnp.full_like(g, complex(-0.0, -0.0) if jnp.iscomplexobj(g) else -0.0), grads)

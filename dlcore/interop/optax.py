"""Optax both ways: dlcore's rules as Optax transformations, Optax's as rules whose numbers can be swept."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dlcore.numerics.formats import Scalar
from dlcore.optimizers import LeafRule, Rule
from dlcore.schedules import Schedule
from dlcore.tree.fields import hyperparams, static

__all__ = ["OptaxRule", "OptaxSchedule", "from_optax", "from_optax_schedule", "to_optax"]


def to_optax(rule: Rule) -> optax.GradientTransformationExtraArgs:
    """``rule`` for ``optax.chain``, ``masked``, ``MultiSteps``, ``inject_hyperparams``: all that takes Optax's own.

    ``optax.inject_hyperparams(lambda learning_rate: to_optax(Adam(learning_rate)))(1e-3)`` is one optimizer with its
    learning rate in the state. dlcore's schedules are functions of the step count, so Optax takes them as they are.

    Raises TypeError for a rule that looks ahead: Optax has no place to say where a gradient is to be taken.
    """
    if any(map(_looks_ahead, jax.tree.leaves(rule, is_leaf=_looks_ahead))):
        raise TypeError(
            "to_optax: needed a rule whose gradients are taken at the parameters, got one that looks ahead; "
            "try SGDNesterov for Nesterov"
        )

    def update(updates, state, params=None, **extra):
        return rule.update(updates, state, params, **extra)

    return optax.GradientTransformationExtraArgs(rule.init, update)


def _looks_ahead(node):
    return isinstance(node, LeafRule) and type(node).look_ahead is not LeafRule.look_ahead


def from_optax(
    make: Callable[..., optax.GradientTransformation] | optax.GradientTransformation, **numbers: Scalar
) -> Rule:
    """An Optax optimizer as a rule: ``from_optax(optax.lamb, learning_rate=1e-3)`` or ``from_optax(optax.lamb(1e-3))``.

    In the first form the numbers are hyperparameters like any others: swept by name, "optimizer.numbers.learning_rate",
    and any of them may be a schedule of dlcore. What is no number belongs into ``make``, for example with
    ``functools.partial(optax.sgd, nesterov=True)``.
    """
    return OptaxRule(make, numbers)


@hyperparams
class OptaxRule(Rule):
    """An Optax transformation, or what makes one of ``numbers``."""

    make: Any = static()
    numbers: dict[str, Scalar]

    def start_tree(self, params):
        """Optax's state, without weak types, which its first update would take away."""
        return jax.tree.map(_strong, self._transformation().init(params))

    def step_tree(self, grads, slots, params, t, **extra):
        """Optax's update, in the dtypes of ``grads`` and its state; it was not written for strict promotion."""
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            updates, after = self._transformation().update(grads, slots, params, **extra)
        return jax.tree.map(_as, updates, grads), jax.tree.map(_as, after, slots)

    def gain(self, slots):
        return -self.numbers.get("learning_rate", jnp.nan)

    def _transformation(self):
        made = self.make if isinstance(self.make, optax.GradientTransformation) else self.make(**self.numbers)
        return optax.with_extra_args_support(made)


def from_optax_schedule(function: Callable[[Any], Any]) -> Schedule:
    """A function of the step count, as Optax's schedules are, as a schedule whose numbers are out of reach."""
    return OptaxSchedule(function)


@hyperparams
class OptaxSchedule(Schedule):
    """A function of the step count."""

    function: Callable[[Any], Any] = static()

    def formula(self, t):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return jnp.asarray(self.function(t))


def _strong(x):
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jax.dtypes.extended) else x.astype(x.dtype)


def _as(new, old):
    return new if jnp.issubdtype(old.dtype, jax.dtypes.extended) else jnp.asarray(new).astype(old.dtype)

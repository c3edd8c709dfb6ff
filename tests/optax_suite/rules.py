"""dlcore's rules under the names and keywords of ``optax._src.alias``."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from dlcore import optimizers
from dlcore.interop.optax import from_optax_schedule, to_optax
from dlcore.optimizers import RuleState
from dlcore.schedules import Schedule

OFFERED = (
    "sgd",
    "adagrad",
    "adadelta",
    "rmsprop",
    "adam",
    "adamw",
    "nadam",
    "radam",
    "amsgrad",
    "adamax",
    "lion",
)


class Trace(NamedTuple):
    """Optax's name of the velocity."""

    count: Any
    trace: Any


class Moments(NamedTuple):
    """Optax's names of the moments."""

    count: Any
    mu: Any
    nu: Any


def number(x):
    """Optax takes any function of the step count for a schedule."""
    return from_optax_schedule(x) if callable(x) and not isinstance(x, Schedule) else x


def stand_in(rule, names=None, dtype=None):
    """``rule`` for Optax; where its tests ask for them, with their names of the slots and a dtype for the first."""
    inner = to_optax(rule)
    if names is None:
        return inner

    def renamed(state):
        return names(state.step, *state.slots)

    def init(params):
        state = renamed(inner.init(params))
        first = names._fields[1]
        zeros = jax.tree.map(lambda x: jnp.zeros_like(x, dtype=dtype), getattr(state, first))
        return state._replace(**{first: zeros})

    def update(updates, state, params=None, **extra):
        count, *slots = state
        kind = optimizers.Velocity if names is Trace else optimizers.RunningMoments
        updates, after = inner.update(updates, RuleState(count, kind(*slots)), params, **extra)
        return updates, renamed(after)

    return optax.GradientTransformationExtraArgs(init, update)


def sgd(learning_rate, momentum=None, nesterov=False, accumulator_dtype=None):
    if momentum is None:
        return stand_in(optimizers.SGD(number(learning_rate)))
    kind = optimizers.SGDNesterov if nesterov else optimizers.SGDMomentum
    return stand_in(kind(number(learning_rate), momentum), Trace, accumulator_dtype)


def adagrad(learning_rate, initial_accumulator_value=0.1, eps=1e-7):
    return stand_in(
        optimizers.AdaGrad(number(learning_rate), eps=0.0, eps_root=eps, initial_accumulator=initial_accumulator_value)
    )


def adadelta(learning_rate=None, rho=0.9, eps=1e-6, weight_decay=0.0):
    rate = 1.0 if learning_rate is None else number(learning_rate)
    return stand_in(
        optimizers.chain(optimizers.AddDecayedWeights(number(weight_decay)), optimizers.AdaDelta(rate, rho, eps))
    )


def rmsprop(learning_rate, decay=0.9, eps=1e-8, momentum=None):
    rule = optimizers.RMSProp(number(learning_rate), decay, eps=0.0, eps_root=eps)
    return stand_in(rule if momentum is None else optimizers.chain(rule, optimizers.Trace(momentum)))


def adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype=None):
    return stand_in(optimizers.Adam(number(learning_rate), b1, b2, eps, eps_root), Moments, mu_dtype)


def adamw(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype=None, weight_decay=1e-4):
    rule = optimizers.AdamW(number(learning_rate), b1, b2, eps, eps_root, number(weight_decay))
    return stand_in(rule, Moments, mu_dtype)


def nadam(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0):
    return stand_in(optimizers.NAdam(number(learning_rate), b1, b2, eps, eps_root))


def radam(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0):
    return stand_in(optimizers.RAdam(number(learning_rate), b1, b2, eps, eps_root, threshold))


def amsgrad(learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0):
    return stand_in(optimizers.AMSGrad(number(learning_rate), b1, b2, eps, eps_root))


def adamax(learning_rate, b1=0.9, b2=0.999, eps=1e-8):
    return stand_in(optimizers.AdaMax(number(learning_rate), b1, b2, eps))


def lion(learning_rate, b1=0.9, b2=0.99, weight_decay=1e-3):
    return stand_in(optimizers.Lion(number(learning_rate), b1, b2, number(weight_decay)))

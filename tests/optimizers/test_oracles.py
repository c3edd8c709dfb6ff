"""Rules against Optax and the lectures' loops."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AddDecayedWeights,
    AMSGrad,
    CenteredRMSProp,
    Lion,
    Momentum,
    NAdam,
    Nesterov,
    RAdam,
    RMSProp,
    SGDMomentum,
    SGDNesterov,
    Trace,
    chain,
)
from dlcore.schedules import Exponential
from tests.optimizers.problems import START, objective, trajectory


def decayed(rate):
    """Optax's schedule at a float64 count: of its own int32 count it takes float32 powers even under x64."""
    schedule = optax.exponential_decay(rate, transition_steps=1, decay_rate=0.99)
    return lambda count: schedule(count.astype(float))


# Rates small enough for a stable run: an unstable one multiplies the last bit's difference at every step.
ADAM = {"learning_rate": 1e-3, "b1": 0.8, "b2": 0.99, "eps": 1e-6, "eps_root": 1e-7}

# name: (dlcore's rule from its numbers, Optax's from the same, the numbers)
ORACLES = {
    "SGD": (SGD, optax.sgd, {"learning_rate": 1e-4}),
    "SGD, schedule": (
        lambda learning_rate: SGD(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.sgd(decayed(learning_rate)),
        {"learning_rate": 1e-4},
    ),
    "Momentum": (Momentum, optax.sgd, {"learning_rate": 1e-5, "momentum": 0.8}),
    "Momentum, schedule": (
        lambda learning_rate, momentum: Momentum(Exponential(learning_rate, 0.99), momentum),
        # Optax's order that keeps the learning rate inside the velocity.
        lambda learning_rate, momentum: optax.chain(optax.sgd(decayed(learning_rate)), optax.trace(momentum)),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "SGDMomentum, schedule": (
        lambda learning_rate, momentum: SGDMomentum(Exponential(learning_rate, 0.99), momentum),
        lambda learning_rate, momentum: optax.sgd(decayed(learning_rate), momentum),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "SGDNesterov, schedule": (
        lambda learning_rate, momentum: SGDNesterov(Exponential(learning_rate, 0.99), momentum),
        lambda learning_rate, momentum: optax.sgd(decayed(learning_rate), momentum, nesterov=True),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "AdaGrad, eps inside": (
        lambda eps, **numbers: AdaGrad(eps=0, eps_root=eps, **numbers),
        lambda initial_accumulator, **numbers: optax.adagrad(initial_accumulator_value=initial_accumulator, **numbers),
        {"learning_rate": 0.1, "eps": 1e-4, "initial_accumulator": 0.1},
    ),
    "AdaDelta": (AdaDelta, optax.adadelta, {"learning_rate": 5e-3, "rho": 0.8, "eps": 1e-6}),
    "RMSProp": (
        RMSProp,
        lambda **numbers: optax.rmsprop(eps_in_sqrt=False, **numbers),
        {"learning_rate": 1e-3, "decay": 0.8, "eps": 0.1},
    ),
    "RMSProp, eps inside": (
        lambda eps, **numbers: RMSProp(eps=0, eps_root=eps, **numbers),
        optax.rmsprop,
        {"learning_rate": 1e-3, "decay": 0.8, "eps": 1e-2},
    ),
    "RMSProp, momentum": (
        lambda momentum, **numbers: chain(RMSProp(**numbers), Trace(momentum)),
        lambda **numbers: optax.rmsprop(eps_in_sqrt=False, **numbers),
        {"learning_rate": 1e-4, "decay": 0.8, "eps": 0.1, "momentum": 0.7},
    ),
    "CenteredRMSProp, eps inside": (
        lambda eps, **numbers: CenteredRMSProp(eps=0, eps_root=eps, **numbers),
        lambda **numbers: optax.rmsprop(centered=True, **numbers),
        {"learning_rate": 1e-4, "decay": 0.8, "eps": 1e-2},
    ),
    "Adam": (Adam, optax.adam, ADAM),
    "Adam, schedule": (
        lambda learning_rate: Adam(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.adam(decayed(learning_rate)),
        {"learning_rate": 1e-2},
    ),
    "AdamW": (AdamW, optax.adamw, {**ADAM, "weight_decay": 0.1}),
    "NAdam": (NAdam, optax.nadam, ADAM),
    "RAdam": (RAdam, optax.radam, {**ADAM, "threshold": 5.0}),
    "AMSGrad": (AMSGrad, optax.amsgrad, ADAM),
    "AMSGrad, uncorrected": (
        lambda **numbers: AMSGrad(bias_correction=False, **numbers),
        lambda learning_rate, **numbers: optax.chain(
            optax.scale_by_amsgrad(bias_correction_mu=False, bias_correction_nu=False, **numbers),
            optax.scale_by_learning_rate(learning_rate),
        ),
        ADAM,
    ),
    "AdaMax": (AdaMax, optax.adamax, {"learning_rate": 1e-2, "b1": 0.8, "b2": 0.99, "eps": 1e-6}),
    "Lion": (Lion, optax.lion, {"learning_rate": 1e-3, "b1": 0.8, "b2": 0.95, "weight_decay": 0.1}),
    "weight decay inside": (
        lambda learning_rate, weight_decay: chain(AddDecayedWeights(weight_decay), Adam(learning_rate)),
        lambda learning_rate, weight_decay: optax.chain(
            optax.add_decayed_weights(weight_decay), optax.adam(learning_rate)
        ),
        {"learning_rate": 1e-2, "weight_decay": 0.1},
    ),
}


def assert_close(ours, theirs, rtol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol), ours, theirs)


@pytest.mark.parametrize("name", ORACLES)
def test_rules_follow_optax(name):
    """Traced hyperparameters, both optimizers in one program: 1e-13 after a step, 1e-10 after 200."""
    ours, theirs, numbers = ORACLES[name]

    @jax.jit
    def both(numbers):
        with jax.numpy_dtype_promotion("standard"):
            reference = trajectory(theirs(**numbers), 200)
        return trajectory(ours(**numbers), 200), reference

    got, expected = both(jax.tree.map(jnp.asarray, numbers))
    for step, tolerance in ((0, 1e-13), (199, 1e-10)):
        assert_close(*jax.tree.map(lambda x, step=step: x[step], (got, expected)), tolerance)
    moved = jax.tree.map(lambda x, start: jnp.any(x[-1] != start), got, START)
    assert all(jax.tree.leaves(moved))


def lecture_momentum(x, g, t, v):
    v = 0.9 * v - 0.1 * 0.5**t * g
    return x + v, v


def lecture_gradient_momentum(x, g, t, v):
    v = 0.9 * v + g
    return x - 0.1 * 0.5**t * v, v


def lecture_adagrad(x, g, t, s):
    s = s + g * g
    return x - 0.1 * g / (np.sqrt(s) + 1e-7), s


def lecture_rmsprop(x, g, t, s):
    s = 0.9 * s + 0.1 * g * g
    return x - 0.1 * g / np.sqrt(s + 1e-3), s


def lecture_adam_uncorrected(x, g, t, mv):
    m, v = mv if isinstance(mv, tuple) else (0.0, 0.0)
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return x - 0.1 * m / (np.sqrt(v) + 1e-8), (m, v)


TWINS = [
    (lecture_momentum, Momentum(Exponential(0.1, 0.5))),
    (lecture_gradient_momentum, SGDMomentum(Exponential(0.1, 0.5))),
    (lecture_adagrad, AdaGrad(0.1, eps=1e-7)),
    (lecture_rmsprop, RMSProp(0.1, eps=0.0, eps_root=1e-3)),
    (lecture_adam_uncorrected, Adam(0.1, bias_correction=False)),
]


@pytest.mark.parametrize(("lecture", "rule"), TWINS, ids=[twin.__name__ for twin, _ in TWINS])
def test_rules_are_the_lectures_loops(lecture, rule):
    """The loops of the lectures, as printed, on f = |x|^2 / 2 with g = x."""
    x, memory = np.array([1.0, -2.0, 0.5]), 0.0
    start = jnp.asarray(x)
    for t in range(6):
        x, memory = lecture(x, x, t, memory)
    got = trajectory(rule, 6, start, lambda x: jnp.sum(x**2) / 2)[-1]
    np.testing.assert_allclose(got, x, rtol=1e-13)


def test_nesterov_seen_from_its_look_ahead_point_is_the_reformulation():
    """With a constant learning rate, the look-ahead points of one form are the parameters of the other."""

    def loss(x):
        return objective({**START, "rosenbrock": x})

    look_ahead, plain = Nesterov(1e-4, 0.9), SGDNesterov(1e-4, 0.9)
    x = y = START["rosenbrock"]
    state, other = look_ahead.init(x), plain.init(y)
    for _ in range(20):
        point = look_ahead.evaluation_point(x, state)
        np.testing.assert_allclose(point, y, rtol=1e-13)
        updates, state = look_ahead.update(jax.grad(loss)(point), state, x)
        x = x + updates
        updates, other = plain.update(jax.grad(loss)(y), other, y)
        y = y + updates
    assert jnp.any(x != y)

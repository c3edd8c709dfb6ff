"""Every rule against Optax, and the contracts of the lift: dtypes, structure, one trace, vmap, frozen leaves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.optimizers import SGD, Adam, Momentum, apply_updates, chain
from dlcore.schedules import Exponential

START = {
    "quadratic": jnp.array([1.0, -2.0, 3.0]),
    "rosenbrock": jnp.array([-1.2, 1.0]),
    "mlp": {
        "hidden": (jnp.sin(jnp.arange(12.0)).reshape(3, 4), jnp.zeros(4)),
        "out": jnp.cos(jnp.arange(8.0)).reshape(4, 2),
    },
}
INPUTS = jnp.sin(jnp.arange(15.0)).reshape(5, 3)
TARGETS = jnp.cos(jnp.arange(10.0)).reshape(5, 2)


def objective(params):
    """Three problems at once: rules that treat every array alone solve each as if it were alone."""
    a = jnp.array([1.0, 10.0, 100.0])
    quadratic = 0.5 * jnp.sum(a * params["quadratic"] ** 2)
    x, y = params["rosenbrock"]
    rosenbrock = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    W, b = params["mlp"]["hidden"]
    hidden = jnp.tanh(INPUTS @ W + jnp.broadcast_to(b, (5, 4)))
    return quadratic + rosenbrock + jnp.mean((hidden @ params["mlp"]["out"] - TARGETS) ** 2)


def trajectory(optimizer, steps, params=START, loss=objective):
    """The parameters after each of ``steps`` steps, stacked."""

    def body(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        params = apply_updates(params, updates)
        return (params, state), params

    return jax.lax.scan(body, (params, optimizer.init(params)), length=steps)[1]


def decayed(rate):
    """Optax's schedule at a float64 count: of its own int32 count it takes float32 powers even under x64."""
    schedule = optax.exponential_decay(rate, transition_steps=1, decay_rate=0.99)
    return lambda count: schedule(count.astype(float))


# name: (dlcore's rule from its numbers, Optax's from the same, the numbers)
ORACLES = {
    "sgd": (SGD, optax.sgd, {"learning_rate": 1e-4}),
    "momentum": (Momentum, optax.sgd, {"learning_rate": 1e-5, "momentum": 0.8}),
    "adam": (Adam, optax.adam, {"learning_rate": 1e-2, "b1": 0.8, "b2": 0.99, "eps": 1e-6}),
    "adam, schedule": (
        lambda learning_rate: Adam(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.adam(decayed(learning_rate)),
        {"learning_rate": 1e-2},
    ),
    "sgd, schedule": (
        lambda learning_rate: SGD(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.sgd(decayed(learning_rate)),
        {"learning_rate": 1e-4},
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


def test_momentum_keeps_the_old_rate_of_old_gradients():
    """With a schedule the velocity that holds the learning rate differs from Optax's, and is the plain loop."""
    rates = 0.1 * 0.5 ** np.arange(5)
    x, v = np.ones(3), np.zeros(3)
    for rate in rates:
        v = 0.9 * v - rate * x
        x = x + v
    rule = Momentum(Exponential(0.1, 0.5), 0.9)
    got = trajectory(rule, 5, jnp.ones(3), lambda x: jnp.sum(x**2) / 2)[-1]
    np.testing.assert_allclose(got, x, rtol=1e-14)


RULES = [SGD(), Momentum(), Adam(), chain(Momentum(), SGD(-1.0))]


def name_of(rule):
    return type(rule).__name__


def abstract(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_dtypes_and_structure_hold(rule, dtype):
    """Parameters, updates and state keep shape, dtype and weak type, whatever the dtype of the hyperparameters."""
    params = {"w": jnp.ones((2, 3), dtype), "b": (jnp.full(3, 2, dtype), jnp.asarray(1.0, dtype))}
    grads = jax.tree.map(lambda x: x / 4, params)
    rule = jax.tree.map(jnp.float32, rule)
    state = rule.init(params)
    updates, after = jax.eval_shape(rule.update, grads, state, params)
    assert abstract(updates) == abstract(params)
    assert abstract(after) == abstract(state)
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_low_precision_parameters_keep_a_scan_carry_under_swept_hyperparameters():
    params = jnp.ones(4, jnp.bfloat16)
    rule = jax.tree.map(lambda x: jnp.full(2, x, jnp.float32), Adam(Exponential(0.1, 0.9)))
    last = jax.jit(jax.vmap(lambda rule: trajectory(rule, 3, params, lambda x: jnp.sum(x**2))[-1]))(rule)
    assert last.dtype == jnp.bfloat16
    assert jnp.all(last < 1)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_one_trace_for_all_numbers(rule):
    traces = []

    @jax.jit
    def step(rule, grads, state):
        traces.append(rule)
        return rule.update(grads, state, grads)

    grads = jnp.ones(3)
    state = rule.init(grads)
    for factor in (1.0, 2.0, 3.0):
        _, state = step(jax.tree.map(lambda x, f=factor: x * f, rule), grads, state)
    assert len(traces) == 1


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_vmap_over_hyperparameters_is_the_loop(rule):
    run = functools.partial(trajectory, steps=5)
    factors = jnp.array([0.5, 1.0, 0.9])
    rules = [jax.tree.map(lambda x, f=f: x * f, rule) for f in factors]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *rules)
    batched = jax.jit(jax.vmap(run))(stacked)
    one = jax.jit(run)
    loop = jax.tree.map(lambda *x: jnp.stack(x), *[one(rule) for rule in rules])
    assert_close(batched, loop, 1e-12)

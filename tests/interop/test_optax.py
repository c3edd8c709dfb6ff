"""dlcore's rules inside Optax's wrappers, Optax's optimizers as rules."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore import tree
from dlcore.interop.optax import from_optax, from_optax_schedule, to_optax
from dlcore.optimizers import SGD, Adam, AdamW, ClipByGlobalNorm, Momentum, Nesterov, apply_updates, chain
from dlcore.schedules import Cosine, Exponential
from dlcore.tree.leaves import OnLeaves

PARAMS = {"body": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(3)}, "head": jnp.array([2.0, -1.0])}


def after(optimizer, steps=4):
    """The parameters after some steps toward 1, as one program, with Optax's promotion."""

    def body(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.tree.map(lambda x: x - 1, params), state, params)
        return (apply_updates(params, updates), state), None

    def run():
        return jax.lax.scan(body, (PARAMS, optimizer.init(PARAMS)), length=steps)[0]

    with jax.numpy_dtype_promotion("standard"):
        return jax.jit(run)()


def close(a, b, rtol=1e-12):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-14), a, b)


MASK = {"body": {"kernel": True, "bias": False}, "head": True}
PAIRS = {
    "chain": (
        optax.chain(optax.clip_by_global_norm(1.0), to_optax(Adam(0.1))),
        optax.chain(to_optax(ClipByGlobalNorm(1.0)), optax.adam(0.1)),
    ),
    "masked": (optax.masked(to_optax(Adam(0.1)), MASK), optax.masked(optax.adam(0.1), MASK)),
    "MultiSteps": (optax.MultiSteps(to_optax(Momentum(0.1)), 2), optax.MultiSteps(optax.sgd(0.1, 0.9), 2)),
    "inject_hyperparams": (
        optax.inject_hyperparams(lambda learning_rate: to_optax(Adam(learning_rate)))(0.1),
        optax.inject_hyperparams(optax.adam)(0.1),
    ),
    "schedule": (optax.sgd(Cosine(0.1, 4)), optax.sgd(optax.cosine_decay_schedule(0.1, 4))),
    "partition": (
        optax.multi_transform({"a": to_optax(SGD(0.1)), "b": to_optax(Adam(0.1))}, {"body": "a", "head": "b"}),
        optax.multi_transform({"a": optax.sgd(0.1), "b": optax.adam(0.1)}, {"body": "a", "head": "b"}),
    ),
    "apply_if_finite": (
        optax.apply_if_finite(to_optax(AdamW(0.1, weight_decay=OnLeaves(0.1))), 3),
        optax.apply_if_finite(
            optax.adamw(0.1, weight_decay=0.1, mask={"body": {"kernel": True, "bias": False}, "head": True}), 3
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_rules_inside_optax(name):
    ours, theirs = PAIRS[name]
    close(after(ours)[0], after(theirs)[0], rtol=1e-6 if name == "inject_hyperparams" else 1e-12)


def test_hyperparameters_injected_into_optax_are_set_in_its_state():
    optimizer = optax.inject_hyperparams(lambda learning_rate: to_optax(SGD(learning_rate)))(1.0)
    state = optimizer.init(PARAMS)
    state.hyperparams["learning_rate"] = jnp.asarray(0.25)
    updates, _ = optimizer.update(PARAMS, state, PARAMS)
    close(updates, jax.tree.map(lambda x: -0.25 * x, PARAMS))


def test_optax_finds_the_parameters_in_the_state():
    """``optax.tree.map_params`` changes the slots and leaves the step counter alone."""
    optimizer = to_optax(chain(ClipByGlobalNorm(), Adam()))
    state = optimizer.init(PARAMS)
    changed = optax.tree.map_params(optimizer, lambda slot: slot + 1, state)
    assert changed.step == state.step
    assert jax.tree.leaves(changed.slots)
    assert all(jnp.all(slot == 1) for slot in jax.tree.leaves(changed.slots))


def test_a_look_ahead_has_no_place_in_optax():
    with pytest.raises(TypeError, match="got one that looks ahead; try SGDNesterov"):
        to_optax(chain(ClipByGlobalNorm(), Nesterov()))


OPTIMIZERS = {
    "adam": (from_optax(optax.adam(0.1)), optax.adam(0.1)),
    "lamb": (from_optax(optax.lamb, learning_rate=0.1), optax.lamb(0.1)),
    "lion": (from_optax(optax.lion, learning_rate=0.1, weight_decay=0.1), optax.lion(0.1, weight_decay=0.1)),
    "yogi": (from_optax(optax.yogi, learning_rate=0.1), optax.yogi(0.1)),
    "nesterov": (
        from_optax(functools.partial(optax.sgd, nesterov=True), learning_rate=0.1, momentum=0.9),
        optax.sgd(0.1, 0.9, nesterov=True),
    ),
    "schedule": (
        from_optax(optax.sgd, learning_rate=Exponential(0.1, 0.5)),
        optax.sgd(optax.exponential_decay(0.1, 1, 0.5)),
    ),
    "noisy": (
        from_optax(optax.noisy_sgd(0.1, 0.1, key=3)),
        optax.noisy_sgd(0.1, 0.1, key=3),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optax_optimizers_as_rules(name):
    """The same steps; under strict promotion; a state that a scan can carry, whose structure and types never change."""
    ours, theirs = OPTIMIZERS[name]
    state = ours.init(PARAMS)
    grads = jax.tree.map(lambda x: x / 3, PARAMS)
    updates, new = jax.eval_shape(ours.update, grads, state, PARAMS)
    describe = functools.partial(jax.tree.map, lambda x: (x.shape, x.dtype, x.weak_type))
    assert describe(updates) == describe(PARAMS)
    assert describe(new) == describe(jax.eval_shape(lambda: state))
    close(after(ours)[0], after(theirs)[0], rtol=1e-6)


def test_the_numbers_of_an_optax_optimizer_are_swept():
    rule = from_optax(optax.adam, learning_rate=0.1, b1=0.9)
    assert tree.get(rule, "numbers.learning_rate") == 0.1
    rates = jnp.array([0.1, 0.2], jnp.float32)
    swept = tree.replace(jax.tree.map(lambda x: jnp.full(2, x), rule), "numbers.learning_rate", rates)

    def first(rule, dtype):
        x = jnp.ones(3, dtype)
        return rule.update(x, rule.init(x), x)[0]

    for dtype in ("bfloat16", "float32", "float64"):
        updates = jax.vmap(functools.partial(first, dtype=dtype))(swept)
        assert updates.dtype == dtype
        np.testing.assert_allclose(updates.astype(float), -np.outer(rates, np.ones(3)), rtol=1e-2)


def test_optax_schedules_as_schedules():
    rule = SGD(from_optax_schedule(optax.join_schedules([lambda t: 0.1, lambda t: 0.01 * t], [2])))
    expected = 0.9 * 0.9 * (1 - 0.01 * 0) * (1 - 0.01 * 1)
    close(after(rule)[0], jax.tree.map(lambda x: 1 + (x - 1) * expected, PARAMS))

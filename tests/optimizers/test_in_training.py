"""Optimizers of every kind in the training engine: look-ahead, nested wrappers, frozen leaves, Optax's own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.data import Examples, Split
from dlcore.initializers import zeros
from dlcore.interop.optax import from_optax
from dlcore.layers import Dense, sequential
from dlcore.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    AddDecayedWeights,
    ClipByGlobalNorm,
    Frozen,
    Masked,
    Momentum,
    MultiSteps,
    Nesterov,
    Partition,
    Scale,
    SGDNesterov,
    apply_updates,
    chain,
)
from dlcore.schedules import Cosine, Exponential, Linear, Warmup
from dlcore.training import Setup, train
from dlcore.tree.leaves import OnLeaves
from dlcore.tree.names import replace
from tests.problems import blobs, small_setup

KEY = jax.random.key(3)
DATA = blobs()
history = jax.jit(lambda optimizer: train(small_setup(optimizer=optimizer), DATA, KEY).history)


def test_the_engine_takes_gradients_where_the_rule_looks():
    """Nesterov's look-ahead points are the parameters of the reformulation: equal losses there, others elsewhere."""
    ahead, plain = history(Nesterov(0.05)), history(SGDNesterov(0.05))
    np.testing.assert_allclose(ahead.running_loss, plain.running_loss, rtol=1e-10)
    assert jnp.all(ahead.train_loss != plain.train_loss)


def test_wrappers_nest_and_a_frozen_leaf_ends_where_it_began():
    """Accumulation in an average around two groups with their own schedules and units; one bias frozen, bit for bit."""
    first = AdamW(Exponential(0.05, 0.9, per="epoch"), weight_decay=OnLeaves(0.1))
    second = chain(ClipByGlobalNorm(0.5), Momentum(Warmup(Cosine(0.2, 1.0, per="training"), 3)))
    groups = Partition((Masked(first, ("[0]",)), Masked(second, ("[2]",))))
    rule = EMA(MultiSteps(Frozen(groups, ("[0].bias",)), 2), 0.9)

    @jax.jit
    def run(rule):
        setup = small_setup(optimizer=rule)
        params = setup.model.init(jax.random.fold_in(KEY, 0), DATA.train.x.shape[1:])[0]
        return params, train(setup, DATA, KEY)

    start, end = run(rule)
    np.testing.assert_array_equal(end.params[0]["bias"], start[0]["bias"])
    assert jnp.any(end.params[0]["kernel"] != start[0]["kernel"])
    assert jnp.any(end.params[2]["bias"] != start[2]["bias"])
    assert end.history.train_loss[-1] < end.history.train_loss[0]


FALLING = Exponential(0.1, 0.5)
TOLD = {
    "a rule": (SGD(FALLING), [0.0125]),
    "a chain, whose scale falls": (chain(Adam(2.0), AddDecayedWeights(-1e-4), Scale(FALLING)), [0.025]),
    "a scale alone": (chain(ClipByGlobalNorm(1.0), Scale(-0.1)), [0.1]),
    "on leaves": (SGD(OnLeaves(FALLING, 0.3)), [0.0125]),
    "groups": (Partition((Masked(SGD(FALLING), ("[0]",)), Masked(SGD(0.3), ("[2]",)))), [0.0125]),
    "a round": (EMA(MultiSteps(Frozen(SGD(FALLING), ("[0]",)), 2)), [0.025]),
    "an optimizer of Optax": (from_optax(optax.adam, learning_rate=FALLING), [0.0125]),
    "an optimizer that does not tell": (from_optax(optax.adam(0.1)), [np.nan]),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_history_tells_the_learning_rate_that_was_used(name):
    """Of the last of four steps; a round of two takes the rate of the third."""
    optimizer, rate = TOLD[name]
    told = jax.jit(lambda optimizer: train(small_setup(optimizer=optimizer, epochs=1), DATA, KEY).history)(optimizer)
    np.testing.assert_allclose(told.learning_rate, rate, rtol=1e-12)


def test_with_accumulation_an_epoch_of_a_schedule_is_an_epoch_of_the_data():
    """Four mini-batches an epoch, two rounds: rates 1, 1, 1/2, 1/2, …; per training the line in eighths."""
    for schedule, rates in (
        (Exponential(1.0, 0.5, per="epoch"), [0.5**k for k in range(4)]),
        (Linear(1.0, 0.0, 1.0, per="training"), [1 - k / 8 for k in (1, 3, 5, 7)]),
    ):
        np.testing.assert_allclose(history(MultiSteps(SGD(schedule), 2)).learning_rate, rates, rtol=1e-12)
    x, y = jnp.ones((8, 1)), jnp.zeros((8, 1))
    data = Split(Examples(x, y), Examples(x, y))
    line = MultiSteps(SGD(Linear(1.0, 0.0, 1.0, per="training")), 4)
    model = sequential(Dense(1, use_bias=False, kernel_init=zeros))
    setup = Setup(model, lambda outputs, y: outputs[..., 0], line, epochs=4, batch_size=1)
    way = jax.jit(lambda: train(setup, data, KEY).state.params)()
    np.testing.assert_allclose(way[0]["kernel"], -sum(1 - k / 8 for k in range(8)), rtol=1e-12)


def test_the_average_of_the_parameters_is_found_wherever_it_stands():
    """Inside chains, masks and groups; every other leaf is the parameter itself."""
    ema = EMA(SGD(0.1), 0.5)
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    grads = jax.tree.map(jnp.ones_like, params)
    for rule, averages in (
        (ema, ("a", "b")),
        (chain(ClipByGlobalNorm(10.0), ema), ("a", "b")),
        (MultiSteps(ema, 1), ("a", "b")),
        (Masked(ema, ("a",)), ("a",)),
        (Frozen(ema, ("a",)), ("b",)),
        (Partition((Masked(ema, ("b",)), Masked(SGD(), ("a",)))), ("b",)),
        (Adam(), ()),
    ):
        updates, state = rule.update(grads, rule.init(params), params)
        after = apply_updates(params, updates)
        for name, value in rule.averaged(after, state.slots).items():
            np.testing.assert_allclose(value, 0.95 if name in averages else after[name], rtol=1e-12)


@pytest.mark.slow
def test_the_numbers_of_an_optax_optimizer_are_a_sweep_axis():
    rule = from_optax(optax.adam, learning_rate=0.05)
    rates = jnp.array([0.01, 0.05])
    rows = jax.vmap(lambda rate: history(replace(rule, "numbers.learning_rate", rate)))(rates)
    np.testing.assert_allclose(rows.train_loss[0], history(Adam(0.01)).train_loss, rtol=1e-6)
    assert jnp.all(rows.train_loss[1] < rows.train_loss[0])


def test_an_optax_optimizer_with_random_keys_in_its_state_trains():
    losses = history(from_optax(optax.noisy_sgd(0.05, eta=1e-4, key=1))).train_loss
    assert losses[-1] < losses[0]

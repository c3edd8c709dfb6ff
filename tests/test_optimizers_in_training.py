"""Optimizers of every kind in the training engine: look-ahead, nested wrappers, frozen leaves, Optax's own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.interop.optax import from_optax
from dlcore.optimizers import (
    Accumulate,
    Adam,
    AdamW,
    Averaged,
    ClipByGlobalNorm,
    Frozen,
    GradientNesterov,
    Masked,
    Momentum,
    Nesterov,
    OnLeaves,
    Partition,
    chain,
)
from dlcore.pytrees import replace
from dlcore.schedules import Cosine, Exponential, Warmup
from dlcore.training import train
from tests.problems import blobs, quick_jit, small_setup

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
DATA = blobs()
history = quick_jit(lambda optimizer: train(small_setup(optimizer=optimizer), DATA, KEY).history)


def test_the_engine_takes_gradients_where_the_rule_looks():
    """Nesterov's look-ahead points are the parameters of the reformulation: equal losses there, others elsewhere."""
    ahead, plain = history(Nesterov(0.05)), history(GradientNesterov(0.05))
    np.testing.assert_allclose(ahead.running_loss, plain.running_loss, rtol=1e-10)
    assert jnp.all(ahead.train_loss != plain.train_loss)


def test_wrappers_nest_and_a_frozen_leaf_ends_where_it_began():
    """Accumulation in an average around two groups with their own schedules and units; one bias frozen, bit for bit."""
    first = AdamW(Exponential(0.05, 0.9, per="epoch"), weight_decay=OnLeaves(0.1))
    second = chain(ClipByGlobalNorm(0.5), Momentum(Warmup(Cosine(0.2, 1.0, per="training"), 3)))
    groups = Partition((Masked(first, ("[0]",)), Masked(second, ("[2]",))))
    rule = Averaged(Accumulate(Frozen(groups, ("[0].bias",)), 2), 0.9)

    @quick_jit
    def run(rule):
        setup = small_setup(optimizer=rule)
        params = setup.model.init(jax.random.fold_in(KEY, 0), DATA.train.x.shape[1:])[0]
        return params, train(setup, DATA, KEY)

    start, end = run(rule)
    np.testing.assert_array_equal(end.params[0]["bias"], start[0]["bias"])
    assert jnp.any(end.params[0]["kernel"] != start[0]["kernel"])
    assert jnp.any(end.params[2]["bias"] != start[2]["bias"])
    assert end.history.train_loss[-1] < end.history.train_loss[0]


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

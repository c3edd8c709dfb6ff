"""Ensembles: members are trainings alone, their mean is at least as good, and diverged ones have no vote."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.activations import sigmoid
from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.losses import sigmoid_binary_cross_entropy, softmax_cross_entropy, squared_error
from dlcore.optimizers import SGD, Adam
from dlcore.training import predict
from dlcore.training import train as train_eagerly
from dlcore.tuning import (
    assign,
    ensemble_log_probabilities,
    ensemble_mean,
    ensemble_probabilities,
    grid,
    member_outputs,
    train_ensemble,
)
from tests.problems import blobs, small_setup

pytestmark = pytest.mark.slow

KEY = jax.random.key(7)
DATA = blobs()
SETUP = small_setup(
    model=sequential(Dense(8, use_bias=False), BatchNorm(), Dropout(0.1), Dense(3)), optimizer=Adam(3e-2)
)
RATES = grid({"optimizer.learning_rate": [1e-3, 3e-2, 0.1]})
train = jax.jit(train_eagerly)
outputs_of, mean, probabilities, log_probabilities = AVERAGES = [
    jax.jit(f) for f in (member_outputs, ensemble_mean, ensemble_probabilities, ensemble_log_probabilities)
]


@functools.cache
def trained(rates=False):
    return train_ensemble(SETUP, DATA, KEY, 4, RATES if rates else ({},))


def without(ensemble, *members):
    kept = np.asarray([i for i in range(len(ensemble.state.diverged)) if i not in members])
    return jax.tree.map(lambda a: a[kept], ensemble)


@pytest.mark.parametrize("rates", [False, True])
def test_members_are_trainings_alone(rates):
    ensemble, outputs = trained(rates), outputs_of(trained(rates), DATA.validation.x)
    for i in range(len(ensemble.state.diverged)):
        setup = assign(SETUP, RATES[i % 3]) if rates else SETUP
        alone = train(setup, DATA, jax.random.fold_in(KEY, i))
        member = jax.tree.map(lambda a, i=i: a[i], ensemble)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9),
            (member.params, member.model_state, member.history, member.state.best.validation_loss),
            (alone.params, alone.model_state, alone.history, alone.state.best.validation_loss),
        )
        output = predict(setup, alone.params, alone.model_state, DATA.validation.x)
        np.testing.assert_allclose(outputs[i], output, rtol=1e-6, atol=1e-8)
    assert not ensemble.state.diverged.any()
    assert jnp.unique(ensemble.state.best.validation_loss).size == len(ensemble.state.diverged)


def test_the_averages_are_those_of_the_members():
    x = DATA.validation.x
    outputs = np.asarray(outputs_of(trained(), x))
    np.testing.assert_allclose(mean(trained(), x), outputs.mean(0))
    np.testing.assert_allclose(ensemble_mean(trained(), x, sigmoid), (1 / (1 + np.exp(-outputs))).mean(0))
    shares = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    np.testing.assert_allclose(probabilities(trained(), x), shares.mean(0))
    np.testing.assert_allclose(log_probabilities(trained(), x), np.log(shares.mean(0)))


def test_the_mean_probability_loses_less_than_its_members_on_average():
    """Jensen, for every example; strictly, as the members differ."""
    for examples in (DATA.train, DATA.validation):
        outputs = outputs_of(trained(), examples.x)
        each = jax.vmap(lambda logits, y=examples.y: softmax_cross_entropy(logits, y))(outputs)
        together = softmax_cross_entropy(log_probabilities(trained(), examples.x), examples.y)
        assert jnp.all(together <= each.mean(0) * (1 + 1e-12))
        assert together.mean() < each.mean()
        own = -jnp.log(probabilities(trained(), examples.x)[jnp.arange(len(examples.y)), examples.y])
        np.testing.assert_allclose(together, own, rtol=1e-9)


def test_tails_keep_their_digits():
    """Logits of 0 and -2000 and of 0 and -1000: the mean is e^-1000 / 2, which no float holds."""
    ensemble = without(trained(), 2, 3)
    params = jax.tree.map(jnp.zeros_like, ensemble.params)
    far = params[-1]["bias"].at[:, 1:].set(jnp.asarray([[-2000.0], [-1000.0]]) * jnp.ones((1, 2)))
    ensemble = dataclasses.replace(ensemble, params=(*params[:-1], params[-1] | {"bias": far}))
    logs = log_probabilities(ensemble, DATA.validation.x)
    np.testing.assert_allclose(logs, np.broadcast_to([0, *[-1000 - np.log(2)] * 2], logs.shape), rtol=1e-15)
    slopes = jax.grad(lambda e: log_probabilities(e, DATA.validation.x)[:, 1].sum(), allow_int=True)(ensemble)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(slopes.params))


def test_an_ensemble_compiles_once_and_other_numbers_or_seeds_not_at_all():
    setup, other = small_setup(model=sequential(Dense(3)), optimizer=SGD(0.1), epochs=1), jax.random.key(1)
    jax.random.fold_in(KEY, np.uint32(0))  # compiled once in a process
    with count_compilations() as compiled:
        train_ensemble(setup, DATA, KEY, 3)
    assert compiled.count == 2  # one starts the members, one trains them
    with count_compilations() as compiled:
        train_ensemble(assign(setup, {"optimizer.learning_rate": 0.03}), DATA, other, 3)
    assert compiled.count == 0
    train_ensemble(setup, DATA, KEY, 3, grid({"optimizer.learning_rate": [0.1, 0.2]}))
    with count_compilations() as compiled:
        train_ensemble(setup, DATA, KEY, 3, grid({"optimizer.learning_rate": [0.3, 0.01, 0.02]}))
    assert compiled.count == 0


def test_a_diverged_member_has_no_vote():
    x = DATA.validation.x
    space = [{}, {"optimizer.learning_rate": 1e300}]
    ensemble = train_ensemble(SETUP, DATA, KEY, 4, space)
    assert ensemble.state.diverged.tolist() == [False, True, False, True]
    for average in AVERAGES[1:]:
        np.testing.assert_allclose(average(ensemble, x), average(without(ensemble, 1, 3), x), rtol=1e-12)
        assert np.isnan(average(without(ensemble, 0, 2), x)).all()
    poisoned = dataclasses.replace(ensemble, params=jax.tree.map(lambda a: a.at[1].set(jnp.nan), ensemble.params))
    for average in AVERAGES[1:]:
        np.testing.assert_array_equal(average(poisoned, x), average(ensemble, x))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_dtypes_are_kept(dtype):
    cast = jax.tree.map(lambda a: a.astype(dtype), (trained().params, trained().model_state))
    ensemble = dataclasses.replace(trained(), params=cast[0], model_state=cast[1])
    x = DATA.validation.x.astype(dtype)
    for average in AVERAGES[1:]:
        assert average(ensemble, x).dtype == dtype
    tolerance = 20 * float(jnp.finfo(dtype).eps)
    exact = probabilities(trained(), DATA.validation.x)
    np.testing.assert_allclose(probabilities(ensemble, x).astype(float), exact, atol=tolerance)


def test_regression_and_yes_or_no():
    """The mean output loses no more than the members on average, for squares as for the cross entropy of sigmoid."""
    y = (DATA.train.y > 0).astype(float)[:, None]
    data = Split(Examples(DATA.train.x, y), Examples(DATA.train.x, y))

    values = train_ensemble(small_setup(model=sequential(Dense(1)), loss=squared_error, epochs=1), data, KEY, 3)
    each = np.square(np.asarray(outputs_of(values, DATA.train.x)) - np.asarray(y)[None]).mean()
    assert np.square(np.asarray(mean(values, DATA.train.x)) - np.asarray(y)).mean() < each
    p = np.asarray(ensemble_mean(values, DATA.train.x, sigmoid))
    each = jax.vmap(lambda s: sigmoid_binary_cross_entropy(s, y))(outputs_of(values, DATA.train.x)).mean()
    assert -np.where(np.asarray(y) == 1, np.log(p), np.log(1 - p)).mean() < each


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"members": 0}, "members: needed an integer of at least 1, got 0; try members=1"),
        ({"space": ()}, "needed at least one assignment"),
        ({"space": grid({"model.layers[0].units": [4, 8]})}, "needed assignments of numbers"),
        ({"space": [{"optimizer.rate": 1.0}]}, "no hyperparameter"),
        ({"space": [{"batch_size": 1000}]}, "batch_size: needed"),
    ],
)
def test_bad_input_is_named_before_anything_is_compiled(given, words):
    with count_compilations() as compiled, pytest.raises(ValueError, match=words):
        train_ensemble(SETUP, DATA, KEY, **given)
    assert compiled.count == 0

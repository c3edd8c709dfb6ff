"""What is watched, and what else has its place in a setup."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.activations import relu
from dlcore.data import Examples, Split, batch_indices
from dlcore.layers import BatchNorm, Dense, sequential
from dlcore.layers.augmentation import mixup
from dlcore.losses import sigmoid_binary_cross_entropy, softmax_cross_entropy, squared_error
from dlcore.optimizers import (
    EMA,
    SGD,
    Adam,
    ClipByGlobalNorm,
    Masked,
    Momentum,
    MultiSteps,
    Partition,
    chain,
)
from dlcore.regularizers import L1, L2, ElasticNet, MaxNorm
from dlcore.solvers import BFGS
from dlcore.training import EarlyStopping, Mixup, Watch, evaluate, fit
from dlcore.training.watch import looked_at
from dlcore.tree.leaves import OnLeaves
from tests.problems import small_setup
from tests.training.problems import DATA, KEY, falling, train


def test_an_epoch_with_a_loss_that_is_not_finite_is_not_the_best():
    """The weight goes on to -2, where the loss is finite and lower than ever; in between, at -1, it was infinite."""

    def loss(w):
        return w + jax.lax.stop_gradient(jnp.where(w == -1, jnp.inf, 0))

    run = train(*falling(loss, 2, epochs=2), KEY)
    assert run.ending == "diverged"
    np.testing.assert_array_equal(jax.tree.leaves(run.params)[0], [[0]])


def test_history_measures_the_last_step_of_an_epoch():
    setup = small_setup(optimizer=SGD(0.1), batch_size=None, epochs=1)
    run = train(setup, DATA, KEY)
    params, _ = setup.model.init(jax.random.fold_in(KEY, 0), (4,))

    def loss(p):
        outputs, _ = setup.model.apply(p, ({}, {}, {}), DATA.train.x, key=None, train=True)
        return setup.loss(outputs, DATA.train.y).mean()

    def norm(tree):
        return np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(tree)))

    g = norm(jax.grad(loss)(params))
    np.testing.assert_allclose(run.history.gradient_norm, [g])
    np.testing.assert_allclose(run.history.update_ratio, [0.1 * g / norm(run.state.params)])


@pytest.mark.parametrize("rule", [EMA(Adam(0.05), 0.9), chain(ClipByGlobalNorm(1.0), EMA(Momentum(0.1), 0.8))])
def test_the_average_is_what_is_judged_and_kept(rule):
    setup = small_setup(optimizer=rule)
    run = train(setup, DATA, KEY)
    memory = run.state.optimizer_state
    average = (memory if isinstance(rule, EMA) else memory[1]).average
    loss, metrics = evaluate(setup, average, run.state.model_state, DATA.validation)
    np.testing.assert_allclose(run.history.validation_loss[-1], loss, rtol=1e-12)
    np.testing.assert_allclose(run.history.validation_metrics["accuracy"][-1], metrics["accuracy"])
    assert int(run.state.best.epoch) == setup.epochs - 1
    jax.tree.map(np.testing.assert_array_equal, run.params, average)
    assert jnp.any(run.params[0]["kernel"] != run.state.params[0]["kernel"])


def test_an_average_of_some_leaves_leaves_the_others():
    groups = Partition((Masked(EMA(SGD(0.1), 0.5), ("[0]",)), Masked(SGD(0.1), ("[2]",))))
    run = train(small_setup(optimizer=groups), DATA, KEY)
    assert jnp.all(run.params[0]["kernel"] != run.state.params[0]["kernel"])
    np.testing.assert_array_equal(run.params[2]["kernel"], run.state.params[2]["kernel"])


def test_a_projection_follows_every_step():
    free, bound = (train(small_setup(projection=p, optimizer=Adam(0.1)), DATA, KEY) for p in (None, MaxNorm(0.7)))

    def longest(run):
        return max(float(jnp.linalg.norm(run.state.params[i]["kernel"], axis=0).max()) for i in (0, 2))

    assert longest(bound) <= 0.7 + 1e-12 < longest(free)
    step = train(small_setup(projection=lambda p: jax.tree.map(jnp.zeros_like, p), epochs=1), DATA, KEY)
    np.testing.assert_allclose(step.history.train_loss, [np.log(3)])


def test_augmentation_changes_the_inputs_of_training_alone():
    doubled = Split(Examples(2 * DATA.train.x, DATA.train.y), DATA.validation)
    by_hand = train(small_setup(), doubled, KEY)
    run = train(small_setup(augment=lambda key, x: 2 * x), DATA, KEY)
    np.testing.assert_allclose(run.history.running_loss, by_hand.history.running_loss, rtol=1e-12)
    np.testing.assert_allclose(run.history.validation_loss, by_hand.history.validation_loss, rtol=1e-12)
    assert jnp.all(run.history.train_loss != by_hand.history.train_loss)

    def noise(key, x):
        return x + jax.random.normal(key, x.shape, x.dtype)

    still = train(small_setup(augment=noise, optimizer=SGD(0.0), batch_size=None), DATA, KEY).history
    assert len(np.unique(still.running_loss)) == 4
    assert len(np.unique(still.train_loss)) == 1


@pytest.mark.parametrize("task", ["classes", "values", "yes or no"])
def test_mixup_mixes_examples_and_labels(task):
    x, labels = DATA.train
    y, model, loss = {
        "classes": (labels, sequential(Dense(3)), softmax_cross_entropy),
        "values": (x[:, :1] * x[:, 1:2], sequential(Dense(1)), squared_error),
        "yes or no": ((labels == 1).astype(jnp.int32), sequential(Dense(1)), sigmoid_binary_cross_entropy),
    }[task]
    setup = small_setup(model=model, loss=loss, batch_size=None, epochs=1, metrics=())
    data = Split(Examples(x, y), Examples(x[:9], y[:9]))
    run = train(dataclasses.replace(setup, mix=Mixup(1.0)), data, KEY)
    order, _ = batch_indices(jax.random.fold_in(jax.random.fold_in(KEY, 1), 0), 50, 50)
    soft = jax.nn.one_hot(y, 3) if task == "classes" else y.reshape(50, -1).astype(float)
    mixed = mixup(jax.random.fold_in(jax.random.fold_in(KEY, 4), 0), x[order[0]], soft[order[0]], 1.0)
    params, state = model.init(jax.random.fold_in(KEY, 0), (4,))
    losses = loss(model.apply(params, state, mixed[0], key=None, train=True)[0], mixed[1])
    np.testing.assert_allclose(run.history.running_loss, [losses.mean()], rtol=1e-12)
    plain, unmixed = (train(dataclasses.replace(setup, mix=m), data, KEY).history for m in (None, Mixup(0.0)))
    np.testing.assert_allclose(unmixed.validation_loss, plain.validation_loss, rtol=1e-10)


def test_what_is_watched_is_data():
    setup = small_setup(epochs=8, optimizer=Adam(0.1))
    often = train(setup, DATA, KEY)
    seldom = train(dataclasses.replace(setup, watch=Watch(every=3)), DATA, KEY)
    looked = np.array([2, 5, 7])  # the last epoch is always looked at
    for name in ("train_loss", "validation_loss"):
        found, all_of_them = getattr(seldom.history, name), getattr(often.history, name)
        assert np.flatnonzero(~np.isnan(found)).tolist() == looked.tolist()
        np.testing.assert_allclose(found[looked], all_of_them[looked], rtol=1e-12)
    np.testing.assert_allclose(seldom.history.running_loss, often.history.running_loss, rtol=1e-12)
    assert int(seldom.state.best.epoch) == looked[np.argmin(often.history.validation_loss[looked])]

    unseen = train(dataclasses.replace(setup, watch=Watch(training=None)), DATA, KEY)
    assert np.isnan(unseen.history.train_loss).all()
    assert unseen.history.train_metrics == {}
    np.testing.assert_allclose(unseen.history.validation_loss, often.history.validation_loss, rtol=1e-12)


def test_a_sample_of_the_training_examples_is_watched():
    setup = small_setup(watch=Watch(training=20))
    run = train(setup, DATA, KEY)
    seen = looked_at(setup, DATA, KEY)
    assert len(np.unique(np.asarray(seen.train.x), axis=0)) == 20
    assert {tuple(row) for row in np.asarray(seen.train.x)} <= {tuple(row) for row in np.asarray(DATA.train.x)}
    loss, _ = evaluate(setup, run.state.params, run.state.model_state, seen.train)
    np.testing.assert_allclose(run.history.train_loss[-1], loss, rtol=1e-12)


def test_patience_counts_epochs_where_only_some_are_looked_at():
    setup = small_setup(optimizer=SGD(0.0), epochs=20, stopping=EarlyStopping(5), watch=Watch(every=2))
    run = fit(setup, DATA, KEY)
    assert run.ending == "stopped early"
    assert len(run.history.train_loss) == 8  # looked at after 2, the best; 4, 6 and 8: six epochs without a lower one


@pytest.mark.parametrize(("times", "epochs"), [(0.0, 12), (1.5, 12), (1000.0, 4)])
def test_falls_below_min_delta_add_up_and_are_no_improvement_alone(times, epochs):
    steady = small_setup(optimizer=SGD(1e-4), epochs=12)
    losses = np.asarray(fit(steady, DATA, KEY).history.validation_loss)
    falls = -np.diff(losses)
    assert (falls > 0).all()
    stopping = EarlyStopping(3, min_delta=times * float(falls.max()))
    run = fit(dataclasses.replace(steady, stopping=stopping), DATA, KEY)
    assert len(run.history.validation_loss) == epochs
    assert run.ending == ("finished" if epochs == 12 else "stopped early")


@pytest.mark.parametrize("chunk", [1, 7, 25, 49, 50, 64])
def test_chunks_have_no_influence_on_an_evaluation(chunk):
    run = train(small_setup(), DATA, KEY)
    setup = small_setup(watch=Watch(chunk=chunk))
    outputs = setup.model.apply(run.params, run.model_state, DATA.train.x, key=None, train=False)[0]
    loss, metrics = evaluate(setup, run.params, run.model_state, DATA.train)
    np.testing.assert_allclose(loss, softmax_cross_entropy(outputs, DATA.train.y).mean(), rtol=1e-12)
    hits = np.argmax(np.asarray(outputs), -1) == np.asarray(DATA.train.y)
    np.testing.assert_allclose(metrics["accuracy"], np.mean(hits), rtol=1e-12)


def test_the_first_step_to_blame_is_told_and_its_epoch_undone_but_kept():
    setup, data = falling(lambda w: jnp.where(w < -12.5, jnp.nan, w), steps=8, epochs=30)
    run = fit(setup, data, KEY)
    assert run.ending == "diverged"
    assert int(run.state.first_nonfinite) == 13
    assert float(run.state.params[0]["kernel"][0, 0]) == -8  # as it was before the second epoch
    assert len(run.history.running_loss) == 2
    assert np.isnan(run.history.running_loss[1])
    late, data = falling(lambda w: jnp.where(w < -15.5, jnp.nan, w), steps=8, epochs=30)
    assert int(fit(late, data, KEY).state.first_nonfinite) == 15  # seen only when the epoch was evaluated


def test_the_epoch_that_diverged_is_in_the_history_whatever_the_rate_is_called():
    for rate in (1e30, OnLeaves(1e30, 1e30, where=("[0]",))):
        run = fit(small_setup(optimizer=SGD(rate), loss=lambda o, y: o[:, 0] ** 4, metrics=()), DATA, KEY)
        assert run.ending == "diverged"
        assert len(run.history.running_loss) == 1


@pytest.mark.parametrize("by", [fit, train], ids=["fit", "train"])
def test_the_model_state_of_the_best_epoch_is_returned(by):
    setup = small_setup(optimizer=Adam(0.3), epochs=12, model=sequential(Dense(8), BatchNorm(), relu, Dense(3)))
    run = by(setup, DATA, KEY)
    best = int(run.state.best.epoch)
    assert best < 11
    assert run.evaluate(DATA.validation)["loss"] == pytest.approx(float(run.history.validation_loss[best]), rel=1e-10)


def test_several_penalties_are_added():
    both = train(small_setup(penalty=(L1(1e-2), L2(1e-1))), DATA, KEY)
    one = train(small_setup(penalty=ElasticNet(1e-2, 1e-1)), DATA, KEY)
    np.testing.assert_allclose(both.history.penalty, one.history.penalty, rtol=1e-12)
    np.testing.assert_allclose(both.history.train_loss, one.history.train_loss, rtol=1e-12)
    fit(small_setup(penalty=(L1(1e-2), L2(1e-1)), epochs=1), DATA, KEY)


def test_the_update_ratio_of_accumulated_gradients_is_that_of_the_last_real_update():
    setup, data = falling(lambda w: w, steps=8, epochs=2)
    run = train(dataclasses.replace(setup, optimizer=MultiSteps(SGD(1.0), 3)), data, KEY)
    # updates of 1 in the steps 2, 5 and 8, 11, 14: then the weight is -2, and -5
    np.testing.assert_allclose(run.history.update_ratio, [1 / 2, 1 / 5])


def test_a_solver_tells_the_gradient_where_its_step_began():
    setup = small_setup(optimizer=BFGS(), batch_size=None, epochs=2)
    run = train(setup, DATA, KEY)
    first = train(dataclasses.replace(setup, epochs=1), DATA, KEY)

    def loss(p):
        outputs = setup.model.apply(p, ({}, {}, {}), DATA.train.x, key=None, train=True)[0]
        return setup.loss(outputs, DATA.train.y).mean()

    for params, told in zip(
        (setup.model.init(jax.random.fold_in(KEY, 0), (4,))[0], first.state.params),
        run.history.gradient_norm,
        strict=True,
    ):
        g = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(jax.grad(loss)(params))))
        np.testing.assert_allclose(told, g, rtol=1e-9)

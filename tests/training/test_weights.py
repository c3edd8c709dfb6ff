"""Weights of examples: 2 is twice there, 0 is absent, all alike are none; in losses, metrics, folds and on devices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from dlcore import data
from dlcore.data import Batch, Examples, Padded, Split, Weighted, in_memory, weights_of
from dlcore.layers import BatchNorm, Dense, Dropout, mlp, sequential
from dlcore.layers.augmentation import mixup
from dlcore.losses import sigmoid_binary_cross_entropy, softmax_cross_entropy, squared_error
from dlcore.optimizers import SGD, Adam, Momentum, MultiSteps
from dlcore.regularizers import L2
from dlcore.solvers import LBFGS
from dlcore.training import AUC, F1, RMSE, BalancedAccuracy, Mixup, Watch, evaluate, fit
from dlcore.training.learner import MIXING, taught
from dlcore.training.learner import step as step_of
from dlcore.tuning import data_ladder, grid, resume, sweep
from tests.problems import blobs, small_setup
from tests.training.problems import KEY

DATA = blobs(n=48, validation=21)
RNG = np.random.default_rng(5)
TIMES = Split(*(RNG.integers(0, 4, len(part.y)) for part in (DATA.train, DATA.validation)))


def weighted(scale=1.0, times=TIMES):
    """The blobs, each as often as ``times`` says."""
    parts = zip((DATA.train, DATA.validation), (times.train, times.validation), strict=True)
    return Split(*(Weighted(*part, scale * np.asarray(w, float)) for part, w in parts))


def repeated():
    """The blobs, each written down so many times."""
    parts = zip((DATA.train, DATA.validation), (TIMES.train, TIMES.validation), strict=True)
    return Split(*(Examples(*(np.repeat(np.asarray(a), w, axis=0) for a in part)) for part, w in parts))


def assert_same(a, b, rtol=1e-9):
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-11), a, b)


BALANCED = jax.tree_util.Partial(softmax_cross_entropy, class_weights=np.array([0.5, 1.0, 2.0]))


@pytest.mark.parametrize(
    ("changes", "scale"),
    [
        ({"optimizer": SGD(0.3)}, 0.01),
        ({"optimizer": Momentum(0.1), "loss": BALANCED, "watch": Watch(by=BalancedAccuracy(), chunk=10)}, 1.0),
        ({"optimizer": LBFGS(), "epochs": 8}, 3.0),
    ],
    ids=["SGD", "classes weighted too, in chunks", "LBFGS"],
)
def test_weights_are_how_often_an_example_stands_there(changes, scale):
    """Those of weight 0 do not; only ratios matter."""
    setup = small_setup(**({"batch_size": None, "watch": Watch(by=F1())} | changes))
    a, b = (fit(setup, examples, KEY) for examples in (weighted(scale), repeated()))
    assert_same((a.history, a.params), (b.history, b.params), 1e-7)
    assert_same(a.evaluate(weighted(scale).validation), b.evaluate(repeated().validation), 1e-7)


def not_of_two(outputs, y):
    """A loss that examples of class 2 spoil where they count."""
    return jnp.where(y == 2, jnp.nan, softmax_cross_entropy(outputs, y))


WITHOUT_TWO = Split(*(np.asarray(part.y) != 2 for part in (DATA.train, DATA.validation)))


def test_of_weight_nothing_a_loss_may_be_anything():
    setup = small_setup(loss=not_of_two, batch_size=None)
    run = fit(setup, weighted(times=WITHOUT_TWO), KEY)
    without = Split(*(data.taken(part, np.asarray(part.y) != 2) for part in (DATA.train, DATA.validation)))
    assert_same(run.history, fit(setup, without, KEY).history)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mix": Mixup(0.3), "metrics": ()},
        {"optimizer": MultiSteps(Adam(1e-2), 2)},
        {"model": sequential(Dense(8), BatchNorm(), Dropout(0.2), Dense(3)), "watch": Watch(training=10, chunk=7)},
    ],
    ids=["plain", "mixed", "accumulated", "batch norm, some watched"],
)
def test_equal_weights_are_none(changes):
    setup = small_setup(**({"batch_size": 13} | changes))
    alike = weighted(7.0, Split(*(np.ones(len(part.y)) for part in (DATA.train, DATA.validation))))
    assert_same(fit(setup, alike, KEY).history, fit(setup, DATA, KEY).history)


def test_batches_that_accumulate_are_the_one_large_batch():
    """Which a mean by the weights of each batch alone would not be."""
    setup = small_setup(optimizer=MultiSteps(SGD(0.5), 3), batch_size=16, epochs=2)
    whole = dataclasses.replace(setup, optimizer=SGD(0.5), batch_size=None)
    a, b = (fit(one, weighted(), KEY) for one in (setup, whole))
    assert_same((a.params, a.history.train_loss), (b.params, b.history.train_loss))
    np.testing.assert_allclose(a.history.running_loss, b.history.running_loss)


def test_a_batch_divides_by_the_mean_weight_of_all_examples():
    batches = in_memory(Weighted(np.arange(10.0)[:, None], np.arange(10), np.arange(10)), KEY, 4)
    drawn = [batches.draw(jax.tree.map(lambda a, i=i: a[i], batches.places)) for i in range(2)]
    drawn.append(batches.draw(batches.last))
    for batch in drawn:
        np.testing.assert_allclose(batch.weights, batch.y / 4.5)
    padded = Padded(np.arange(10.0)[:, None], np.arange(10), np.int32(4), np.arange(10.0))
    batches = in_memory(padded, KEY, 4)
    first = batches.draw(jax.tree.map(lambda a: a[0], batches.places))
    np.testing.assert_allclose(np.sort(first.weights), np.arange(4) / 1.5)


def test_what_is_mixed_of_two_weighs_a_share_of_each():
    x, y, w = jnp.asarray(DATA.train.x), jax.nn.one_hot(DATA.train.y, 3, dtype=float), jnp.asarray(TIMES.train, float)
    setup = small_setup(mix=Mixup(0.4), optimizer=SGD(1.0), model=sequential(Dense(3)), batch_size=None)
    learner = taught(setup, *setup.model.init(KEY, (4,)))
    t = jnp.zeros((), jnp.int32)
    after, (loss, _, _) = step_of(setup, learner, Batch(x, y, None, w), KEY, t, tell=False)
    mixing = jax.random.fold_in(jax.random.fold_in(KEY, MIXING), t)
    mixed_x, mixed_y = mixup(mixing, x, y, jnp.asarray(0.4))
    of_each, _ = mixup(mixing, w[:, None], w, jnp.asarray(0.4))

    def objective(params):
        outputs, _ = setup.model.apply(params, learner.model_state, mixed_x, key=None, train=True)
        return jnp.mean(of_each[:, 0] * softmax_cross_entropy(outputs, mixed_y))

    expected, g = jax.value_and_grad(objective)(learner.params)
    assert_same(loss, expected)
    assert_same(after.params, jax.tree.map(jnp.subtract, learner.params, g))


def test_the_minimum_is_that_of_scikit_learns_logistic_regression():
    x, y, w = np.asarray(DATA.train.x), np.asarray(DATA.train.y == 0, float), TIMES.train / 3 + 0.1
    strength = 0.02
    setup = small_setup(
        model=sequential(Dense(1)),
        loss=sigmoid_binary_cross_entropy,
        optimizer=LBFGS(),
        penalty=L2(strength),
        epochs=60,
        batch_size=None,
        metrics=(),
    )
    run = fit(setup, Split(Weighted(x, y[:, None], w), Weighted(x, y[:, None], w)), KEY)
    peer = LogisticRegression(C=1 / (2 * strength * w.sum()), tol=1e-12, solver="newton-cholesky").fit(
        x, y, sample_weight=w
    )
    params = run.state.params[0]
    np.testing.assert_allclose(np.asarray(params["kernel"])[:, 0], peer.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(params["bias"], peer.intercept_, rtol=1e-4)


def test_the_minimum_is_that_of_scikit_learns_ridge():
    x, w = np.asarray(DATA.train.x), TIMES.train + 0.5
    y, strength = x @ np.array([[1.0], [-2.0], [0.5], [0.0]]) + RNG.normal(size=(48, 1)), 0.1
    setup = small_setup(
        model=sequential(Dense(1)), loss=squared_error, optimizer=LBFGS(), penalty=L2(strength), epochs=40,
        batch_size=None, metrics=(RMSE(),),
    )  # fmt: skip
    run = fit(setup, Split(Weighted(x, y, w), Weighted(x, y, w)), KEY)
    peer = Ridge(alpha=strength * w.sum(), tol=1e-14, solver="cholesky").fit(x, y[:, 0], sample_weight=w)
    np.testing.assert_allclose(np.asarray(run.state.params[0]["kernel"])[:, 0], peer.coef_, rtol=1e-6)
    rest = np.average((y[:, 0] - peer.predict(x)) ** 2, weights=w)
    _, metrics = evaluate(setup, run.state.params, run.state.model_state, Weighted(x, y, w))
    np.testing.assert_allclose(metrics["RMSE"], np.sqrt(rest), rtol=1e-6)


def test_an_evaluation_is_that_of_scikit_learn_by_weight():
    setup = small_setup(model=mlp((2,)), metrics=None, watch=Watch(chunk=9, by=AUC()))
    params, state = setup.model.init(KEY, (4,))
    x, y, w = DATA.train.x, np.asarray(DATA.train.y == 0, np.int32), TIMES.train
    loss, metrics = evaluate(setup, params, state, Weighted(x, y, w))
    outputs = setup.model.apply(params, state, x, key=None, train=False)[0]
    p = np.asarray(jax.nn.softmax(outputs))
    np.testing.assert_allclose(loss, log_loss(y, p, sample_weight=w))
    np.testing.assert_allclose(metrics["accuracy"], accuracy_score(y, p.argmax(1), sample_weight=w))
    np.testing.assert_allclose(metrics["AUC"], roc_auc_score(y, p[:, 1], sample_weight=w))


def test_a_row_of_a_sweep_over_folds_is_the_training_alone(tmp_path):
    setup, space = small_setup(watch=Watch(training=20, by=F1())), grid({"optimizer.learning_rate": [1e-2, 0.1]})
    study = sweep(setup, space, weighted(), KEY, seeds=1, folds=3, folder=tmp_path, devices=jax.devices()[:1])
    splits = data.folds(weighted(), 3)
    assert sorted({len(fold.train.y) for fold in splits}) == [46]
    alone = fit(dataclasses.replace(setup, optimizer=Adam(0.1)), splits[2], jax.random.fold_in(KEY, 0))
    row = jax.tree.map(lambda a: a[1, 2], study.rows)
    assert_same(row.history, alone.history, 1e-6)
    again = resume(tmp_path, devices=jax.devices()[:1])
    jax.tree.map(np.testing.assert_array_equal, again.rows, study.rows)
    assert weights_of(again.asked.data[0].train) is not None
    with pytest.raises(ValueError, match="another data"):
        sweep(setup, space, DATA, KEY, folds=3, folder=tmp_path)


def test_folds_of_unequal_size_weigh_their_own_examples_alone():
    uneven = Split(*(data.taken(part, slice(None, -1)) for part in (weighted().train, weighted().validation)))
    setup = small_setup(batch_size=16)
    study = sweep(setup, [{}], uneven, KEY, folds=3, devices=jax.devices()[:1])
    splits = data.folds(uneven, 3)
    assert len({len(fold.train.y) for fold in splits}) == 2
    for column, fold in enumerate(splits):
        row = jax.tree.map(lambda a, c=column: a[0, c], study.rows)
        assert_same(row.history, fit(setup, fold, jax.random.fold_in(KEY, 0)).history, 1e-6)


def test_devices_share_weighted_batches():
    setup = small_setup(batch_size=13, watch=Watch(by=F1(), chunk=10))
    assert_same(fit(setup, weighted(), KEY, devices="all").history, fit(setup, weighted(), KEY).history)


def test_fewer_examples_keep_their_weights():
    setup = small_setup(epochs=1, loss=not_of_two)
    ladder = data_ladder(setup, weighted(times=WITHOUT_TWO), KEY, sizes=(30,), seeds=2)
    assert np.isfinite(ladder.train_loss).all()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (-np.ones(48), "training weights: needed finite numbers of at least 0, got -1.0 and 47 more"),
        (np.where(np.arange(48) == 3, np.nan, 1), "training weights: needed finite numbers of at least 0, got nan"),
        (np.where(np.arange(48) == 3, np.inf, 1), "got inf"),
        (np.ones(47), r"training weights: needed one for each of the 48 examples, got \[47\]"),
        (np.ones((48, 1)), r"training weights: needed one for each of the 48 examples, got \[48, 1\]"),
        (np.zeros(48), "training weights: needed one above 0 at least, got zeros alone"),
        (np.array(["much"] * 48), "training weights: needed numbers, got <U4"),
    ],
)
def test_weights_that_are_none_are_named(weights, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        fit(small_setup(), Split(Weighted(*DATA.train, weights), DATA.validation), KEY)
    assert "\n" not in str(caught.value)


def test_examples_without_a_split_may_have_weights():
    x, y = DATA.train
    run = fit(small_setup(epochs=1), (x, y, TIMES.train), KEY)
    parts = data.train_validation(x, y, weights=TIMES.train)
    assert_same(run.history, fit(small_setup(epochs=1), parts, KEY).history)
    with pytest.raises(ValueError, match="weights: needed one for each of the 48 examples"):
        fit(small_setup(), (x, y, TIMES.train[:9]), KEY)
    with pytest.raises(ValueError, match="weights in both parts, or in none"):
        data.folds(Split(weighted().train, DATA.validation), 3)

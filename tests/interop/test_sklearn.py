"""Trainings as estimators: scikit-learn's own checks, and its own network as the oracle of the objective."""

import copy
import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as nn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from dlcore import Setup, data, fit, losses, mlp, sequential
from dlcore.activations import gelu, relu
from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.interop.sklearn import MLPClassifier, MLPRegressor
from dlcore.layers import Conv, Dense, Flatten, Reshape
from dlcore.optimizers import Adam, NAdam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import Watch
from dlcore.tree.saved import from_config, to_config

IRIS = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
QUICK = {"learning_rate_init": 0.05, "max_iter": 40, "tol": None}  # each shape of the checks is a program
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 50, "random_state": 0}
ALL = {"max_iter": 3, "tol": None}


def model(**parameters):
    return MLPClassifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**SMALL, **parameters})


CHECKS = [
    case
    for estimator in (MLPClassifier((), **QUICK), MLPRegressor((), **QUICK))
    for case in estimator_checks_generator(estimator)
]


def named(part):
    return getattr(part, "func", type(part)).__name__


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=named)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_other_numbers_compile_nothing_and_one_seed_gives_the_same():
    estimator = model(activation=gelu, dropout=0.1)
    first = estimator.fit(X, Y).predict_proba(X)
    with count_compilations() as compiled:
        np.testing.assert_array_equal(clone(estimator).fit(X, Y).predict_proba(X), first)
        for other in ({"random_state": 1}, {"assignment": {"optimizer.learning_rate": 0.2}}, {"alpha": 9.0}):
            assert (clone(estimator).set_params(**other).fit(X, Y).predict_proba(X) != first).any()
    assert compiled.count == 0


def test_it_is_the_training_of_fit():
    """With scikit-learn's strength of the penalty: half of alpha over the batch."""
    estimator = model(**ALL, alpha=0.5).fit(X, Y)
    watch = Watch(every=3, training=None)
    how = {"penalty": L2(0.01, half=True), "watch": watch, "epochs": 3, "batch_size": 50}
    setup = Setup(mlp((4, 3), dropout=None), losses.softmax_cross_entropy, Adam(), **how)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    key = jax.random.fold_in(jax.random.key(0), np.uint32(seed))
    run = fit(setup, Split(Examples(X, Y), Examples(X, Y)), key)
    np.testing.assert_allclose(estimator.loss_curve_, run.history.running_loss, rtol=1e-12)
    odds = np.exp(np.asarray(run.predict(X)))
    np.testing.assert_allclose(estimator.predict_proba(X), odds / odds.sum(1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("ours", [MLPClassifier, MLPRegressor])
def test_the_objective_and_its_descent_are_those_of_scikit_learn(ours):
    """Three steps with momentum from the same weights; targets are scaled, as they are inside."""
    y = Y if ours is MLPClassifier else StandardScaler().fit_transform(X[:, :2] ** 2)
    how = {
        "hidden_layer_sizes": (4,),
        "solver": "sgd",
        "max_iter": 3,
        "batch_size": 150,
        "random_state": 0,
        "alpha": 9.0,
    }
    own = ours(**how, learning_rate_init=0.1, tol=None)
    layers = clone(own).set_params(learning_rate_init=0.0).fit(X, y).run_.params[::2]
    theirs = getattr(nn, ours.__name__)(**how, learning_rate_init=0.1, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X, y)
    theirs.coefs_ = [np.array(layer["kernel"]) for layer in layers]
    theirs.intercepts_ = [np.array(layer["bias"]) for layer in layers]
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X, y)
    for layer, kernel in zip(own.fit(X, y).run_.params[::2], theirs.coefs_, strict=True):
        np.testing.assert_allclose(layer["kernel"], kernel, rtol=1e-9, atol=1e-12)


def test_quasi_newton_learns():
    assert model(solver="lbfgs", max_iter=30).fit(X, Y).score(X, Y) > 0.97


def test_copies_and_pickles_predict_the_same():
    setup = Setup(sequential(Dense(4), relu, Dense(3)), losses.softmax_cross_entropy, epochs=2, batch_size=50)
    pipe = make_pipeline(StandardScaler(), MLPClassifier(setup=setup, random_state=0)).fit(X, Y)
    for other in (pickle.loads(pickle.dumps(pipe)), copy.deepcopy(pipe)):
        np.testing.assert_array_equal(other.predict_proba(X), pipe.predict_proba(X))
        assert other[-1].setup == setup
    with count_compilations() as compiled:
        clone(pipe).fit(X, Y)
    assert compiled.count == 0
    assert len(cross_val_score(pipe, X, Y, cv=2)) == 2


def test_frames_give_names_and_refuse_others():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    numbers = model().fit(frame, pd.Series(Y))
    assert numbers.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        numbers.predict(frame[["b", "a", "c", "d"]])


def test_several_targets_are_predicted_in_their_units():
    targets = np.stack([1e6 + 1e4 * X[:, 0], 1e-5 * X[:, 1]], 1)
    estimator = regressor(learning_rate_init=0.05, max_iter=60).fit(X, targets)
    assert estimator.predict(X).shape == (150, 2)
    assert estimator.score(X, targets) > 0.9


def test_training_ends_where_nothing_is_gained():
    lazy = {"n_iter_no_change": 2, "tol": 10.0}  # no loss falls so far
    assert model(**lazy).fit(X, Y).n_iter_ == 3
    stopped = model(**lazy, early_stopping=True).fit(X, Y)
    assert (stopped.n_iter_, stopped.run_.ending, len(stopped.loss_curve_)) == (3, "stopped early", 3)
    assert model(**ALL).fit(X, Y).n_iter_ == 3


def test_without_early_stopping_every_example_is_trained_on():
    usual = model(**ALL).fit(X, Y).predict_proba(X)
    for i in (0, 149):
        other = np.where(np.arange(150) == i, (Y + 1) % 3, Y)
        assert (model(**ALL).fit(X, other).predict_proba(X) != usual).any()


def test_any_setup_is_an_estimator():
    digits = data.load("digits")
    x, y = np.asarray(digits.x[:300]) / 16, digits.y[:300]
    net = sequential(Reshape((8, 8, 1)), Conv(4, (3, 3)), relu, Flatten(), Dense(10))
    rate = Exponential(1e-2, 0.9, per="epoch")
    setup = Setup(net, losses.softmax_cross_entropy, Adam(rate), epochs=8, batch_size=32)
    assert MLPClassifier(setup=setup, random_state=0).fit(x, y).score(x, y) > 0.8
    by_path = model(assignment={"optimizer": NAdam(0.05)}).prepare(X, Y)
    assert by_path.setup.optimizer == NAdam(0.05)
    own = regressor().prepare(X, Y).setup
    assert from_config(to_config(own)) == own


def test_one_output_is_the_logit_of_the_second_class():
    setup = Setup(sequential(Dense(1)), losses.sigmoid_binary_cross_entropy, Adam(0.1), epochs=20)
    two = np.where(Y == 0, "no", "yes")
    estimator = MLPClassifier(setup=setup, random_state=0).fit(X, two)
    assert estimator.score(X, two) > 0.95
    s = np.asarray(estimator.run_.predict(X))[:, 0]
    np.testing.assert_allclose(estimator.predict_proba(X)[:, 1], 1 / (1 + np.exp(-s)), rtol=1e-9)


def test_a_loss_that_is_not_finite_warns():
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1; try a smaller learning rate"):
        model(learning_rate_init=1e300).fit(X, Y)


BARE = Setup(sequential(Dense(3)), losses.softmax_cross_entropy)
WRONG = {
    "activation": (model(activation="rely"), "activation: needed one of identity, .*, got 'rely'; try 'relu'"),
    "solver": (model(solver="adamw"), "solver: needed one of adam, lbfgs, sgd, got 'adamw'; try 'adam'"),
    "range": (model(learning_rate_init=-1.0), "optimizer.learning_rate: needed"),
    "batch": (model(batch_size=0), "batch_size: needed 'auto', None or an integer of at least 1, got 0"),
    "path": (model(assignment={"optimizer.rate": 1.0}), "no hyperparameter at 'optimizer.rate'"),
    "no setup": (MLPClassifier(setup="cnn"), "setup: needed a Setup or None, got str"),
    "both": (MLPClassifier(setup=BARE, alpha=1.0), "setup: needed nothing beside it that it says itself, got alpha"),
    "last layer": (
        MLPClassifier(setup=Setup(sequential(Dense(4)), losses.softmax_cross_entropy)),
        r"setup.model: needed 3 outputs, one for each class, got outputs of shape \[4\] per example; try Dense\(3\)",
    ),
    "targets": (MLPRegressor(setup=BARE), "setup.model: needed 1 outputs, one for each target"),
    "share": (model(early_stopping=True, validation_fraction=1.5), "share: needed a number above 0 below 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs_are_one_line(case):
    estimator, line = WRONG[case]
    with count_compilations() as compiled, pytest.raises(ValueError, match=line):
        estimator.fit(X, Y)
    assert compiled.count == 0

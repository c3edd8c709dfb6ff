"""scikit-learn's own checks of estimators; a search in one program finds what ``GridSearchCV`` finds one by one."""

import copy
import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as nn
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dlcore import Setup, data, fit, losses, mlp, sample, sequential
from dlcore.activations import gelu, relu
from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.interop.sklearn import MLPClassifier, MLPRegressor, SweepSearchCV
from dlcore.layers import Conv, Dense, Flatten, Reshape
from dlcore.optimizers import Adam, NAdam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import Watch
from dlcore.tuning import LogUniform

pytestmark = pytest.mark.usefixtures("quick_compilation")

IRIS = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
QUICK = {"learning_rate_init": 0.05, "max_iter": 40, "tol": None}  # each shape of the checks is a program
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 50, "random_state": 0}
ALL = {"max_iter": 3, "tol": None}


def model(**parameters):
    return MLPClassifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**SMALL, **parameters})


@parametrize_with_checks([MLPClassifier((), **QUICK), MLPRegressor((), **QUICK)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def scores(search):
    return np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(search.n_splits_)])


def same_search(estimator, axes, x, y, **how):
    """A search beside ``GridSearchCV``; returns the first."""
    fitting = {"groups": how.pop("groups")} if "groups" in how else {}
    ours = SweepSearchCV(estimator, axes, **how).fit(x, y, **fitting)
    theirs = GridSearchCV(estimator, axes, **how).fit(x, y, **fitting)
    np.testing.assert_allclose(scores(ours), scores(theirs), rtol=1e-9, atol=1e-12)
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-9, atol=1e-12)
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert (ours.best_params_, ours.best_index_) == (theirs.best_params_, theirs.best_index_)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    return ours


def test_a_search_finds_what_grid_search_finds_through_a_scaler():
    """Words for classes, numbers and a structure as axes."""
    axes = {"mlpclassifier__learning_rate_init": [0.01, 0.1], "mlpclassifier__hidden_layer_sizes": [(4,), (5,)]}
    labels = np.array(["setosa", "versicolor", "virginica"])[Y]
    search = same_search(make_pipeline(StandardScaler(), model()), axes, IRIS[0], labels, cv=2)
    assert search.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert search.score(IRIS[0], labels) == (search.predict(IRIS[0]) == labels).mean()
    assert search.predict_proba(IRIS[0]).shape == (150, 3)
    assert pd.DataFrame(search.cv_results_).shape[0] == 4


def test_a_search_of_regressors_by_another_score_with_early_stopping():
    estimator = regressor(early_stopping=True, n_iter_no_change=2, max_iter=12)
    axes = {"learning_rate_init": [0.001, 0.1], "alpha": [1e-4, 10.0]}
    how = {"cv": ShuffleSplit(2, random_state=0), "scoring": "neg_mean_absolute_error"}
    search = same_search(estimator, axes, X, 1e3 * X[:, 0], **how)
    assert len(np.unique(scores(search))) == 8


def test_a_search_with_groups_over_seeds_and_what_stands_before():
    """What the steps before give may be of another width; seeds are rows too."""
    axes = {"pca__n_components": [3, 4], "mlpclassifier__random_state": [0, 1]}
    same_search(make_pipeline(PCA(), model()), axes, X, Y, cv=GroupKFold(2), groups=np.arange(150) % 6)


def test_folds_may_be_unequal_and_lack_a_class():
    pairs = [(np.arange(74), np.arange(74, 150)), (np.arange(75, 150), np.arange(75))]
    search = same_search(model(), {"learning_rate_init": [0.01, 0.1]}, X, Y, cv=pairs)
    assert scores(search).max() < 0.5


RATES = {"learning_rate_init": [0.01, 0.1]}


def test_axes_may_be_paths_and_assignments():
    by_path = SweepSearchCV(model(), {"optimizer.learning_rate": [0.01, 0.1]}, cv=2).fit(X, Y)
    by_name = SweepSearchCV(model(), RATES, cv=2).fit(X, Y)
    np.testing.assert_array_equal(scores(by_path), scores(by_name))
    assert by_path.best_estimator_.assignment == by_path.best_params_ == {"optimizer.learning_rate": 0.1}
    np.testing.assert_array_equal(by_path.predict_proba(X), by_name.predict_proba(X))
    space = sample({"optimizer.learning_rate": LogUniform(1e-4, 1e-1)}, 2)
    assert SweepSearchCV(model(), space, cv=2, refit=False).fit(X, Y).cv_results_["params"] == list(space)


def test_the_second_search_compiles_nothing():
    search = SweepSearchCV(model(), RATES, cv=2).fit(X, Y)
    with count_compilations() as compiled:
        search.set_params(axes={"learning_rate_init": [0.02, 0.2]}, estimator__alpha=0.1).fit(X, Y)
    assert compiled.count == 0


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
    words = frame[["b", "c", "d"]].assign(word=np.array(["u", "v"])[Y % 2])
    coder = make_column_transformer((OneHotEncoder(drop="if_binary"), ["word"]), remainder="passthrough")
    search = SweepSearchCV(make_pipeline(coder, model()), {"mlpclassifier__learning_rate_init": [0.01, 0.1]}, cv=2)
    search.fit(words, pd.Series(Y, index=range(150, 300)))
    assert search.predict(words).shape == (150,)
    assert search.feature_names_in_.tolist() == ["b", "c", "d", "word"]


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


def test_one_output_is_the_logit_of_the_second_class():
    setup = Setup(sequential(Dense(1)), losses.sigmoid_binary_cross_entropy, Adam(0.1), epochs=20)
    two = np.where(Y == 0, "no", "yes")
    estimator = MLPClassifier(setup=setup, random_state=0).fit(X, two)
    assert estimator.score(X, two) > 0.95
    s = np.asarray(estimator.run_.predict(X))[:, 0]
    np.testing.assert_allclose(estimator.predict_proba(X)[:, 1], 1 / (1 + np.exp(-s)), rtol=1e-9)


def test_a_search_predicts_only_what_it_can():
    search = SweepSearchCV(model(), RATES, cv=2, refit=False)
    with pytest.raises(NotFittedError):
        search.predict(X)
    search.fit(X, Y)
    with pytest.raises(AttributeError, match="try refit=True"):
        search.predict(X)
    assert not hasattr(SweepSearchCV(regressor(), {}), "predict_proba")


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
    "name": (SweepSearchCV(model(), {"learning_rat": [1.0]}), "no hyperparameter at 'learning_rat'"),
    "below": (SweepSearchCV(model(), {"net__alpha": [1.0]}), "Invalid parameter 'net'"),
    "values": (SweepSearchCV(model(), []), "axes: needed lists of values by name"),
    "second": (SweepSearchCV(model(), {"alpha": [1.0, -1.0]}), "penalty.strength: needed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs_are_one_line(case):
    estimator, line = WRONG[case]
    with count_compilations() as compiled, pytest.raises(ValueError, match=line):
        estimator.fit(X, Y)
    assert compiled.count == 0


def test_only_networks_of_dlcore_are_searched():
    with pytest.raises(TypeError, match=r"SweepSearchCV: estimator: needed MLPClassifier or MLPRegressor of dlcore"):
        SweepSearchCV(nn.MLPClassifier(), {"alpha": [1.0]}).fit(X, Y)

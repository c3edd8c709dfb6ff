"""scikit-learn's own checks of estimators; a search in one program finds what ``GridSearchCV`` finds one by one."""

import copy
import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit, cross_val_score
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dlcore import Setup, data, fit, losses, sample, sequential
from dlcore.activations import gelu, relu
from dlcore.data import Examples, Split
from dlcore.diagnosis.compilations import count_compilations
from dlcore.interop.sklearn import MLPClassifier, MLPRegressor, SweepSearchCV
from dlcore.layers import Conv, Dense, Flatten, Reshape
from dlcore.optimizers import Adam, NAdam
from dlcore.schedules import Exponential
from dlcore.tuning import LogUniform

pytestmark = pytest.mark.usefixtures("quick_compilation")

IRIS = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
QUICK = {"learning_rate_init": 0.05, "max_iter": 40, "tol": None}
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 50, "random_state": 0}


def model(**parameters):
    return MLPClassifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**SMALL, **parameters})


@parametrize_with_checks([MLPClassifier((4,), **QUICK), MLPRegressor((4,), **QUICK)])
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
    """Unequal folds, words for classes, numbers and a structure as axes."""
    axes = {"mlpclassifier__learning_rate_init": [0.01, 0.1], "mlpclassifier__hidden_layer_sizes": [(4,), (5,)]}
    labels = np.array(["setosa", "versicolor", "virginica"])[Y]
    search = same_search(make_pipeline(StandardScaler(), model()), axes, IRIS[0], labels, cv=4)
    assert search.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert search.score(IRIS[0], labels) == (search.predict(IRIS[0]) == labels).mean()
    assert search.predict_proba(IRIS[0]).shape == (150, 3)
    assert pd.DataFrame(search.cv_results_).shape[0] == 4


def test_a_search_of_regressors_by_another_score_with_early_stopping():
    x, y = load_diabetes(return_X_y=True)
    estimator = regressor(early_stopping=True, n_iter_no_change=2, max_iter=12)
    axes = {"learning_rate_init": [0.001, 0.1], "alpha": [1e-4, 10.0]}
    cv = ShuffleSplit(2, random_state=0)
    search = same_search(estimator, axes, x[:200], y[:200], cv=cv, scoring="neg_mean_absolute_error")
    assert len(np.unique(scores(search))) == 8


def test_a_search_with_groups_over_seeds_and_what_stands_before():
    """What the steps before give may be of another width; seeds are rows too."""
    axes = {"pca__n_components": [2, 3], "mlpclassifier__random_state": [0, 1]}
    groups = np.arange(150) % 7
    same_search(make_pipeline(PCA(), model()), axes, X, Y, cv=GroupKFold(2), groups=groups)


def test_a_fold_without_a_class_is_that_of_grid_search():
    pairs = [(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50)), (np.arange(150),) * 2]
    search = same_search(model(), {"learning_rate_init": [0.01, 0.1]}, X, Y, cv=pairs)
    assert scores(search)[:2].max() == 0


def test_axes_may_be_paths_and_assignments():
    by_path = SweepSearchCV(model(), {"optimizer.learning_rate": [1e-4, 0.1]}, cv=2).fit(X, Y)
    by_name = SweepSearchCV(model(), {"learning_rate_init": [1e-4, 0.1]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(scores(by_path), scores(by_name))
    assert by_path.best_estimator_.assignment == by_path.best_params_ == {"optimizer.learning_rate": 0.1}
    np.testing.assert_array_equal(by_path.predict_proba(X), by_name.predict_proba(X))
    space = sample({"optimizer.learning_rate": LogUniform(1e-4, 1e-1)}, 3)
    assert SweepSearchCV(model(), space, cv=2, refit=False).fit(X, Y).cv_results_["params"] == list(space)


def test_a_search_compiles_one_program_and_its_second_nothing():
    search = SweepSearchCV(model(), {"learning_rate_init": [0.01, 0.1], "alpha": [1e-4, 1.0]}, cv=3)
    search.fit(X, Y)
    with count_compilations() as compiled:
        search.set_params(axes={"learning_rate_init": [0.02, 0.2], "alpha": [1e-3, 2.0]}).fit(X, Y)
    assert compiled.count == 0


def test_other_numbers_compile_nothing_and_one_seed_gives_the_same():
    setup = Setup(sequential(Dense(4), relu, Dense(3)), losses.softmax_cross_entropy, epochs=2)
    for estimator in (model(activation=gelu, dropout=0.1), MLPClassifier(setup=setup, random_state=0)):
        first = estimator.fit(X, Y).predict_proba(X)
        with count_compilations() as compiled:
            np.testing.assert_array_equal(clone(estimator).fit(X, Y).predict_proba(X), first)
            other = clone(estimator).set_params(random_state=1, assignment={"optimizer.learning_rate": 0.2})
            assert (other.fit(X, Y).predict_proba(X) != first).any()
        assert compiled.count == 0


def test_it_is_the_training_of_fit():
    """The same numbers as ``fit`` by hand, with scikit-learn's strength of the penalty: half of alpha over the batch."""
    from dlcore import mlp
    from dlcore.regularizers import L2

    estimator = model(alpha=0.5, max_iter=3, tol=None).fit(X, Y)
    setup = Setup(mlp((4, 3)), losses.softmax_cross_entropy, Adam(), L2(0.005), epochs=3, batch_size=50)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    key = jax.random.fold_in(jax.random.key(0), np.uint32(seed))
    run = fit(setup, Split(Examples(X, Y), Examples(X, Y)), key)
    np.testing.assert_allclose(estimator.loss_curve_, run.history.running_loss, rtol=1e-12)
    outputs = np.asarray(run.predict(X))
    odds = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    np.testing.assert_allclose(estimator.predict_proba(X), odds, rtol=1e-9)


def test_one_step_has_the_penalty_of_scikit_learn():
    """From equal weights, one full-batch step of gradient descent is that of scikit-learn's network."""
    few = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "alpha": 3.0, "max_iter": 1, "batch_size": 150}
    ours = MLPClassifier((), **few, tol=None, random_state=0)
    start = clone(ours).set_params(learning_rate_init=0.0).fit(X, Y).run_.params[0]["kernel"]
    after = ours.fit(X, Y).run_.params[0]
    theirs = Theirs((), **few, shuffle=False, random_state=0, nesterovs_momentum=False)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X, Y)
    x, one_hot = np.asarray(X), np.eye(3)[Y]
    for kernel, step in ((np.asarray(start), np.asarray(after["kernel"])),):
        odds = np.exp(x @ kernel) / np.exp(x @ kernel).sum(1, keepdims=True)
        gradient = (x.T @ (odds - one_hot) + 3.0 * kernel) / 150  # as in scikit-learn's _compute_loss_grad
        np.testing.assert_allclose(step, kernel - 0.1 * gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_solver_learns(solver):
    numbers = {"learning_rate_init": 0.1, "max_iter": 30}
    assert model(solver=solver, **numbers).fit(X, Y).score(X, Y) > 0.9


def test_copies_and_pickles_predict_the_same():
    setup = Setup(sequential(Dense(4), relu, Dense(3)), losses.softmax_cross_entropy, epochs=2)
    pipe = make_pipeline(StandardScaler(), MLPClassifier(setup=setup, random_state=0)).fit(X, Y)
    for other in (pickle.loads(pickle.dumps(pipe)), copy.deepcopy(pipe)):
        np.testing.assert_array_equal(other.predict_proba(X), pipe.predict_proba(X))
        assert other[-1].setup == setup
    assert clone(pipe)[-1].setup == setup
    assert len(cross_val_score(pipe, X, Y, cv=2)) == 2


def test_frames_give_names_and_refuse_others():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(word=np.array(["u", "v"])[Y % 2])
    numbers = model().fit(frame[["a", "b", "c", "d"]], pd.Series(Y))
    assert numbers.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        numbers.predict(frame[["b", "a", "c", "d"]])
    coded = make_pipeline(make_column_transformer((OneHotEncoder(), ["word"]), remainder="passthrough"), model())
    search = SweepSearchCV(coded, {"mlpclassifier__learning_rate_init": [0.01, 0.1]}, cv=2)
    search.fit(frame, pd.Series(Y, index=range(150, 300)))
    assert search.predict(frame).shape == (150,)
    assert search.feature_names_in_.tolist() == list(frame)


def test_several_targets_are_predicted_in_their_units():
    targets = np.stack([1e6 + 1e4 * X[:, 0], 1e-5 * X[:, 1] ** 2], 1)
    estimator = regressor(learning_rate_init=0.05, max_iter=60, hidden_layer_sizes=(8,)).fit(X, targets)
    assert estimator.predict(X).shape == (150, 2)
    assert estimator.score(X, targets) > 0.9
    one = regressor(random_state=1).fit(X, targets[:, 0])
    assert one.predict(X).shape == (150,)


def test_training_ends_as_scikit_learn_ends_it():
    lazy = {"n_iter_no_change": 3, "tol": 10.0, "max_iter": 30}  # no loss falls so far
    assert model(**lazy).fit(X, Y).n_iter_ == 4
    stopped = model(**lazy, early_stopping=True).fit(X, Y)
    assert (stopped.n_iter_, stopped.run_.ending, len(stopped.loss_curve_)) == (4, "stopped early", 4)
    assert model(max_iter=5, tol=None).fit(X, Y).n_iter_ == 5


def test_without_early_stopping_every_example_is_trained_on():
    far = np.where(np.arange(150) == 149, 1e3, X[:, 0])[:, None]
    near = np.where(np.arange(150) == 149, 0.0, X[:, 0])[:, None]
    for i in range(150):
        if i == 149:
            a, b = (regressor(max_iter=1, tol=None).fit(x, Y).run_.history.running_loss for x in (far, near))
            assert a != b


def test_any_setup_is_an_estimator():
    images = load_images()
    net = sequential(Reshape((8, 8, 1)), Conv(4, (3, 3)), relu, Flatten(), Dense(10))
    rate = Exponential(1e-2, 0.9, per="epoch")
    setup = Setup(net, losses.softmax_cross_entropy, Adam(rate), epochs=8, batch_size=32)
    estimator = MLPClassifier(setup=setup, random_state=0).fit(*images)
    assert estimator.score(*images) > 0.8
    assert MLPClassifier((8,), assignment={"optimizer": NAdam(0.05)}, max_iter=30, random_state=0).fit(X, Y).score(X, Y) > 0.9


def load_images():
    digits = data.load("digits")
    return np.asarray(digits.x[:300], np.float64) / 16, np.asarray(digits.y[:300])


def test_one_output_is_the_logit_of_the_second_class():
    setup = Setup(sequential(Dense(1)), losses.sigmoid_binary_cross_entropy, Adam(0.1), epochs=20)
    two = np.where(Y == 0, "no", "yes")
    estimator = MLPClassifier(setup=setup, random_state=0).fit(X, two)
    assert estimator.score(X, two) > 0.95
    s = np.asarray(estimator.run_.predict(X))[:, 0]
    np.testing.assert_allclose(estimator.predict_proba(X)[:, 1], 1 / (1 + np.exp(-s)), rtol=1e-9)


def test_a_search_predicts_only_what_it_can():
    search = SweepSearchCV(model(), {"alpha": [1.0, 2.0]}, cv=2, refit=False)
    with pytest.raises(NotFittedError):
        search.predict(X)
    search.fit(X, Y)
    with pytest.raises(AttributeError, match="try refit=True"):
        search.predict(X)
    assert not hasattr(SweepSearchCV(regressor(), {}), "predict_proba")


def test_a_loss_that_is_not_finite_warns():
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1; try a smaller learning rate"):
        regressor(learning_rate_init=1e300, solver="sgd").fit(X, Y)


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
        SweepSearchCV(Theirs(), {"alpha": [1.0]}).fit(X, Y)

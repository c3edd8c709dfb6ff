"""A search in one program finds what ``GridSearchCV`` finds one by one, split by split."""

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as nn
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dlcore import sample
from dlcore.diagnosis.compilations import count_compilations
from dlcore.interop.sklearn import MLPClassifier, MLPRegressor, SweepSearchCV
from dlcore.tuning import LogUniform

IRIS = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 50, "random_state": 0}


def model(**parameters):
    return MLPClassifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**SMALL, **parameters})


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
    assert ours.score(x, y) == theirs.score(x, y)
    return ours


def test_a_search_finds_what_grid_search_finds_through_a_scaler():
    """Words for classes, numbers and a structure as axes."""
    axes = {"mlpclassifier__learning_rate_init": [0.01, 0.1], "mlpclassifier__hidden_layer_sizes": [(4,), (5,)]}
    labels = np.array(["setosa", "versicolor", "virginica"])[Y]
    search = same_search(make_pipeline(StandardScaler(), model()), axes, IRIS[0], labels, cv=2, scoring="neg_log_loss")
    assert search.classes_.tolist() == ["setosa", "versicolor", "virginica"]
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
    same_search(
        make_pipeline(PCA(), model()), axes, X, Y, cv=GroupKFold(2), groups=np.arange(150) % 6, scoring="neg_log_loss"
    )


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


def test_a_search_predicts_only_what_it_can():
    search = SweepSearchCV(model(), RATES, cv=2, refit=False)
    with pytest.raises(NotFittedError):
        search.predict(X)
    search.fit(X, Y)
    with pytest.raises(AttributeError, match="try refit=True"):
        search.predict(X)
    assert not hasattr(SweepSearchCV(regressor(), {}), "predict_proba")


def test_frames_may_have_words():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    words = frame[["b", "c", "d"]].assign(word=np.array(["u", "v"])[Y % 2])
    coder = make_column_transformer((OneHotEncoder(drop="if_binary"), ["word"]), remainder="passthrough")
    search = SweepSearchCV(make_pipeline(coder, model()), {"mlpclassifier__learning_rate_init": [0.01, 0.1]}, cv=2)
    search.fit(words, pd.Series(Y, index=range(150, 300)))
    assert search.predict(words).shape == (150,)
    assert search.feature_names_in_.tolist() == ["b", "c", "d", "word"]


WRONG = {
    "name": (SweepSearchCV(model(), {"learning_rat": [1.0]}), "no hyperparameter at 'learning_rat'"),
    "below": (SweepSearchCV(model(), {"net__alpha": [1.0]}), "Invalid parameter 'net'"),
    "values": (SweepSearchCV(model(), []), "axes: needed lists of values by name"),
    "second": (SweepSearchCV(model(), {"alpha": [1.0, -1.0]}), "penalty.strength: needed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs_are_one_line(case):
    search, line = WRONG[case]
    with count_compilations() as compiled, pytest.raises(ValueError, match=line):
        search.fit(X, Y)
    assert compiled.count == 0


def test_only_networks_of_dlcore_are_searched():
    with pytest.raises(TypeError, match=r"SweepSearchCV: estimator: needed MLPClassifier or MLPRegressor of dlcore"):
        SweepSearchCV(nn.MLPClassifier(), {"alpha": [1.0]}).fit(X, Y)

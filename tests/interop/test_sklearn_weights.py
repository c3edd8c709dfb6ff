"""Weights of examples: those of scikit-learn's own networks, and copies of an example as the oracle."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dlcore.data import train_validation
from dlcore.interop.sklearn import MLPClassifier, MLPRegressor, SweepSearchCV
from tests.interop.test_sklearn import IRIS, X, Y

FULL = {"hidden_layer_sizes": (4,), "max_iter": 15, "batch_size": None, "random_state": 0, "alpha": 0.5}
W = np.random.default_rng(0).integers(0, 4, len(X))
COPIES = np.repeat(np.arange(len(X)), W)
T = np.stack([X[:, 0] * 3 + 7, X[:, 1] ** 2], 1)


def outputs(model):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize(("kind", "y"), [(MLPClassifier, Y), (MLPRegressor, T)])
@pytest.mark.parametrize("more", [{"tol": None}, {"tol": 1e-3, "n_iter_no_change": 3}, {"solver": "lbfgs"}])
def test_a_weight_is_so_many_copies_in_a_full_batch(kind, y, more):
    weighted = kind(**FULL, **more).fit(X, y, sample_weight=W)
    copied = kind(**FULL, **more).fit(X[COPIES], y[COPIES])
    np.testing.assert_allclose(outputs(weighted), outputs(copied), 1e-6, 1e-7)
    np.testing.assert_allclose(weighted.loss_curve_, copied.loss_curve_, 1e-8)
    plain = kind(**FULL, **more).fit(X, y)
    assert np.abs(outputs(weighted) - outputs(plain)).max() > 1e-3


@pytest.mark.parametrize("ones", [np.ones(len(X)), np.ones(len(X), int).tolist(), 1.0])
def test_ones_are_none(ones):
    many = FULL | {"batch_size": 40}
    weighted, plain = MLPClassifier(**many).fit(X, Y, ones), MLPClassifier(**many).fit(X, Y)
    np.testing.assert_allclose(outputs(weighted), outputs(plain), 1e-9)


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # of an older scikit-learn
def test_the_objective_is_that_of_scikit_learn():
    """Without hidden units it has one minimum, that of its logistic regression."""
    pair = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 2.0, "max_iter": 500, "random_state": 0}
    ours = MLPClassifier(**pair, tol=None).fit(X, Y, sample_weight=W)
    oracle = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(X, Y, sample_weight=W)
    np.testing.assert_allclose(ours.predict_proba(X), oracle.predict_proba(X), 0, 2e-4)


def test_early_stopping_judges_by_weight():
    many = FULL | {"early_stopping": True, "batch_size": 40}
    found = MLPClassifier(**many).fit(X, Y, sample_weight=W + 1)
    part = train_validation(X, Y, 0.1, int(np.random.RandomState(0).randint(2**31 - 1)), weights=W + 1).validation
    wanted = log_loss(part.y, found.predict_proba(part.x), sample_weight=part.weights)
    assert min(found.run_.history.validation_loss) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_search_weighs_as_a_loop_over_its_folds_does(scaled):
    """GridSearchCV does the same from scikit-learn 1.7 on; before, it left the weights out of its scores."""
    model, axes = MLPClassifier(**FULL, tol=None), {"learning_rate_init": [1e-4, 1e-2, 1e-1]}
    if scaled:
        model = make_pipeline(StandardScaler(), model)
        axes = {f"mlpclassifier__{name}": values for name, values in axes.items()}
    prefix, (x, y), w = "mlpclassifier__" if scaled else "", IRIS, W + 0.5
    found = SweepSearchCV(model, axes, cv=3).fit(x, y, sample_weight=w)
    scores = [
        [
            clone(model)
            .set_params(**params)
            .fit(x[i], y[i], **{f"{prefix}sample_weight": w[i]})
            .score(x[j], y[j], sample_weight=w[j])
            for i, j in StratifiedKFold(3).split(x, y)
        ]
        for params in found.cv_results_["params"]
    ]
    np.testing.assert_allclose(found.cv_results_["mean_test_score"], np.mean(scores, 1), atol=1e-9)
    alone = clone(model).set_params(**found.best_params_).fit(x, y, **{f"{prefix}sample_weight": w})
    np.testing.assert_allclose(found.predict_proba(x), alone.predict_proba(x), 1e-5, 1e-7)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (-W, "sample_weight: needed finite numbers of at least 0"),
        (0 * W, "one above 0 at least"),
        (W[:-1], "one for each of the 150 examples"),
        (W[:, None], "one for each of the 150 examples"),
        (W.astype(float) * np.nan, "NaN"),
        (["a"] * len(X), "could not convert string to float"),
    ],
)
def test_weights_that_are_none_are_one_line(weights, said):
    with pytest.raises(ValueError, match=said):
        MLPClassifier(**FULL).fit(X, Y, sample_weight=weights)

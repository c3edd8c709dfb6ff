"""``SweepSearchCV``: what ``GridSearchCV`` finds, with all configurations on all folds as rows of one program."""

import time
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from dlcore.interop.sklearn.networks import SEEDS, Network
from dlcore.interop.sklearn.together import Task, train_together
from dlcore.numerics.errors import needed
from dlcore.tuning.spaces import identity


class Part(NamedTuple):
    """The examples of a fold, as what stands before the network gives them, and their weights, where they have some."""

    x: Any
    y: Any
    test_x: Any
    test_y: Any
    weights: Any = None
    test_weights: Any = None


def _has(name):
    """Whether the network, or the one that was found best, has a method ``name``."""

    def check(search):
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return check


class SweepSearchCV(MetaEstimatorMixin, BaseEstimator):
    """``GridSearchCV`` for dlcore's networks, and pipelines that end in one: one program trains all rows.

    ``axes`` are lists of values by name, of which every combination is tried, or a list of assignments, such as
    ``sample`` gives. A name is a parameter of ``estimator`` or a path in its setup, "optimizer.learning_rate". What
    changes the structure, such as ``hidden_layer_sizes``, is one more program. ``cv``, ``scoring`` and ``groups`` are
    those of ``GridSearchCV``, as are scores, to rounding, and the attributes: ``cv_results_``, ``best_estimator_``,
    ``best_params_``, ``best_score_``, ``best_index_``, ``scorer_``, ``n_splits_``, ``refit_time_``. ``mean_fit_time``
    is that of all trainings together divided by their number. Where ``random_state`` is None one is drawn for all.

    The steps before the network are fitted to the training part of each fold alone. Raises ValueError for a name that
    does not exist and for data that do not fit, before anything is compiled.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from dlcore.interop.sklearn import MLPClassifier, SweepSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=50, random_state=0))
    >>> search = SweepSearchCV(model, {"mlpclassifier__learning_rate_init": [1e-5, 1e-2]}).fit(X, y)
    >>> search.best_params_, search.n_splits_
    ({'mlpclassifier__learning_rate_init': 0.01}, 5)
    """

    def __init__(self, estimator: Any, axes: Any, *, scoring: Any = None, cv: Any = None, refit: bool = True):
        self.estimator = estimator
        self.axes = axes
        self.scoring = scoring
        self.cv = cv
        self.refit = refit

    def fit(self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None) -> "SweepSearchCV":
        """Train every configuration on every fold, and the best one, where ``refit``, on all examples.

        ``sample_weight`` [n] goes to the network and to the scores, not to the steps before it.
        """
        X, y, groups, sample_weight = indexable(X, y, groups, sample_weight)
        self.scorer_: Any = check_scoring(self.estimator, self.scoring)
        cv: Any = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        folds = list(cv.split(X, y, groups))
        space = _space(self.axes)
        models = _Models(self.estimator, space)
        begin = time.perf_counter()
        trained = models.trained(X, y, folds, sample_weight)
        seconds = (time.perf_counter() - begin) / len(trained)
        scores, took = self._scored(trained, (len(space), len(folds)))
        self.n_splits_ = len(folds)
        self.cv_results_ = _results(space, scores, np.full_like(took, seconds), took)
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_params_ = space[self.best_index_]
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        if self.refit:
            begin = time.perf_counter()
            self.best_estimator_ = models.made(self.best_params_).fit(X, y, **models.weighing(sample_weight))
            self.refit_time_ = time.perf_counter() - begin
        return self

    def _scored(self, trained, shape):
        """(scores, seconds), [configurations, folds] each."""
        scores, took = [], []
        for network, part in trained:
            begin = time.perf_counter()
            by = {} if part.test_weights is None else {"sample_weight": part.test_weights}
            scores.append(float(self.scorer_(network, part.test_x, part.test_y, **by)))
            took.append(time.perf_counter() - begin)
        return np.reshape(scores, shape), np.reshape(took, shape)

    @property
    def classes_(self) -> np.ndarray:
        """The classes, as ``best_estimator_`` has them."""
        return self._best().classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features, as ``best_estimator_`` has seen them."""
        return self._best().n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the features, where ``best_estimator_`` has seen any."""
        return self._best().feature_names_in_

    @available_if(_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """That of ``best_estimator_``."""
        return self._best().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """That of ``best_estimator_``."""
        return self._best().predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """That of ``best_estimator_``."""
        return self._best().predict_log_proba(X)

    def score(self, X: Any, y: Any) -> float:
        """The score of ``best_estimator_`` by ``scoring``."""
        best = self._best()
        return self.scorer_(best, X, y)

    def _best(self):
        check_is_fitted(self, "cv_results_")
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                needed("SweepSearchCV", "a best estimator, fitted to all examples", "none", "refit=True")
            )
        return self.best_estimator_

    def __sklearn_tags__(self) -> Any:
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags"):
            setattr(tags, name, getattr(own, name))
        return tags


def _space(axes):
    """A list of assignments."""
    space = list(ParameterGrid(dict(axes)) if isinstance(axes, Mapping) else axes)
    if not space or not all(isinstance(assignment, Mapping) for assignment in space):
        hint = '{"learning_rate_init": [1e-3, 1e-2]}'
        raise ValueError(needed("axes", "lists of values by name, or a list of assignments", repr(axes), hint))
    return [dict(assignment) for assignment in space]


class _Models:
    """The configurations of ``space`` as estimators."""

    def __init__(self, estimator, space):
        self._space = space
        self._base: Any = clone(estimator)
        network = self._base[-1] if isinstance(self._base, Pipeline) else self._base
        if not isinstance(network, Network):
            what = "MLPClassifier or MLPRegressor of dlcore, or a pipeline that ends in one"
            raise TypeError(needed("SweepSearchCV: estimator", what, type(network).__name__))
        if network.random_state is None:
            network.set_params(random_state=int(np.random.default_rng().integers(SEEDS)))
        self._prefix = f"{self._base.steps[-1][0]}__" if isinstance(self._base, Pipeline) else ""
        self._names = set(self._base.get_params())

    def made(self, params: Mapping[str, Any]) -> Any:
        """The estimator with ``params``; what is no parameter is a path in the network's setup."""
        paths = {name: value for name, value in params.items() if self._is_path(name)}
        others = {name: clone(value, safe=False) for name, value in params.items() if name not in paths}
        base: Any = clone(self._base)
        model = base.set_params(**others)
        name = f"{self._prefix}assignment"
        return model.set_params(**{name: {**(model.get_params()[name] or {}), **paths}}) if paths else model

    def weighing(self, sample_weight: Any) -> dict[str, Any]:
        """What ``fit`` of the estimator is given besides, so that the network has the weights."""
        return {} if sample_weight is None else {f"{self._prefix}sample_weight": sample_weight}

    def _is_path(self, name):
        return name not in self._names and "__" not in name

    def _before(self, params) -> Hashable:
        """What of ``params`` the steps before the network see."""
        if not self._prefix:
            return ()
        names = sorted(name for name in params if not (self._is_path(name) or name.startswith(self._prefix)))
        return tuple((name, identity(params[name])) for name in names)

    def trained(
        self, X: Any, y: Any, folds: Iterable[tuple[Any, Any]], sample_weight: Any = None
    ) -> list[tuple[Network, Part]]:
        """The network of every configuration and fold, with the examples of the fold."""
        parts: dict[Hashable, Part] = {}
        networks, tasks, places = [], [], []
        for params in self._space:
            for i, fold in enumerate(folds):
                model, place = self.made(params), (i, self._before(params))
                if place not in parts:
                    found = _part(model[:-1] if len(self._steps) > 1 else None, X, y, fold)
                    parts[place] = _weighted(found, sample_weight, fold)
                network = model[-1] if self._prefix else model
                training = network.prepare(parts[place].x, parts[place].y, parts[place].weights)
                networks.append(network)
                tasks.append(Task(training, (*place, training.drawn)))
                places.append(place)
        runs = train_together(tasks)
        return [(n.finish(run), parts[place]) for n, run, place in zip(networks, runs, places, strict=True)]

    @property
    def _steps(self):
        return self._base.steps if self._prefix else ()


def _part(before: Any, X: Any, y: Any, fold: tuple[Any, Any]) -> Part:
    """The examples of a fold behind the steps ``before``, fitted to its training part."""
    (x, y_), (test_x, test_y) = ((_rows(X, i), _rows(y, i)) for i in fold)
    if before is None:
        return Part(x, y_, test_x, test_y)
    return Part(before.fit_transform(x, y_), y_, before.transform(test_x), test_y)


def _weighted(part: Part, weights: Any, fold: tuple[Any, Any]) -> Part:
    if weights is None:
        return part
    return part._replace(weights=_rows(weights, fold[0]), test_weights=_rows(weights, fold[1]))


def _rows(a, indices):
    return a.iloc[indices] if hasattr(a, "iloc") else (a if hasattr(a, "shape") else np.asarray(a))[indices]


def _results(space, scores, fit_times, score_times):
    """``cv_results_``: of every configuration its parameters, times and scores."""
    results: dict[str, Any] = {}
    for name, values in {"fit_time": fit_times, "score_time": score_times}.items():
        results |= {f"mean_{name}": values.mean(1), f"std_{name}": values.std(1)}
    for name in sorted({name for params in space for name in params}):
        results[f"param_{name}"] = _column(space, name)
    results["params"] = space
    results |= {f"split{i}_test_score": column for i, column in enumerate(scores.T)}
    mean = scores.mean(1)
    results |= {"mean_test_score": mean, "std_test_score": scores.std(1), "rank_test_score": _ranks(mean)}
    return results


def _column(space, name):
    """The values of a parameter, masked where a configuration has none."""
    column = np.ma.array(np.empty(len(space), object), mask=True)
    for i, params in enumerate(space):
        if name in params:
            column[i] = params[name]
    return column


def _ranks(mean):
    """1 for the highest; equal ones share the best rank, NaN is last."""
    known = np.where(np.isnan(mean), -np.inf, mean)
    return np.array([1 + (known > one).sum() for one in known], np.int32)

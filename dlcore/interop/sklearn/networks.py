"""``MLPClassifier`` and ``MLPRegressor``: a training as an estimator of scikit-learn, its parameters by their names."""

import abc
import inspect
import warnings
from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from dlcore.data import Examples, Split, Weighted, check_weights, fit_normalization, train_validation, weights_of
from dlcore.interop.sklearn import copies
from dlcore.interop.sklearn.setups import check_outputs, half_squared_error, setup_of
from dlcore.losses import softmax_cross_entropy
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training import Run, Setup, arrays, fit
from dlcore.training.door import as_array
from dlcore.tuning import assign
from dlcore.tuning.spaces import identity

copies.register()
FLOATS = (np.float64, np.float32)
SEEDS = np.iinfo(np.int32).max
FEWEST = 32  # examples that are predicted at once: programs for fewer add up in orders of their own, so digits differ
WITH_SETUP = ("setup", "assignment", "early_stopping", "validation_fraction", "random_state")


class Training(NamedTuple):
    """What an estimator is fitted by: a setup, data, the seed of its key; ``drawn`` says how the data were parted."""

    setup: Setup
    data: Split
    seed: int
    drawn: Any

    @property
    def key(self) -> Array:
        """The key of a row of this seed, alone or among others."""
        return jax.random.fold_in(jax.random.key(0), np.uint32(self.seed))


def _weights(given, x):
    """Weights [n] as the type of x, checked; None where all examples count alike."""
    if given is None:
        return None
    whole = np.full(len(x), given) if isinstance(given, Number) else given
    weights = check_array(whole, dtype=x.dtype, ensure_2d=False, allow_nd=True, input_name="sample_weight")
    check_weights("sample_weight", weights, len(x))
    return weights


def _scaling(y, weights):
    """Mean and standard deviation of targets y [n, k], by weight where they have one; 1 for what does not vary."""
    if weights is None:
        found = fit_normalization(y)
        return found.mean, found.std
    counted, w = y[weights > 0], np.asarray(weights[weights > 0], np.float64)
    mean = np.average(counted, axis=0, weights=w)
    std = np.sqrt(np.average((counted - mean) ** 2, axis=0, weights=w))
    return mean, np.where((counted == counted[:1]).all(axis=0), 1.0, std)


class Network(BaseEstimator, abc.ABC):
    """What both have in common; see ``MLPClassifier``."""

    _loss: Callable[[Array, Array], Array]
    _of: str

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Callable[[Array], Array] = "relu",
        *,
        solver: str = "adam",
        alpha: Any = 1e-4,
        batch_size: int | str | None = "auto",
        learning_rate_init: Any = 1e-3,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float | None = 1e-4,
        momentum: Any = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: int = 10,
        dropout: Any = None,
        setup: Setup | None = None,
        assignment: Mapping[str, Any] | None = None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.setup = setup
        self.assignment = assignment

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on X [n, d] and y; raises ValueError where these, or parameters, cannot be trained on.

        With ``sample_weight`` [n] losses are means by weight, and in a full batch 2 is as if an example stood there
        twice; the penalty is divided by the sum of the weights, as scikit-learn's.
        """
        training = self.prepare(X, y, sample_weight)
        return self.finish(fit(training.setup, training.data, training.key, progress=False))

    def prepare(self, X: Any, y: Any, sample_weight: Any = None) -> Training:
        """All of ``fit`` before the training itself: inputs are checked, targets coded, the setup is made."""
        x, y, weights = self._coded(X, y, sample_weight)
        self._dtype = x.dtype
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        examples = Examples(as_array("X", x), as_array("y", y))
        if weights is not None:
            examples = Weighted(*examples, as_array("sample_weight", weights))
        drawn = (float(self.validation_fraction), seed) if self.early_stopping else None
        data = train_validation(*examples[:2], *drawn, weights=weights) if drawn else Split(examples, examples)
        setup = assign(self._setup(data.train), self.assignment or {})
        check_outputs(setup.model, x.shape[1:], self._shapes(), self._of)
        return Training(setup, arrays(data), seed, drawn)

    def finish(self, run: Run) -> Any:
        """All of ``fit`` after the training ``run``."""
        self.run_ = run
        self.loss_curve_ = np.asarray(run.history.running_loss, np.float64)
        self.n_iter_ = len(self.loss_curve_)
        if run.ending == "diverged":
            what = f"{type(self).__name__}: the loss was not finite in epoch {self.n_iter_}; "
            warnings.warn(what + "try a smaller learning rate, or StandardScaler", ConvergenceWarning, stacklevel=3)
        return self

    def _setup(self, train):
        """The setup for training examples; one that is given stands alone."""
        if self.setup is None:
            (outputs,) = self._shapes()[0]
            weights = weights_of(train)
            return setup_of(self, len(train.y), outputs, self._loss, 1.0 if weights is None else float(weights.mean()))
        if not isinstance(self.setup, Setup):
            raise ValueError(needed("setup", "a Setup or None", type(self.setup).__name__, "Setup(model, loss)"))
        usual = inspect.signature(Network.__init__).parameters
        given = self.get_params(deep=False)
        extra = [
            name
            for name, value in given.items()
            if name not in WITH_SETUP and identity(value) != identity(usual[name].default)
        ]
        if extra:
            hint = 'assignment={"optimizer.learning_rate": 1e-3} for a number of the setup'
            raise ValueError(needed("setup", "nothing beside it that it says itself", ", ".join(extra), hint))
        return self.setup

    @abc.abstractmethod
    def _coded(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """(x, y, weights) as they are trained on, checked; notes how y was coded."""

    @abc.abstractmethod
    def _shapes(self) -> list[tuple[int, ...]]:
        """The shapes of outputs that there may be for the y that was coded, the usual one first."""

    def _outputs(self, X):
        """[n, outputs], in double precision."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=self._dtype, reset=False)
        filled = x[np.minimum(np.arange(max(len(x), FEWEST)), len(x) - 1)]
        return np.asarray(self.run_.predict(filled), np.float64)[: len(x)].reshape(len(x), -1)


class MLPClassifier(ClassifierMixin, Network):
    """A network as a classifier of scikit-learn, whose parameters it takes by the same names and defaults.

    X [n, d] and one label each, of any type. What is not in scikit-learn: ``activation`` may be a function;
    ``dropout`` is a rate, None for no such layer; ``tol=None`` trains all ``max_iter`` epochs; ``setup`` is any
    ``Setup`` instead of the parameters that describe one, for other models than a multilayer perceptron;
    ``assignment`` puts values at paths of the setup, ``{"optimizer": NAdam(1e-3)}``; ``learning_rate_init`` may be a
    schedule.

    With ``early_stopping`` a part is put aside, and the parameters are those of the epoch with the lowest loss there;
    without it those with the lowest training loss, or with ``tol=None`` the last. ``run_`` is the ``Run``,
    ``loss_curve_`` its losses by epoch. The same ``random_state`` gives the same numbers, other numbers compile
    nothing. Raises ValueError where data and setup do not fit; warns where the loss was not finite.

    >>> from sklearn.datasets import load_iris
    >>> from dlcore.interop.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((16,), batch_size=32, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9), model.predict_proba(X[:2]).shape
    (True, (2, 3))
    """

    _loss = staticmethod(softmax_cross_entropy)
    _of = "one for each class"

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of every x: X [n, d] -> [n]."""
        best = self._logits(X).argmax(1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of every class in the order of ``classes_``: X [n, d] -> [n, c]."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Its logarithm, finite where a probability rounds to 0: X [n, d] -> [n, c]."""
        s = self._logits(X)
        return s - np.logaddexp.reduce(s, axis=1, keepdims=True)

    def _logits(self, X):
        s = self._outputs(X)
        s = np.hstack([np.zeros_like(s), s]) if s.shape[1] == 1 else s  # one output is the logit of yes
        return s[:, : len(self.classes_)]

    def _coded(self, X, y, sample_weight):
        x, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        return x, numbers, _weights(sample_weight, x)

    def _shapes(self):
        c = max(2, len(self.classes_))
        return [(c,), (1,), ()] if c == 2 else [(c,)]


class MLPRegressor(RegressorMixin, Network):
    """A network as a regressor of scikit-learn; its parameters are told at ``MLPClassifier``.

    X [n, d] and y [n], or [n, k] for several targets. Targets are scaled to mean 0 and standard deviation 1 inside,
    so that learning rates and the losses of ``run_`` do not depend on their units; predictions are in the units of y.
    """

    _loss = staticmethod(half_squared_error)
    _of = "one for each target"

    def predict(self, X: Any) -> np.ndarray:
        """X [n, d] -> [n] or [n, k], as y was."""
        check_is_fitted(self)
        y = self.target_mean_ + self.target_scale_ * self._outputs(X)
        return y if self._several else y[:, 0]

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _coded(self, X, y, sample_weight):
        checked: Any = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True)
        x, y = checked
        self._several = np.ndim(y) > 1
        y = np.asarray(y, np.float64).reshape(len(x), -1)
        weights = _weights(sample_weight, x)
        self.target_mean_, self.target_scale_ = _scaling(y, weights)
        return x, ((y - self.target_mean_) / self.target_scale_).astype(x.dtype), weights

    def _shapes(self):
        k = len(self.target_mean_)
        return [(1,), ()] if k == 1 else [(k,)]

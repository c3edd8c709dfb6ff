"""How good predictions are, beside those of the best constant one."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.diagnosis import accuracy_error

UNEVEN = 1.5  # times as many examples in the largest class as in the smallest


class Scores(NamedTuple):
    """Loss and metrics over n examples, with standard errors where they have one; ``baseline``: of the best constant
    prediction. ``confusion`` [true, predicted] in classification.
    """

    n: int
    loss: float
    metrics: dict[str, float]
    standard_error: dict[str, float]
    baseline: dict[str, float]
    confusion: np.ndarray | None = None


def class_scores(
    y: np.ndarray, predicted: np.ndarray, loss: float, counts: np.ndarray, names: Any, weights: Any = None
) -> Scores:
    """Of class numbers y and their predictions [n, ...]; a prediction of -1 is wrong. ``counts``: of the training part.

    The baseline's loss is the cross entropy of the shares of the classes in the training part.

    Where classes are uneven, accuracy alone says little: the mean recall and that of the smallest class join it. With
    ``weights`` [n] every example counts by its own.
    """
    from sklearn.metrics import confusion_matrix

    n = len(y)
    each = np.repeat(np.ones(n, int) if weights is None else weights, y.size // n)
    y, predicted = y.reshape(-1), predicted.reshape(-1)
    known = predicted >= 0
    confusion = confusion_matrix(y[known], predicted[known], labels=range(len(names)), sample_weight=each[known])
    metrics, baseline = _rates(y, predicted, each, confusion, counts, names)
    error = {"accuracy": accuracy_error(metrics["accuracy"], effective_number(each))}
    return Scores(len(y), loss, metrics, error, baseline | {"loss": _loss_of_shares(counts, y, each)}, confusion)


def effective_number(weights: np.ndarray) -> float:
    r"""$(\sum_i w_i)^2 / \sum_i w_i^2$: so many examples of one weight say as much as these. Kish 1965, 11.7."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _rates(y, predicted, each, confusion, counts, names):
    """Metrics and those of always saying the largest class."""
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    true = np.bincount(y, each, minlength=len(names))
    metrics = {"accuracy": float(np.average(y == predicted, weights=each))}
    baseline = {"accuracy": float(true[largest] / true.sum())}
    if counts.max() > UNEVEN * counts.min():
        recall = np.diag(confusion)[true > 0] / true[true > 0]
        metrics["balanced accuracy"] = float(recall.mean())
        baseline["balanced accuracy"] = 1 / len(recall)
        if true[smallest]:
            name = f"recall of {names[smallest]}"
            metrics[name], baseline[name] = float(confusion[smallest, smallest] / true[smallest]), 0.0
    return metrics, baseline


def _loss_of_shares(counts, y, each):
    """The cross entropy of the shares of the classes in the training set."""
    with np.errstate(divide="ignore"):
        return float(np.average(-np.log(counts / counts.sum())[y], weights=each))


def value_scores(
    y: np.ndarray, predicted: np.ndarray, loss: float, mean: Any, unit: Any, weights: Any = None
) -> Scores:
    """Of quantities y and their predictions [n, k] in the units of the data; ``mean`` and ``unit``: of training, [k].

    R2 of a target that is constant here is not a number. With ``weights`` [n] every example counts by its own.
    """
    from sklearn.metrics import r2_score, root_mean_squared_error

    def measured(values):
        r2 = r2_score(y, values, sample_weight=weights, force_finite=False) if len(y) > 1 else np.nan
        error = root_mean_squared_error(y, values, sample_weight=weights)
        return {"R2": float(r2), "root mean squared error": float(error)}

    constant = np.broadcast_to(np.asarray(mean, float), y.shape)
    squares = np.square((y - constant) / unit).sum(-1)
    baseline = measured(constant) | {"loss": float(np.average(squares, weights=weights))}
    return Scores(len(y), loss, measured(predicted), {}, baseline)

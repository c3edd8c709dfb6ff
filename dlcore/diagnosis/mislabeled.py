"""How many labels are wrong: examples that a model, which has not learned from them, surely takes for another class."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.diagnosis.confidence import checked


class LabelNoise(NamedTuple):
    """The estimated ``share`` of wrong labels with its standard error, and the ``suspects``, the surest first, with the
    classes that they ``look_like``.

    ``joint`` [given, true] are the estimated shares of examples with a given and a true label; they sum to 1.
    """

    share: float
    standard_error: float
    suspects: np.ndarray
    look_like: np.ndarray
    joint: np.ndarray


def label_noise(probabilities: Any, y: Any) -> LabelNoise:
    r"""Confident learning (Northcutt, Jiang & Chuang 2021): out-of-sample ``probabilities`` [n, c] beside labels y [n].

    An example counts as one of class j where its $p_j$ reaches $t_j$, the mean of $p_j$ over the examples labeled j; of
    several classes the most probable one. The counts of given and counted class are the confident joint; each row of it
    is scaled to as many examples as have that label. What is off its diagonal is the ``share``, those examples are the
    ``suspects``. It finds flips that depend on the classes, where the model is good; a weak model's confident mistakes
    count as noise too, so it is an upper estimate there. Probabilities of examples that were learned from find nothing.
    Raises ValueError for what are no probabilities and labels.
    """
    p, y = checked("label_noise", probabilities, y)
    n, c = p.shape
    given = np.bincount(y, minlength=c)
    threshold = np.array([p[y == j, j].mean() if given[j] else np.inf for j in range(c)])
    sure = np.where(p >= threshold, p, -np.inf)
    counted = np.where(np.isfinite(sure).any(1), sure.argmax(1), y)
    confident = np.zeros((c, c))
    np.add.at(confident, (y, counted), np.isfinite(sure).any(1).astype(float))
    rows = confident.sum(1, keepdims=True)
    joint = np.where(rows > 0, confident / np.maximum(rows, 1), np.eye(c)) * given[:, None] / n
    share = float(1 - np.trace(joint))
    apart = np.flatnonzero(counted != y)
    suspects = apart[np.argsort(p[apart, y[apart]] - p[apart, counted[apart]])]
    return LabelNoise(share, float(np.sqrt(max(share * (1 - share), 0) / n)), suspects, counted[suspects], joint)

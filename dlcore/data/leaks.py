"""How much of the target one column tells: more than is usual is no find but a leak."""

import numpy as np

from dlcore.data.examples import Dataset

BINS = 64
_ROWS, _CELLS = 20_000, 20_000_000  # that are looked at


def single_feature_scores(dataset: Dataset, bins: int = BINS) -> np.ndarray:
    r"""For every column of x how much better it alone predicts than a constant does: 1 all, 0 nothing. [d].

    The column is cut into at most ``bins`` of equally many examples; one half of the examples gives each bin's most
    frequent class, or mean, the other half the score $1 - \text{errors} / \text{errors of the constant}$, errors being
    wrong classes or squares. Many bins find a copy of the target, few of them a trend. Kaufman, Rosset & Perlich 2012,
    Leakage in data mining.
    """
    n, d = dataset.x.shape
    rows = min(n, max(1000, min(_ROWS, _CELLS // max(d, 1))))
    some = np.random.default_rng(0).permutation(n)[:rows]
    first, second = some[: rows // 2], some[rows // 2 :]
    score = _class_score if dataset.classes else _value_score
    y = dataset.y[some]
    halves = y[: rows // 2], y[rows // 2 :]
    return np.array([score(*_bins(dataset.x[first, j], dataset.x[second, j], bins), *halves) for j in range(d)])


def _bins(a: np.ndarray, b: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The bins of both by the quantiles of a; what is missing is a bin of its own."""
    known = a[~np.isnan(a)]
    different = np.unique(known)
    many = len(different) > most
    edges = np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[1:-1])) if many else different
    return np.searchsorted(edges, a), np.searchsorted(edges, b)  # NaN is sorted last, to len(edges) + 0 or 1


def _class_score(a: np.ndarray, b: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    c = int(max(y.max(), truth.max())) + 1
    bins = max(a.max(), b.max()) + 1
    counts = np.bincount(a * c + y, minlength=bins * c).reshape(bins, c)
    usual = np.bincount(y, minlength=c).argmax()
    said = np.where(counts.any(axis=1), counts.argmax(axis=1), usual)
    errors = (truth != usual).mean()
    return float(1 - (said[b] != truth).mean() / errors) if errors else 0.0


def _value_score(a: np.ndarray, b: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    bins = max(a.max(), b.max()) + 1
    n, mean = np.bincount(a, minlength=bins), y.mean(axis=0)
    sums = np.stack([np.bincount(a, column, minlength=bins) for column in (y - mean).T], axis=1)
    said = mean + sums / np.maximum(n, 1)[:, None]
    errors = np.square(truth - mean).sum()
    return float(1 - np.square(said[b] - truth).sum() / errors) if errors else 0.0

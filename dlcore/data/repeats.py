"""Examples that occur more than once."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dlcore.data.examples import as_rows

_ROUNDING = 1e-5  # distances below it are those of copies


def duplicates(a: Any, b: Any = None) -> np.ndarray:
    """Indices of the rows of ``b`` that occur in ``a``; without ``b``, of the rows of ``a`` that occurred before."""
    a = np.asarray(a)
    if b is not None:
        b = np.asarray(b)
        wide = _digits(a, b)
        known = set(_digests(a, wide))
        return np.array([i for i, row in enumerate(_digests(b, wide)) if row in known], int)
    first: dict[bytes, int] = {}
    return np.array([i for i, row in enumerate(_digests(a, _digits(a))) if first.setdefault(row, i) != i], int)


def _digits(*arrays: np.ndarray) -> Any:
    """float64 where all have it: rows of a table far from 0 differ in digits that float32 has not."""
    return np.float64 if all(x.dtype == np.float64 for x in arrays) else np.float32


def _digests(x: np.ndarray, wide: Any) -> Iterator[bytes]:
    for row in x:
        one = np.asarray(row, wide) + wide(0)  # -0 and 0 are the same number with other bytes
        yield hashlib.blake2b(one.tobytes(), digest_size=16).digest()


def near_duplicates(a: Any, b: Any, share: float = 0.1) -> tuple[np.ndarray, float]:
    """Rows of ``b`` [m, ...] that nearly occur in ``a`` [n, ...], and which share of ``a`` has such a twin within it.

    Near is a distance below ``share`` of the median distance of a row of ``a`` from its nearest other one, in standard
    deviations of the columns of ``a``; copies are near too. Each row is compared with all others: n m numbers.
    """
    a, b = (as_rows(np.asarray(x, np.float64)) for x in (a, b))
    deviation = a.std(axis=0)
    a, b = (x / np.where(deviation > 0, deviation, 1) for x in (a, b))
    within = _squares(a, a)
    np.fill_diagonal(within, np.inf)
    nearest = np.sqrt(within.min(axis=1))
    apart = nearest[nearest > _ROUNDING]
    limit = max(share * float(np.median(apart)) if apart.size else 0.0, _ROUNDING)
    return np.flatnonzero(np.sqrt(_squares(a, b).min(axis=0)) < limit), float((nearest < limit).mean())


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances [n, m]."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)

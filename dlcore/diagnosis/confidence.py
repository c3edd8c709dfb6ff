"""Whether probabilities mean what they say: of answers with confidence 0.8, are eight of ten right?"""

from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import needed


class Calibration(NamedTuple):
    r"""Mean ``confidence`` and ``accuracy`` of the answers in every bin [bins] with ``count`` answers; NaN for none.

    ``error`` is the expected calibration error $\sum_b \frac{n_b}{n} |a_b - c_b|$ and ``standard_error`` its own.
    ``chance`` is what probabilities that mean what they say would show with so many examples: less is no error.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float
    standard_error: float
    chance: float


def calibration(probabilities: Any, y: Any, bins: int = 15) -> Calibration:
    r"""The reliability of ``probabilities`` [n, c], or [n] of yes, for class numbers y [n]; Guo et al. 2017, eq. 3.

    The confidence of an answer is the probability of the class it names. The bins have as many answers each, up to one
    (equal widths leave most of them empty where a network is sure). To first order the error is a mean of
    $\pm(h_i - p_i)$, hits minus confidences with the sign of their bin, hence its standard error; $h_i$ of an honest
    $p_i$ have variance $p_i (1 - p_i)$, and $E|z| = \sigma \sqrt{2/\pi}$ gives ``chance``. Raises ValueError for
    other shapes, and where rows are no probabilities.
    """
    p, y = checked("calibration", probabilities, y)
    confidence, hit = p.max(1), (p.argmax(1) == y).astype(float)
    n, order = len(y), np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, n)) if len(part)]
    count = np.array([len(part) for part in parts])
    sure, right = (np.array([values[part].mean() for part in parts]) for values in (confidence, hit))
    signed = (hit - confidence)[order] * np.repeat(np.sign(right - sure), count)
    doubt = np.array([np.sqrt((confidence[part] * (1 - confidence[part])).sum()) for part in parts])
    error = float((count * np.abs(right - sure)).sum() / n)
    spread = float(signed.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Calibration(sure, right, count, error, spread, float(np.sqrt(2 / np.pi) * doubt.sum() / n))


def checked(who: str, probabilities: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [n, c] and class numbers [n]; raises ValueError, in the name of ``who``, for anything else."""
    p, y = np.asarray(probabilities, np.float64), np.asarray(y)
    p = np.stack([1 - p, p], 1) if p.ndim == 1 else p
    if p.ndim != 2 or y.shape != p.shape[:1] or not len(y):
        got = f"{list(p.shape)}, {list(y.shape)}"
        raise ValueError(needed(who, "probabilities [n, c] and labels [n]", got))
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= p.shape[1]:
        got = f"{y.dtype} {y.min()} to {y.max()}"
        raise ValueError(needed(f"{who}: y", f"class numbers 0 to {p.shape[1] - 1}", got))
    if not (p.min() >= 0 and np.allclose(p.sum(1), 1, atol=1e-3)):
        raise ValueError(needed(who, "rows of probabilities", "others", "activations.softmax(outputs)"))
    return p, y

"""What was predicted: arrays in, figure out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcore.console.numbers import short
from dlcore.figures.style import (
    AS_WRITTEN,
    BLUE,
    GRAY,
    GREEN,
    INK,
    SERIES,
    canvas,
    name_axes,
    panels,
)

_COLUMNS = 12  # of a table, that are drawn
_NUMBERS = 20  # classes up to which the cells carry their counts


def confusion(counts: Any, classes: Sequence[str]) -> Any:
    """Counts [c, c], rows the truth: the diagonal in blue by share of its row, mistakes in red by their number."""
    counts = np.asarray(counts)
    c = len(counts)
    figure, (ax,) = canvas(height=min(6.0, max(3.2, 0.4 * c + 1.0)))
    ax.imshow(_cell_colors(counts), aspect="equal" if c <= _NUMBERS else "auto")
    if c <= _NUMBERS:
        for (i, j), n in np.ndenumerate(counts):
            strong = i == j and n > 0.5 * counts[i].sum()
            ax.text(j, i, str(n) if n else "·", ha="center", va="center", fontsize=8.5 if c > 5 else 10,
                    color="white" if strong else INK if n else GRAY)  # fmt: skip
        turn = 90 if max(map(len, classes)) > 40 // c else 0
        ax.set_xticks(range(c), classes, rotation=turn, **AS_WRITTEN)
        ax.set_yticks(range(c), classes, **AS_WRITTEN)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    name_axes(ax, "predicted class", "true class")
    return figure


def _cell_colors(counts: np.ndarray) -> np.ndarray:
    from matplotlib import colormaps

    right = np.eye(len(counts), dtype=bool)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    wrong = np.where(right, 0, counts)
    level = wrong / max(wrong.max(), 1)
    colors = np.where(right[..., None], colormaps["Blues"](0.85 * share), colormaps["Oranges"](0.6 * level))
    return np.where((counts == 0)[..., None], (0.965, 0.97, 0.975, 1.0), colors)


def predictions(y: Any, prediction: Any, name: str = "") -> Any:
    """Predicted over true values, [n] or [n, k]; on the line they are right."""
    figure, (ax,) = canvas(height=3.8)
    y, prediction = np.asarray(y, float), np.asarray(prediction, float)
    for k, (true, said) in enumerate(zip(y.reshape(len(y), -1).T, prediction.reshape(len(y), -1).T, strict=True)):
        ax.scatter(true, said, s=14, color=SERIES[k % len(SERIES)], alpha=0.6, linewidth=0)
    ends = [min(y.min(), prediction.min()), max(y.max(), prediction.max())]
    ax.plot(ends, ends, color=GRAY, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    name_axes(ax, f"true {name or 'value'}", f"predicted {name or 'value'}")
    return figure


def reliability_diagram(calibration: Any) -> Any:
    """Accuracy over confidence, bins of a ``diagnosis.calibration`` with one standard error; on the line they agree."""
    figure, (ax,) = canvas(height=3.8)
    error = np.sqrt(calibration.accuracy * (1 - calibration.accuracy) / calibration.count)
    ax.errorbar(calibration.confidence, calibration.accuracy, error, color=BLUE, fmt="o", markersize=4, capsize=2.5)
    low = float(min(calibration.confidence.min(), (calibration.accuracy - error).min()))
    ax.plot((low, 1), (low, 1), color=GRAY, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    by_chance = f"by chance {calibration.chance:.3f}"
    told = f"calibration error {calibration.error:.3f} ± {calibration.standard_error:.3f}, {by_chance}"
    ax.text(0.02, 0.98, told, transform=ax.transAxes, va="top", fontsize=9, color=INK)
    name_axes(ax, "confidence", "accuracy")
    return figure


def class_balance(counts: Any, classes: Sequence[str]) -> Any:
    """How many examples [classes] each class has."""
    figure, (ax,) = canvas(height=min(6.0, max(1.6, 0.28 * len(counts) + 0.8)))
    ax.barh(range(len(counts)), counts, color=BLUE, height=0.7)
    if len(counts) <= _NUMBERS:
        ax.set_yticks(range(len(counts)), classes, **AS_WRITTEN)
    ax.invert_yaxis()
    ax.grid(False)
    name_axes(ax, "training examples", "")
    return figure


def distributions(summaries: Sequence[Any]) -> Any:
    """How the values of the first columns are spread, a small histogram for each: numbers, or the commonest words."""
    shown = list(summaries)[:_COLUMNS]
    figure, axes = panels([one.name for one in shown])
    for ax, one in zip(axes, shown, strict=True):
        _histogram(ax, one)
    return figure


def _histogram(ax: Any, one: Any) -> None:
    n = len(one.counts)
    if one.words:
        ax.bar(range(n), one.counts, width=0.8, color=GREEN)
        ax.set_xticks(range(n), [word[:9] for word in one.words], rotation=90 if n > 2 else 0, **AS_WRITTEN)
    elif np.isfinite(one.low):
        width = (one.high - one.low) / n or 1.0
        ax.bar(one.low + width * (np.arange(n) + 0.5), one.counts, width=width, color=BLUE)
        ax.set_xticks([one.low, one.high], [short(one.low, 3), short(one.high, 3)])

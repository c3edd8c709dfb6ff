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
    VERMILLION,
    WIDTH,
    blank,
    canvas,
    name_axes,
    panels,
)

_COLUMNS = 12  # of a table, that are drawn
_FEWEST = 4  # pictures in a row: one alone would fill the page
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


def image_grid(x: Any, names: Sequence[str] | None, image_shape: Sequence[int]) -> Any:
    """Images x [n, ...] with their names below, if they have some."""
    figure, axes = _gallery(x, image_shape, 6 if names is None or max(map(len, names), default=1) <= 6 else 4)
    for ax, name in zip(axes, names or (), strict=False):
        _below(ax, name)
    return figure


def wrong_predictions(
    x: Any, truth: Sequence[str], predicted: Sequence[str], probability: Any, image_shape: Sequence[int]
) -> Any:
    """Images x [n, ...] with what was predicted at which probability [n], and below what it is."""
    longest = max(map(len, [*truth, *predicted]), default=1)
    figure, axes = _gallery(x, image_shape, 6 if longest <= 6 else 4)
    for ax, is_, said, p in zip(axes, truth, predicted, probability, strict=False):
        ax.set_title(f"{said}  {p:.0%}".replace("%", " %"), fontsize=8.5, color=VERMILLION, pad=2, **AS_WRITTEN)
        _below(ax, f"is {is_}")
    return figure


def _gallery(x: Any, image_shape: Sequence[int], columns: int) -> tuple[Any, list[Any]]:
    """Images x [n, ...] in rows of ``columns``, and their axes."""
    n, columns = len(x), min(max(len(x), _FEWEST), columns)
    rows = -(-n // columns)
    figure = blank(height=max(1.6, rows * WIDTH / columns * 1.3))
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image in zip(axes.flat, images_of(x, image_shape), strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
    return figure, list(axes.flat)


def _below(ax: Any, text: str) -> None:
    place = {"ha": "center", "va": "top", "transform": ax.transAxes}
    ax.text(0.5, -0.05, text, fontsize=8.5, color=INK, **place, **AS_WRITTEN)


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


def images_of(x: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Images x [n, ...] from 0 to 1: [n, h, w], or [n, h, w, 3] in color."""
    h, w, channels = (*image_shape, 1)[:3]
    images = np.asarray(x, float).reshape(len(x), h, w, channels)
    low, high = images.min(), images.max()
    images = (images - low) / (high - low if high > low else 1.0)
    return images[..., :3] if channels in (3, 4) else images.mean(-1)  # two channels have no color

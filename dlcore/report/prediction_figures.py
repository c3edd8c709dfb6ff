"""What was predicted: arrays in, figure out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcore.report.canvas import GREY, INK, VERMILLION, WIDTH, canvas, name_axes

_NUMBERS = 20  # classes up to which the cells carry their counts


def confusion_matrix(counts: Any, classes: Sequence[str]) -> Any:
    """Counts [c, c], rows the truth: the diagonal in blue by share of its row, mistakes in red by their number."""
    counts = np.asarray(counts)
    c = len(counts)
    figure, (ax,) = canvas(height=min(6.0, max(3.2, 0.4 * c + 1.0)))
    ax.imshow(_cell_colors(counts), aspect="equal" if c <= _NUMBERS else "auto")
    if c <= _NUMBERS:
        for (i, j), n in np.ndenumerate(counts):
            strong = i == j and n > 0.5 * counts[i].sum()
            ax.text(j, i, str(n) if n else "·", ha="center", va="center", fontsize=8.5 if c > 5 else 10,
                    color="white" if strong else INK if n else GREY)  # fmt: skip
        turn = 90 if max(map(len, classes)) > 40 // c else 0
        ax.set_xticks(range(c), classes, rotation=turn)
        ax.set_yticks(range(c), classes)
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


def wrong_predictions(
    x: Any, truth: Sequence[str], predicted: Sequence[str], probability: Any, image_shape: Sequence[int]
) -> Any:
    """Images x [n, ...] with what was predicted at which probability [n], and below what it is."""
    from matplotlib.figure import Figure

    n, names = len(x), max(map(len, [*truth, *predicted]), default=1)
    columns = min(n, 6 if names <= 6 else 4)
    rows = -(-n // columns)
    figure = Figure(figsize=(WIDTH, max(1.6, rows * WIDTH / columns * 1.3)), dpi=200, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, is_, said, p in zip(axes.flat, _images(x, image_shape), truth, predicted, probability, strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
        ax.set_title(f"{said}  {p:.0%}".replace("%", " %"), fontsize=8.5, color=VERMILLION, pad=2)
        ax.text(0.5, -0.05, f"is {is_}", fontsize=8.5, color=INK, ha="center", va="top", transform=ax.transAxes)
    return figure


def _images(x: Any, image_shape: Sequence[int]) -> np.ndarray:
    h, w, channels = (*image_shape, 1)[:3]
    images = np.asarray(x, float).reshape(len(x), h, w, channels)
    low, high = images.min(), images.max()
    images = (images - low) / (high - low if high > low else 1.0)
    return images[..., 0] if channels == 1 else images[..., :3]

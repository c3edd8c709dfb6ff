"""Examples as pictures, beside what they are and what was predicted: arrays in, figure out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcore.figures.style import AS_WRITTEN, INK, SERIES, VERMILLION, WIDTH, blank

_FEWEST, _EACH = 4, 6  # pictures in a row: one alone would fill the page
_SHORT = 6  # letters of a name


def image_grid(x: Any, names: Sequence[str] | None, image_shape: Sequence[int]) -> Any:
    """Images x [n, ...] with their names below, if they have some."""
    figure, axes = _gallery(x, image_shape, _columns(len(x), names or ()))
    for ax, name in zip(axes, names or (), strict=False):
        _below(ax, name)
    return figure


def wrong_predictions(
    x: Any, truth: Sequence[str], predicted: Sequence[str], probability: Any, image_shape: Sequence[int]
) -> Any:
    """Images x [n, ...] with what was predicted at which probability [n], NaN where unknown, and below what it is."""
    figure, axes = _gallery(x, image_shape, _columns(len(x), [*truth, *predicted]))
    for ax, is_, said, p in zip(axes, truth, predicted, probability, strict=False):
        _above(ax, said, p)
        _below(ax, f"is {is_}")
    return figure


def wrong_by_class(
    x: Any, rows: Mapping[str, Sequence[int]], predicted: Sequence[str], probability: Any, image_shape: Sequence[int]
) -> Any:
    """A row of images for each class: beside its name the places in x [n, ...] that ``rows`` gives it, as far as there
    is room. Above each what was predicted [n], at which probability [n], NaN where unknown.
    """
    columns = _columns(max(map(len, rows.values())), [name.partition("\n")[0] for name in (*rows, *predicted)])
    figure, images = blank(height=max(1.3, len(rows) * WIDTH / columns * 1.12)), images_of(x, image_shape)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (name, places) in zip(axes, rows.items(), strict=True):
        _bare(row)
        _beside(row[0], name, 0.12)
        for ax, i in zip(row, places, strict=False):
            ax.imshow(images[i], cmap="gray_r", interpolation="nearest")
            _above(ax, predicted[i], probability[i])
    return figure


def wrong_maps(
    x: Any, truth: Any, predicted: Any, classes: Sequence[str], image_shape: Sequence[int], names: Sequence[str] = ()
) -> Any:
    """Images x [n, ...] beside the maps of their labels [n, h, w]: what was predicted, what is true, what is wrong.

    A color stands for a class in all of them; ``names`` of the examples stand at the left.
    """
    from matplotlib.patches import Patch

    truth, predicted, colors = np.asarray(truth), np.asarray(predicted), _colors(len(classes))
    figure = blank(height=max(1.8, len(truth) * WIDTH / 4 * 1.05 + 0.5))
    axes = figure.subplots(len(truth), 4, squeeze=False)
    for ax, title in zip(axes[0], ("input", "prediction", "truth", "wrong"), strict=True):
        ax.set_title(title, fontsize=9, color=INK)
    for row, image, is_, said in zip(axes, images_of(x, image_shape), truth, predicted, strict=True):
        _bare(row)
        row[0].imshow(image, cmap="gray_r", interpolation="nearest")
        for ax, labels in zip(row[1:3], (said, is_), strict=True):
            ax.imshow(_painted(labels, colors), interpolation="nearest")
        row[3].imshow(is_ != said, cmap="gray_r", vmin=0, vmax=1.6, interpolation="nearest")
    for row, name in zip(axes, names, strict=False):
        _beside(row[0], name, 0.06)
    seen = np.unique([truth, predicted])
    patches = [Patch(color=tuple(colors[i]), label=classes[i]) for i in seen if 0 <= i < len(classes)]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _colors(c: int) -> np.ndarray:
    """Colors [c, 4] that are told apart: those of all figures as far as they go, then those of a round trip."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba_array

    few = to_rgba_array(["#cfd8e3", *SERIES])
    return few[:c] if c <= len(few) else colormaps["turbo"](np.linspace(0.05, 0.95, c))


def _painted(labels: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """A map [h, w] in the colors of its classes; what is no class is white."""
    known = (labels >= 0) & (labels < len(colors))
    return np.where(known[..., None], colors[np.where(known, labels, 0)], 1.0)


def _columns(n: int, names: Sequence[str]) -> int:
    """How many pictures a row has, of n: long names need room."""
    return min(max(n, _FEWEST), _EACH if max(map(len, names), default=1) <= _SHORT else _FEWEST)


def _gallery(x: Any, image_shape: Sequence[int], columns: int) -> tuple[Any, list[Any]]:
    """Images x [n, ...] in rows of ``columns``, and their axes."""
    rows = -(-len(x) // columns)
    figure = blank(height=max(1.6, rows * WIDTH / columns * 1.3))
    axes = figure.subplots(rows, columns, squeeze=False)
    _bare(axes.flat)
    for ax, image in zip(axes.flat, images_of(x, image_shape), strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
    return figure, list(axes.flat)


def _bare(axes: Any) -> None:
    for ax in axes:
        ax.axis("off")


def _beside(ax: Any, text: str, gap: float) -> None:
    place = {"ha": "right", "va": "center", "transform": ax.transAxes}
    ax.text(-gap, 0.5, text, fontsize=8.5, color=INK, **place, **AS_WRITTEN)


def _above(ax: Any, said: str, probability: float) -> None:
    share = f"  {probability:.0%}".replace("%", " %") if np.isfinite(probability) else ""
    ax.set_title(f"{said}{share}", fontsize=8.5, color=VERMILLION, pad=2, **AS_WRITTEN)


def _below(ax: Any, text: str) -> None:
    place = {"ha": "center", "va": "top", "transform": ax.transAxes}
    ax.text(0.5, -0.05, text, fontsize=8.5, color=INK, **place, **AS_WRITTEN)


def images_of(x: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Images x [n, ...] from 0 to 1: [n, h, w], or [n, h, w, 3] in color."""
    h, w, channels = (*image_shape, 1)[:3]
    images = np.asarray(x, float).reshape(len(x), h, w, channels)
    low, high = images.min(), images.max()
    images = (images - low) / (high - low if high > low else 1.0)
    return images[..., :3] if channels in (3, 4) else images.mean(-1)  # two channels have no color

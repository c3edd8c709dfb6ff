"""Every hyperparameter of a study by itself: a panel, or a vertical axis, for each."""

from typing import Any

import numpy as np

from dlcore.figures.scales import Scale, places_of, scale_of
from dlcore.figures.style import (
    AS_WRITTEN,
    BLUE,
    GRAY,
    INK,
    SKY,
    VERMILLION,
    WIDTH,
    apart,
    canvas,
    fit_scale,
    name_axes,
    side_by_side,
)
from dlcore.figures.sweeps import broken, choice_of, varied

_BINS = 8  # parts of the range of an axis with many values
_LETTER = 0.068  # inches
_GAP = 0.06  # of the height, between two marks of an axis
_BUNDLE = 0.35  # of the way to the next value, over which the lines through one lie
_MANY = 100  # lines, from which on they are thin
_LOST = 1.08  # the height of those that diverged


def sweep_isolation(study: Any) -> Any:
    """The best of a study at each value of a hyperparameter, whatever the others are: a panel for every one.

    Line: the best, with standard errors, of many numbers that of an eighth of their range each; points: all
    configurations; ring: the best of all. Those that diverged stand at the upper border. An "isolation plot" of the
    Deep Learning Tuning Playbook: what a hyperparameter can reach, not what it did beside bad others.
    """
    axes = varied(study)
    figure, shown = side_by_side(len(axes))
    for i, (ax, path) in enumerate(zip(shown, axes, strict=True)):
        _isolate(ax, study, path, scale_of(axes[path]))
        name_axes(ax, broken(path), str(study.by) if i % 2 == 0 else "")
    fit_scale(shown[0], [np.asarray(study.mean, float)], span=5.0)
    told = "line: the best at each value; points: all" + "; crosses: diverged" * bool(study.diverged.any())
    figure.suptitle(told, x=0.01, ha="left", fontsize=9, color=GRAY)
    return figure


def _isolate(ax, study, path, scale) -> None:
    mean, error = np.asarray(study.mean, float), np.nan_to_num(np.asarray(study.standard_error, float))
    x = places_of(scale, [one.get(path) for one in study.space])
    scale.write(ax.xaxis, share=1.0 if len(ax.figure.axes) == 1 else 0.55)
    sound = np.isfinite(mean) & np.isfinite(x)
    ax.scatter(x[sound], mean[sound], s=10, color=GRAY, alpha=0.4, linewidth=0, zorder=1.5)
    first = [i for i in _firsts(study, x, scale) if sound[i]]
    line = "none" if scale.kind == "named" else "-"
    ax.errorbar(x[first], mean[first], error[first], color=BLUE, marker="o", markersize=4.5, capsize=2.5, linewidth=1.5,
                elinewidth=1.2, linestyle=line)  # fmt: skip
    best, _ = choice_of(study)
    if best is not None and np.isfinite(x[best]):
        ax.scatter(x[best], mean[best], s=110, edgecolor=INK, linewidth=1.6, facecolor="none", zorder=5)
    lost = x[~np.isfinite(mean) & np.isfinite(x)]
    ax.scatter(lost, np.full(len(lost), 0.985), transform=ax.get_xaxis_transform(), marker="x", s=22, color=VERMILLION,
               linewidth=1, clip_on=False)  # fmt: skip


def _firsts(study, x, scale: Scale) -> list[int]:
    """The best configuration of every place, or part of the range, in the order of the axis."""
    part = x
    if scale.dense:
        u = scale.spread(x)
        low, high = np.nanmin(u), np.nanmax(u)
        part = np.minimum((u - low) / (high - low) * _BINS // 1, _BINS - 1)
    first: dict[float, int] = {}
    for i in study.order:
        if np.isfinite(x[i]):
            first.setdefault(float(part[i]), int(i))
    return [first[place] for place in sorted(first)]


def sweep_parallel(study: Any) -> Any:
    """Every configuration of a study as a line through its values to what it reached, by rank the better the bluer.

    A vertical axis for each hyperparameter, and the last for what is compared. Thick: the best; red, dotted: those that
    diverged. Lines through one value lie beside each other, the better ones above. Inselberg 1985, The plane with
    parallel coordinates.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    axes, (best, _), sound = varied(study), choice_of(study), study.sound[::-1]  # the best comes last and lies above
    mean, lost = np.asarray(study.mean, float), np.flatnonzero(~np.isfinite(study.mean))
    figure, ax = _upright([*axes, str(study.by)])
    heights = [_through(ax, at, study, path, scale_of(axes[path])) for at, path in enumerate(axes)]
    heights.append(_reached(ax, len(axes), mean))
    lines = [np.column_stack([range(len(heights)), line]) for line in np.transpose(heights)]
    shades = LinearSegmentedColormap.from_list("", ("#cfd8e3", SKY, BLUE))(np.linspace(0, 1, len(sound)) ** 2)
    thin = 1.2 if len(lines) <= _MANY else 0.6
    dotted = {"colors": VERMILLION, "linewidths": 0.6 * thin, "linestyles": [(0, (2, 2))]}
    ax.add_collection(LineCollection([lines[i] for i in lost], **dotted))
    ax.add_collection(LineCollection([lines[i] for i in sound], colors=shades, linewidths=thin))
    if best is not None:
        ax.plot(*lines[best].T, color=INK, linewidth=2.2)
    ax.set_title("thick: the best; the better, the bluer", fontsize=9, color=GRAY, loc="left")
    return figure


def _upright(names: list[str]) -> tuple[Any, Any]:
    """A vertical axis for each of ``names``, which stand below."""
    parts = [name.replace(".", ".\n") for name in names]
    longest = max(len(line) for part in parts for line in part.split("\n"))
    figure, (ax,) = canvas(height=3.9, width=max(WIDTH, _LETTER * (longest + 2) * len(names)))
    ax.set_xticks(range(len(names)), parts, fontsize=8.5, **AS_WRITTEN)
    ax.vlines(range(len(names)), 0, 1, color=GRAY, linewidth=1)
    ax.set(xlim=(-0.45, len(names) - 0.55), ylim=(-0.06, 1.14), yticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="x", length=0)
    return figure, ax


def _through(ax, at, study, path, scale: Scale) -> np.ndarray:
    """The heights of all configurations at the axis of ``path``, which gets its marks."""
    x = places_of(scale, [one.get(path) for one in study.space])
    _mark(ax, at, scale, *scale.marks(), side="right")
    height = _unit(scale, x)
    if scale.dense:
        return height
    room = _BUNDLE * np.diff(_unit(scale, scale.places)).min(initial=0.5)
    rank = np.argsort(study.order)
    for value in np.unique(x[np.isfinite(x)]):
        bundle = np.flatnonzero(x == value)
        bundle = bundle[np.argsort(-rank[bundle])]  # the best above
        height[bundle] += room * (np.arange(len(bundle)) - (len(bundle) - 1) / 2) / max(len(bundle), 4)
    return height


def _reached(ax, at, mean) -> np.ndarray:
    """The heights of the means at the last axis; those that diverged come to one above it."""
    sound = np.isfinite(mean)
    scale = scale_of(mean[sound])
    if sound.any():
        _mark(ax, at, scale, *scale.round_marks(), side="left")
    if not sound.all():
        ax.text(at, _LOST, " diverged", va="center", fontsize=8, color=VERMILLION)
    return np.where(sound, _unit(scale, places_of(scale, mean)), _LOST)


def _unit(scale: Scale, places: np.ndarray) -> np.ndarray:
    """``places`` on the way from 0 to 1 along an axis of the scale, in the middle where there is one value."""
    if len(scale.values) < 2:
        return np.where(np.isfinite(places), 0.5, np.nan)
    low, high = scale.spread(scale.places[[0, -1]])
    return (scale.spread(places) - low) / (high - low)


def _mark(ax, at, scale, places, letters, side) -> None:
    """What is written at an axis, ``side`` of it, moved where it would run into each other."""
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    shift = -4 if side == "right" else 4
    heights = _unit(scale, places)
    ax.plot(np.full(len(places), at), heights, linestyle="none", marker="_", color=GRAY, markersize=5)
    for height, text in zip(apart(heights, _GAP), letters, strict=True):
        ax.annotate(text, (at, height), (shift, 0), textcoords="offset points", ha=side, va="center", fontsize=8,
                    color=INK, bbox=behind, zorder=4, **AS_WRITTEN)  # fmt: skip

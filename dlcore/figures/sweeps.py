"""What a sweep found: a study in, a figure out."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.console.numbers import short
from dlcore.figures.curves import last
from dlcore.figures.scales import Scale, few, scale_of
from dlcore.figures.style import (
    AS_WRITTEN,
    FAINT,
    GRAY,
    INK,
    MARKERS,
    SERIES,
    VERMILLION,
    End,
    canvas,
    epoch_axis,
    epochs,
    fit_scale,
    label_ends,
    name_axes,
)
from dlcore.tuning import axes_of


class Table(NamedTuple):
    """Configurations laid out by one or two of the hyperparameters that were varied.

    ``cells`` [rows, columns] is the configuration in each place, the best one where several share it, -1 where none
    is. ``row_path`` is "" where only one hyperparameter was varied.
    """

    column_path: str
    columns: list[Any]
    row_path: str
    rows: list[Any]
    cells: np.ndarray


def varied(study: Any) -> dict[str, list[Any]]:
    """The values of every hyperparameter that has several; where none has, of the first."""
    axes = axes_of(study.space)
    return {path: values for path, values in axes.items() if len(values) > 1} or dict([*axes.items()][:1])


def lay_out(study: Any) -> Table:
    """Lay out the configurations by the learning rate, or else the longest axis, and the longest of the others."""
    axes = varied(study)
    paths = sorted(axes, key=lambda path: ("learning_rate" not in path, -len(axes[path])))
    column_path, row_path = (*paths, "")[:2]
    columns, rows = scale_of(axes[column_path]).values, scale_of(axes.get(row_path, [None])).values
    cells = np.full((len(rows), len(columns)), -1)
    for i in study.order[::-1]:  # the best comes last and stays
        row = rows.index(study.space[i].get(row_path)) if row_path else 0
        cells[row, columns.index(study.space[i][column_path])] = i
    return Table(column_path, columns, row_path, rows, cells)


def sweep_curves(study: Any) -> Any:
    """What a study compares with error bars over one hyperparameter, a line for each value of another.

    A band shows one standard error from the best, rings the configurations within it; those that diverged stand at
    the upper border.
    """
    figure, (ax,) = canvas(height=3.8)
    table, mean = lay_out(study), np.asarray(study.mean, float)
    scale, error = scale_of(table.columns), np.nan_to_num(np.asarray(study.standard_error, float))
    scale.write(ax.xaxis)
    ends = []
    for r, (row, value) in enumerate(zip(table.cells, table.rows, strict=True)):
        color, sound = SERIES[r % len(SERIES)], (row >= 0) & np.isfinite(mean[row])
        y, shift = mean[row[sound]], _shift(scale, r, len(table.rows))[sound]
        style = {"color": color, "marker": MARKERS[r % len(MARKERS)], "markersize": 5, "capsize": 2.5}
        ax.errorbar(shift, y, error[row[sound]], linewidth=1.5, elinewidth=1.2, label=f"{value}", **style)
        ends.append(End(last(y), short(value, 3), color))
    fit_scale(ax, [mean], span=5.0)
    _mark_alike(ax, table, scale, mean, study.by.cost(error), *choice_of(study))
    _mark_diverged(ax, table, scale, mean)
    _label_rows(ax, table, ends)
    name_axes(ax, table.column_path, str(study.by))
    return figure


def sweep_map(study: Any) -> Any:
    """What a study compares as color and number; the best in a frame, those as good as it with a dot."""
    from matplotlib.colors import LogNorm

    table, (best, alike) = lay_out(study), choice_of(study)
    figure, (ax,) = canvas(height=max(2.4, 0.5 * len(table.rows) + 1.5))
    values = np.where(table.cells >= 0, np.asarray(study.mean, float)[table.cells], np.nan)
    sound = np.where(np.isfinite(values), values, np.nan)
    positive = np.isfinite(sound).any() and np.nanmin(sound) > 0
    norm = LogNorm(np.nanmin(sound), np.nanmax(sound)) if positive and np.nanmax(sound) > np.nanmin(sound) else None
    ax.set_facecolor(FAINT)
    picture = ax.imshow(sound, cmap="cividis" if study.by.larger else "cividis_r", norm=norm, aspect="auto")
    for (r, c), i in np.ndenumerate(table.cells):
        if i < 0:
            continue
        dark = np.isfinite(sound[r, c]) and np.dot(picture.cmap(picture.norm(sound[r, c]))[:3], (0.3, 0.6, 0.1)) < 0.5
        text = f"{values[r, c]:#.3g}{' •' * (i in alike)}" if np.isfinite(values[r, c]) else "diverged"
        ax.text(c, r, text, ha="center", va="center", fontsize=9, color="white" if dark else INK)
        if i == best:
            _frame(ax, r, c)
    ax.grid(False)
    ax.set_xticks(range(len(table.columns)), [short(v, 3) for v in table.columns], **AS_WRITTEN)
    ax.set_yticks(range(len(table.rows)), [short(v, 3) for v in table.rows], **AS_WRITTEN)
    name_axes(ax, table.column_path, broken(table.row_path))
    return figure


def _frame(ax: Any, r: int, c: int) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((c - 0.47, r - 0.47), 0.94, 0.94, fill=False, edgecolor=VERMILLION, linewidth=2.5))


def sweep_histories(study: Any) -> Any:
    """What a study compares of all configurations over the epochs, mean over seeds; colored by the columns."""
    from matplotlib import colormaps

    table, (best, _) = lay_out(study), choice_of(study)
    figure, (ax,) = canvas(height=3.6)
    # [configurations, seeds, epochs]: a curve ends where the first of its seeds did
    curves = study.curves.mean(1)
    colors = colormaps["viridis"](np.linspace(0, 0.85, len(table.columns)))
    ends, named = [], few(len(table.columns))
    for c, value in enumerate(table.columns):
        members = [i for i in table.cells[:, c] if i >= 0]
        for i in members:
            ax.plot(epochs(curves[i]), curves[i], color=colors[c], linewidth=1, alpha=0.75)
        tail = [last(curves[i]) for i in members]
        if c in named and np.isfinite(tail).any():
            ends.append(End(float(np.nanmean(tail)), short(value, 3), colors[c]))
    if best is not None:
        ax.plot(epochs(curves[best]), curves[best], color=INK, linewidth=2.4, label="best")
    fit_scale(ax, [curves], high=_blow_up(curves))
    epoch_axis(ax, curves.shape[-1])
    label_ends(ax, ends)
    name_axes(ax, "epoch", str(study.by))
    ax.set_title(f"by {table.column_path}; black: the best", fontsize=9, color=GRAY, loc="left")
    return figure


def choice_of(study: Any) -> tuple[int | None, list[int]]:
    """The best configuration and those alike; None and nothing where all diverged."""
    return (study.best, study.one_standard_error) if np.isfinite(study.mean).any() else (None, [])


def _blow_up(curves: np.ndarray) -> float:
    """Ten times the usual loss at the start: what lies higher tells nothing of the others."""
    start = curves[:, 0][np.isfinite(curves[:, 0])]
    return 10 * float(np.median(start)) if start.size else np.inf


def _shift(scale: Scale, r: int, rows: int) -> np.ndarray:
    """The places of a scale, moved a little for the r-th line, so that error bars stand beside each other."""
    u = scale.spread(scale.places)
    step = float(np.min(np.diff(u))) if len(u) > 1 else 1.0
    return scale.back(u + (r - (rows - 1) / 2) / max(rows, 4) * 0.22 * step)


def _mark_alike(ax, table, scale, mean, error, best, alike) -> None:
    if best is None:
        return
    ax.axhspan(mean[best], mean[best] + error[best], color=GRAY, alpha=0.18, linewidth=0, zorder=0.5)
    for i in {*alike, best}:
        for r, c in zip(*np.nonzero(table.cells == i), strict=True):
            place = _shift(scale, int(r), len(table.rows))[c], mean[i]
            ring = {"edgecolor": INK, "linewidth": 2.0 if i == best else 0.9, "facecolor": "none", "zorder": 5}
            ax.scatter(*place, s=130 if i == best else 80, **ring)


def _mark_diverged(ax, table, scale, mean) -> None:
    lost = [
        (_shift(scale, r, len(table.rows))[c], SERIES[r % len(SERIES)])
        for (r, c), i in np.ndenumerate(table.cells)
        if i >= 0 and not np.isfinite(mean[i])
    ]
    if not lost:
        return
    edge = ax.get_xaxis_transform()
    ax.scatter(*zip(*[(place, 0.985) for place, _ in lost], strict=True), transform=edge, marker="x", s=34,
               c=[color for _, color in lost], clip_on=False, zorder=5)  # fmt: skip
    ax.annotate("diverged", (np.mean([p for p, _ in lost]), 1.02), xycoords=edge, ha="center", fontsize=8.5, color=GRAY)


def _label_rows(ax, table, ends) -> None:
    if not table.row_path:
        return
    label_ends(ax, ends)
    ax.set_title(f"lines: {table.row_path}", fontsize=9, color=GRAY, loc="left", pad=16)


def broken(path: str) -> str:
    """``path``, a long one on a line for every step."""
    return path.replace(".", ".\n") if len(path) > 20 else path

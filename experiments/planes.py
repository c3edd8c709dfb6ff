"""Pictures of two features: what a model decides everywhere in the plane, and the examples that it learned from."""

import numpy as np

from dlcore.figures.style import BLUE, GRAY, INK, VERMILLION

POINTS = 121
MARKS = ((VERMILLION, "o"), (BLUE, "^"))  # of y = 0 and y = 1: shapes too, for the color-blind


def panels(count, width=3.0):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * count, width + 0.4), dpi=200, layout="constrained", facecolor="white")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def draw_plane(ax, probability, x, y, title, limits=None):
    """``probability`` of y = 1 for points [n, 2] as color, the line at 1/2, and the examples x [n, 2], y [n]."""
    from matplotlib.colors import LinearSegmentedColormap

    x, y = np.asarray(x), np.asarray(y)
    if limits is None:
        margin = 0.12 * np.ptp(x, axis=0)
        limits = np.stack([x.min(0) - margin, x.max(0) + margin], axis=1)
    (left, right), (bottom, top) = limits
    u, v = np.meshgrid(np.linspace(left, right, POINTS), np.linspace(bottom, top, POINTS))
    points = np.stack([u.ravel(), v.ravel()], axis=1).astype(np.float32)
    p = np.asarray(probability(points), float).reshape(u.shape)
    colors = LinearSegmentedColormap.from_list("decision", ["#f6c9ad", "#ffffff", "#b5d5ea"])
    ax.imshow(p, extent=(left, right, bottom, top), origin="lower", cmap=colors, vmin=0, vmax=1, aspect="auto")
    if p.min() < 0.5 < p.max():
        ax.contour(u, v, p, levels=[0.5], colors=[INK], linewidths=1)
    for label, (color, marker) in enumerate(MARKS):
        size = 60 if len(x) < 10 else 12
        ax.scatter(*x[y == label].T, s=size, c=color, marker=marker, edgecolors="white", linewidths=0.4, zorder=3)
    ax.set_title(title, fontsize=10, color=INK)
    ax.tick_params(colors=GRAY, labelcolor=INK, labelsize=8)
    for spine in ax.spines.values():
        spine.set_color(GRAY)


def explain(figure, classes, *more):
    """A legend below: what the marks of the two ``classes`` and the line stand for, and ``more`` artists."""
    from matplotlib.lines import Line2D

    drawn = {"linestyle": "none", "markersize": 5, "markeredgecolor": "white"}
    both = [Line2D([], [], marker=m, color=c, label=name, **drawn) for (c, m), name in zip(MARKS, classes, strict=True)]
    line = Line2D([], [], color=INK, linewidth=1, label="p = ½, paler nearby")
    entries = [*both, line, *more]
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), frameon=False, fontsize=8)

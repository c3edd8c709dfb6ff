"""One look for all figures: size, colors, axes, and labels at the lines instead of a legend."""

import functools
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

WIDTH, HEIGHT = 5.2, 3.4  # inches: one column of a paper, a phone's width at the size of its text
INK, GRAY, FAINT = "#22262b", "#6b7280", "#e3e6ea"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#b3568c", "#c98500", "#56b4e9"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)  # after Okabe & Ito 2008, told apart by the color-blind
MARKERS = "osD^vP"
AS_WRITTEN = {"parse_math": False}  # for names of others: "$5 - $10" is no mathematics
_LABEL_GAP = 0.075  # of the height of the axes, between two labels at the right border


class End(NamedTuple):
    """A label for the end of a line: the line's last value, what it is called, its color."""

    y: float
    text: str
    color: str


def canvas(rows: int = 1, height: float = HEIGHT, width: float = WIDTH) -> tuple[Any, list[Any]]:
    """A figure with ``rows`` axes above each other that share their x axis, without any global state."""
    figure = blank(height, width)
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    for ax in axes:
        _plain(ax)
    return figure, axes


def side_by_side(n: int, height: float = 2.4) -> tuple[Any, list[Any]]:
    """A figure with ``n`` axes, two side by side where there are two, that share their y axis."""
    columns = min(n, 2)
    rows = -(-n // columns)
    figure = blank(HEIGHT if n == 1 else height * rows)
    axes = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for ax in axes[:n]:
        _plain(ax)
    for ax in axes[n:]:
        ax.remove()
    return figure, axes[:n]


def blank(height: float = HEIGHT, width: float = WIDTH) -> Any:
    """A figure without axes; a notebook shows it as the picture that it is."""
    return _figure_type()(figsize=(width, height), dpi=200, layout="constrained", facecolor="white")


def panels(titles: Sequence[str]) -> tuple[Any, list[Any]]:
    """A figure of small axes, three in a row at most, one below each of ``titles``, and these axes."""
    columns = min(max(len(titles), 1), 3)
    rows = max(-(-len(titles) // columns), 1)
    figure = blank(height=1.25 * rows + 0.2)
    for ax in figure.subplots(rows, columns, squeeze=False).flat:
        ax.axis("off")
    for ax, title in zip(figure.axes, titles, strict=False):
        ax.axis("on")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_yticks([])
        ax.tick_params(labelsize=6.5, length=2, colors=GRAY, labelcolor=INK)
        ax.set_title(title[:24], fontsize=8, color=INK, loc="left", pad=2, **AS_WRITTEN)
    return figure, figure.axes[: len(titles)]


@functools.cache
def _figure_type() -> Any:
    from matplotlib.figure import Figure

    class Shown(Figure):
        """Shown by IPython without pyplot, which keeps every figure in memory."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=100)
            return file.getvalue()

    return Shown


def _plain(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GRAY)
    ax.tick_params(colors=GRAY, labelcolor=INK, labelsize=9, which="both")
    ax.tick_params(which="minor", length=2)
    ax.grid(axis="y", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)


def name_axes(ax: Any, x: str, y: str) -> None:
    """Label both axes; an empty name leaves the axis bare."""
    ax.set_xlabel(x, fontsize=10, color=INK, **AS_WRITTEN)
    ax.set_ylabel(y, fontsize=10, color=INK, **AS_WRITTEN)


def epochs(values: Any) -> np.ndarray:
    """The numbers 1 … n of the epochs that ``values`` [..., n] belong to."""
    return np.arange(1, np.shape(values)[-1] + 1)


def epoch_axis(ax: Any, n: int) -> None:
    """Whole epochs on x, from the first to the ``n``-th."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    ax.set_xlim((0.5, 1.5) if n <= 1 else (1, n))


def fit_scale(ax: Any, curves: Iterable[Any], span: float = 10.0, low: float = -np.inf, high: float = np.inf) -> None:
    """A logarithmic y axis where all values are positive and span more than a factor of ``span``.

    What lies below ``low`` or above ``high`` leaves the picture, which says so.
    """
    values = np.concatenate([np.ravel(np.asarray(c, float)) for c in curves])
    values = values[np.isfinite(values)]
    if not values.size:
        return
    shown = np.clip(values, low, high)
    logarithmic = shown.min() > 0 and shown.max() > span * shown.min()
    if logarithmic:
        ax.set_yscale("log")
        decimal_log(ax.yaxis, shown)
    if (shown == values).all():
        return
    margin = 0.05 * (shown.max() - shown.min())
    bottom, top = shown.min(), shown.max()
    ax.set_ylim(*((bottom / 1.2, top * 1.2) if logarithmic else (bottom - margin, top + margin)))
    mark_cut(ax, above=values.max() > high, below=values.min() < low)


def mark_cut(ax: Any, above: bool = False, below: bool = False) -> None:
    """Say at the border that curves go on beyond it."""
    for cut, y, text, side in ((above, 0.99, "↑ goes on above", "top"),
                               (below, 0.01, "↓ goes on below", "bottom")):  # fmt: skip
        if cut:
            behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
            ax.text(0.98, y, text, fontsize=8, color=GRAY, ha="right", va=side, transform=ax.transAxes, bbox=behind)


def decimal_log(axis: Any, values: Any) -> None:
    """Plain decimal numbers at a logarithmic axis where they are short, 1, 2 and 5 of a decade if it has few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = np.log10(np.min(values)), np.log10(np.max(values))
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high - low < 2 else (1,), numticks=8))
    axis.set_minor_formatter(NullFormatter())
    if low > -4 and high < 4:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def label_ends(ax: Any, ends: Sequence[End]) -> None:
    """Write the labels right of the axes, at the height of their lines and moved apart where they would overlap."""
    ends = sorted((end for end in ends if np.isfinite(end.y)), key=lambda end: end.y)
    if not ends:
        return
    ax.get_ylim()  # limits wait for somebody who asks before they take in what was drawn last
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform((1.0, end.y))[1]) for end in ends]
    gap = min(_LABEL_GAP, 1 / len(ends))
    size = 9 * max(gap / _LABEL_GAP, 0.5)
    for height, end in zip(apart(np.clip(heights, 0, 1), gap), ends, strict=True):
        place = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center"}
        ax.annotate(end.text, (1, height), (5, 0), color=end.color, fontsize=size, **place, **AS_WRITTEN)


def apart(heights: Any, gap: float) -> np.ndarray:
    r"""Heights [n], rising, moved as little as needed for distances of at least ``gap``.

    Least squares: $h_i - i \cdot gap$ must not fall, which is isotonic regression.
    """
    from scipy.optimize import isotonic_regression

    steps = np.arange(len(heights)) * gap
    return isotonic_regression(np.asarray(heights, float) - steps).x + steps


def mark_best(ax: Any, best_epoch: int | None, text: str = "best") -> None:
    """A dotted vertical line at the epoch, counted from 1, whose parameters were kept."""
    if best_epoch is None or best_epoch < 1:
        return
    first, last = ax.get_xlim()
    place = (best_epoch - first) / (last - first)
    ax.axvline(best_epoch, color=GRAY, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    ax.annotate(
        f"{text}: epoch {best_epoch}",
        (best_epoch, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if place < 0.15 else "right" if place > 0.85 else "center",
        fontsize=8.5,
        color=GRAY,
    )

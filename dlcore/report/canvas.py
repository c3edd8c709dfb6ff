"""One look for all figures: size, colours, axes, and labels at the lines instead of a legend."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

WIDTH, HEIGHT = 5.2, 3.4  # inches: one column of a paper, a phone's width at the size of its text
INK, GREY, FAINT = "#22262b", "#6b7280", "#e3e6ea"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#b3568c", "#c98500", "#56b4e9"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)  # after Okabe & Ito 2008, told apart by the colour-blind
MARKERS = "osD^vP"
_LABEL_GAP = 0.075  # of the height of the axes, between two labels at the right border


class End(NamedTuple):
    """A label for the end of a line: the line's last value, what it is called, its colour."""

    y: float
    text: str
    color: str


def canvas(rows: int = 1, height: float = HEIGHT, width: float = WIDTH) -> tuple[Any, list[Any]]:
    """A figure with ``rows`` axes above each other that share their x axis, without any global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=200, layout="constrained", facecolor="white")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    for ax in axes:
        _plain(ax)
    return figure, axes


def _plain(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=GREY, labelcolor=INK, labelsize=9, which="both")
    ax.tick_params(which="minor", length=2)
    ax.grid(axis="y", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)


def name_axes(ax: Any, x: str, y: str) -> None:
    """Label both axes; an empty name leaves the axis bare."""
    ax.set_xlabel(x, fontsize=10, color=INK)
    ax.set_ylabel(y, fontsize=10, color=INK)


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

    What lies below ``low`` or above ``high`` leaves the picture.
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
    if (shown != values).any():
        margin = 0.05 * (shown.max() - shown.min())
        bottom, top = shown.min(), shown.max()
        ax.set_ylim(*((bottom / 1.2, top * 1.2) if logarithmic else (bottom - margin, top + margin)))


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
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform((1.0, end.y))[1]) for end in ends]
    for height, end in zip(apart(np.clip(heights, 0, 1), _LABEL_GAP), ends, strict=True):
        ax.annotate(
            end.text,
            (1, height),
            (5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=end.color,
            fontsize=9,
            va="center",
        )


def apart(heights: Any, gap: float) -> np.ndarray:
    r"""Heights [n], rising, moved as little as needed for distances of at least ``gap``.

    Least squares: $h_i - i \cdot gap$ must not fall, which is isotonic regression by pooling adjacent violators.
    """
    steps = np.arange(len(heights)) * gap
    blocks: list[tuple[float, int]] = []
    for value in np.asarray(heights, float) - steps:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            m, s = blocks.pop()
            mean, size = (m * s + mean * size) / (s + size), s + size
        blocks.append((mean, size))
    return np.concatenate([np.full(size, mean) for mean, size in blocks]) + steps


def mark_best(ax: Any, best_epoch: int | None, text: str = "best") -> None:
    """A dotted vertical line at the epoch, counted from 1, whose parameters were kept."""
    if best_epoch is None or best_epoch < 1:
        return
    ax.axvline(best_epoch, color=GREY, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    ax.annotate(
        f"{text}: epoch {best_epoch}",
        (best_epoch, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=GREY,
    )

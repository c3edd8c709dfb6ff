"""What explains a training: where its time goes, what its neighbors gained, what its error is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcore.console.numbers import percent, short
from dlcore.console.progress import duration
from dlcore.figures.style import AS_WRITTEN, BLUE, FAINT, GRAY, GREEN, INK, VERMILLION, canvas, name_axes, panels

_BAR = 0.62
_FAR = 4  # times the middle reach of several changes


def time_parts(seconds: Mapping[str, float], name: str = "of an iteration") -> Any:
    """A bar for the seconds of every part, by its name."""
    whole = sum(seconds.values())
    figure, ax = _bars(list(seconds))
    ax.barh(range(len(seconds)), list(seconds.values()), color=BLUE, height=_BAR)
    for i, value in enumerate(seconds.values()):
        share = percent(value / whole) if whole else ""
        ax.text(value, i, f"  {duration(value)}, {share}", va="center", fontsize=9, color=INK)
    ax.set_xlim(0, 1.45 * max([*seconds.values(), 1e-12]))
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    name_axes(ax, name, "")
    return figure


def change_gains(names: Sequence[str], gain: Any, error: Any, name: str = "validation loss") -> Any:
    """Gains [changes] with two standard errors: to the right of the line a change does better.

    What lies far beyond all others leaves the picture, and stands at its border as a number.
    """
    gain, error = (np.asarray(a, float) for a in (gain, error))
    figure, ax = _bars(names)
    ax.axvline(0, color=GRAY, linewidth=1)
    for i in np.flatnonzero(np.isfinite(gain)):
        told = abs(gain[i]) > 2 * error[i]
        color = (GREEN if gain[i] > 0 else VERMILLION) if told else GRAY
        ax.errorbar(gain[i], i, xerr=2 * error[i] if np.isfinite(error[i]) else None, fmt="o", markersize=5,
                    color=color, capsize=3)  # fmt: skip
    edge = _usual(np.abs(gain) + 2 * np.nan_to_num(error))
    for i in np.flatnonzero(np.abs(gain) > edge):
        side = np.sign(gain[i])
        text = f"{short(float(gain[i]), 2)} →" if side > 0 else f"← {short(float(gain[i]), 2)}"
        ax.text(side * edge, i, text, va="center", ha="right" if side > 0 else "left", fontsize=9, color=GRAY)
    if np.isfinite(edge):
        ax.set_xlim(-edge, edge)
    for i in np.flatnonzero(~np.isfinite(gain)):
        ax.text(0, i, " diverged", va="center", fontsize=9, color=VERMILLION)
    name_axes(ax, f"gained in {name}, with two standard errors", "")
    return figure


def _usual(reach: np.ndarray) -> float:
    """Where a picture ends in which one of several reaches further than four times the middle one; or inf."""
    known = reach[np.isfinite(reach)]
    end = _FAR * float(np.median(known)) if known.size > 2 else np.inf
    return end if 0 < end < known.max(initial=0) else np.inf


def error_parts(names: Sequence[str], errors: Any, standard_errors: Any, constant: float | None = None) -> Any:
    """Errors [parts] one below the other, what each adds to the one above in color, with two standard errors."""
    errors, spread = (np.asarray(a, float) for a in (errors, standard_errors))
    figure, ax = _bars(names)
    before = np.concatenate([[0.0], errors[:-1]])
    for i, (low, high) in enumerate(zip(before, errors, strict=True)):
        ax.barh(i, min(low, high), color="#cfd8e3", height=_BAR)
        ax.barh(i, abs(high - low), left=min(low, high), color=VERMILLION if high > low else GREEN, height=_BAR)
        ax.errorbar(high, i, xerr=2 * spread[i], color=INK, capsize=3, linewidth=1)
    if constant is not None and constant <= 4 * (errors + 2 * spread).max():
        ax.axvline(constant, color=GRAY, linewidth=1, linestyle=(0, (1, 2)))
        ax.text(constant, -0.55, "constant prediction", ha="right", fontsize=8, color=GRAY)
    ax.set_xlim(left=0)
    name_axes(ax, "error; red: more than the one above, green: less", "")
    return figure


def layer_histograms(names: Sequence[str], ends: Any, counts: Any) -> Any:
    """Counts [2, layers, bins] between ``ends`` [layers, 2], a panel for each layer: gray at first, blue at last.

    Heights are square roots of shares: a spike hides nothing beside it.
    """
    ends, counts = np.asarray(ends, float), np.asarray(counts, float)
    figure, axes = panels(names)
    for i, (ax, (low, high)) in enumerate(zip(axes, ends, strict=True)):
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        before, after = np.sqrt(counts[:, i] / np.maximum(counts[:, i].sum(1, keepdims=True), 1))
        edges = np.linspace(low, high, counts.shape[2] + 1)
        ax.stairs(before, edges, fill=True, color=FAINT)
        ax.stairs(before, edges, color=GRAY, linewidth=0.8)
        ax.stairs(after, edges, color=BLUE, linewidth=1.4)
        ax.set_xticks([low, high], [short(low, 2), short(high, 2)])
    return figure


def _bars(names: Sequence[str]) -> tuple[Any, Any]:
    """A row for each of ``names``, from above."""
    figure, (ax,) = canvas(height=0.34 * len(names) + 0.9)
    ax.set_yticks(range(len(names)), names, **AS_WRITTEN)
    ax.set_ylim(len(names) - 0.4, -0.75)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    return figure, ax

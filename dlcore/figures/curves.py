"""Curves of one training: a history in, a figure out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcore.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SERIES,
    SKY,
    VERMILLION,
    End,
    canvas,
    decimal_log,
    epoch_axis,
    epochs,
    fit_scale,
    label_ends,
    mark_best,
    mark_cut,
    name_axes,
)

_ZERO = 1e-6  # a loss below is 0 to anybody but a floating-point unit


def loss_curves(history: Any, best_epoch: int | None = None) -> Any:
    """Running, end-of-epoch training and validation loss of a history over the epochs; ``best_epoch`` from 1."""
    figure, (ax,) = canvas()
    lines = (
        (history.running_loss, "running", SKY),
        (history.train_loss, "training", BLUE),
        (history.validation_loss, "validation", VERMILLION),
    )
    _curves(ax, lines, "loss")
    fit_scale(ax, [values for values, _, _ in lines])
    _label(ax, lines)
    mark_best(ax, best_epoch)
    return figure


def metric_curves(history: Any, name: str = "accuracy", best_epoch: int | None = None) -> Any:
    """A metric of a history on the training and the validation set over the epochs; ``best_epoch`` from 1."""
    figure, (ax,) = canvas()
    train, validation = history.train_metrics[name], history.validation_metrics[name]
    lines = ((train, "training", BLUE), (validation, "validation", VERMILLION))
    _curves(ax, lines, name)
    if name == "accuracy":
        _share_axis(ax, [train, validation])
    _label(ax, lines)
    mark_best(ax, best_epoch)
    return figure


def step_curves(history: Any) -> Any:
    """Learning rate, gradient norm and update ratio of a history, above each other."""
    figure, axes = canvas(3, height=4.6)
    rows = (
        (history.learning_rate, "learning\nrate", PURPLE),
        (history.gradient_norm, "gradient\nnorm", GREEN),
        (history.update_ratio, "update /\nparameters", ORANGE),
    )
    for ax, (values, text, color) in zip(axes, rows, strict=True):
        _curves(ax, ((values, text, color),), text)
        fit_scale(ax, [values], span=3.0)
        known = np.asarray(values)[np.isfinite(values)]
        if known.size and known.min() == known.max():
            ax.set_ylim(*sorted((0, 2 * known[0])) if known[0] else (-1, 1))
        ax.set_xlabel("epoch" if ax is axes[-1] else "", fontsize=10, color=INK)
    figure.align_ylabels(axes)
    return figure


def compared_curves(histories: Mapping[str, Any]) -> Any:
    """The losses of several histories by name over the epochs: validation in full, training dashed, a color each."""
    figure, (ax,) = canvas()
    lines = [(h.validation_loss, name, SERIES[i % len(SERIES)]) for i, (name, h) in enumerate(histories.items())]
    _curves(ax, lines, "validation loss (dashed: training)")
    for (_, _, color), h in zip(lines, histories.values(), strict=True):
        ax.plot(epochs(h.train_loss), np.asarray(h.train_loss, float), color=color, linewidth=1.0, linestyle="--")
    fit_scale(ax, [curve for h in histories.values() for curve in (h.validation_loss, h.train_loss)])
    _label(ax, lines)
    return figure


def ladder(loss: Mapping[int, Any], accuracy: Mapping[int, Any] | None = None) -> Any:
    """Loss, and below it accuracy, over the epochs of trainings on a few examples: [epochs] by number of examples."""
    parts = [("loss", loss), ("accuracy", accuracy)] if accuracy else [("loss", loss)]
    figure, axes = canvas(len(parts), height=3.4 if len(parts) == 1 else 4.6)
    for ax, (name, curves) in zip(axes, parts, strict=True):
        lines = [
            (values, f"{n} example{'s' * (n > 1)}", SERIES[i % len(SERIES)])
            for i, (n, values) in enumerate(sorted(curves.items()))
        ]
        _curves(ax, lines, name)
        if name == "accuracy":
            ax.set_ylim(-0.03, 1.03)
            _percent(ax)
        else:
            fit_scale(ax, [values for values, _, _ in lines], low=_ZERO)
        _label(ax, lines)
        ax.set_xlabel("epoch" if ax is axes[-1] else "", fontsize=10, color=INK)
    figure.align_ylabels(axes)
    return figure


def size_curves(ladder: Any) -> Any:
    """Training and validation loss over the number of training examples of a ``tuning.data_ladder``, both logarithmic.

    Lines are means over the seeds, bands one standard error.
    """
    figure, (ax,) = canvas()
    lines = ((ladder.train_loss, "training", BLUE), (ladder.validation_loss, "validation", VERMILLION))
    sizes, ends, seen = np.asarray(ladder.sizes), [], []
    for values, name, color in lines:
        mean, seeds = values.mean(1), values.shape[1]
        error = values.std(1, ddof=1) / np.sqrt(seeds) if seeds > 1 else 0.0
        ax.fill_between(sizes, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
        ax.plot(sizes, mean, color=color, linewidth=1.8, marker="o", markersize=4, label=name)
        ends.append(End(last(mean), name, color))
        seen.append(mean)
    fit_scale(ax, seen)
    ax.set_xscale("log")
    decimal_log(ax.xaxis, sizes)
    name_axes(ax, "training examples", "loss")
    label_ends(ax, ends)
    return figure


def rate_curve(found: Any) -> Any:
    """Validation loss after the first steps over the learning rate, of ``tuning.find_learning_rate``, with its mark.

    A line for every seed, the mean in full; losses far above that at the start leave the picture.
    """
    figure, (ax,) = canvas()
    top = 2 * float(np.mean(found.start))
    for values in found.loss.T:
        ax.plot(found.rates, np.where(np.isfinite(values), values, np.nan), color=SKY, linewidth=0.8)
    mean = found.loss.mean(1)
    ax.plot(found.rates, np.where(np.isfinite(mean), mean, np.nan), color=VERMILLION, linewidth=1.8)
    ax.axhline(float(np.mean(found.start)), color=INK, linewidth=1, linestyle=(0, (1, 2)))
    fit_scale(ax, [mean], high=top)
    ax.set_xscale("log")
    if np.isfinite(found.suggestion):
        ax.axvline(found.suggestion, color=GREEN, linewidth=1.2)
        ax.text(found.suggestion, 0.98, f" suggested: {found.suggestion:.2g}", transform=ax.get_xaxis_transform(),
                va="top", fontsize=9, color=GREEN)  # fmt: skip
    name_axes(ax, "learning rate", f"validation loss after {found.steps} steps")
    return figure


def last(values: Any) -> float:
    """The last finite of values [n]; NaN if there is none."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    return float(finite[-1]) if finite.size else float("nan")


def _curves(ax: Any, lines: Any, name: str) -> None:
    longest = 1
    for values, text, color in lines:
        single = "o" if np.size(values) == 1 else None
        ax.plot(epochs(values), np.asarray(values, float), color=color, linewidth=1.8, marker=single, label=text)
        longest = max(longest, np.size(values))
    epoch_axis(ax, longest)
    name_axes(ax, "epoch", name)


def _label(ax: Any, lines: Any) -> None:
    label_ends(ax, [End(last(values), text, color) for values, text, color in lines])


def _share_axis(ax: Any, curves: Any) -> None:
    values = np.concatenate([np.ravel(c) for c in curves]).astype(float)
    values = values[np.isfinite(values)]
    low = float(np.quantile(values, 0.05)) if values.size else 0.0  # the first epochs may leave the picture
    bottom = max(-0.02, 1 - 1.6 * max(1 - low, 0.02))
    ax.set_ylim(bottom, 1 + 0.03 * max(1 - low, 0.02))
    mark_cut(ax, below=values.min(initial=1) < bottom)
    _percent(ax)


def _percent(ax: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))

"""Figures in one look, from arrays alone: a history, a study, a confusion matrix in, a matplotlib figure out."""

from dlcore.figures.coordinates import sweep_isolation, sweep_parallel
from dlcore.figures.curves import (
    compared_curves,
    ladder,
    loss_curves,
    metric_curves,
    rate_curve,
    size_curves,
    step_curves,
)
from dlcore.figures.explanations import change_gains, error_parts, layer_histograms, time_parts
from dlcore.figures.galleries import image_grid, wrong_by_class, wrong_maps, wrong_predictions
from dlcore.figures.outcomes import (
    class_balance,
    confusion,
    distributions,
    predictions,
    reliability_diagram,
)
from dlcore.figures.style import apart, canvas, label_ends, name_axes
from dlcore.figures.sweeps import lay_out, sweep_curves, sweep_histories, sweep_map

__all__ = [
    "apart",
    "canvas",
    "change_gains",
    "class_balance",
    "compared_curves",
    "confusion",
    "distributions",
    "error_parts",
    "image_grid",
    "label_ends",
    "ladder",
    "lay_out",
    "layer_histograms",
    "loss_curves",
    "metric_curves",
    "name_axes",
    "predictions",
    "rate_curve",
    "reliability_diagram",
    "size_curves",
    "step_curves",
    "sweep_curves",
    "sweep_histories",
    "sweep_isolation",
    "sweep_map",
    "sweep_parallel",
    "time_parts",
    "wrong_by_class",
    "wrong_maps",
    "wrong_predictions",
]

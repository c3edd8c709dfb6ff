"""Which figures belong to the records of a run folder."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from dlcore import figures
from dlcore.data import Examples
from dlcore.diagnosis import DECADES
from dlcore.figures.scales import MOST
from dlcore.report import outcomes
from dlcore.report.parts import Drawing, each
from dlcore.runs import (
    BudgetRecord,
    ChangesRecord,
    DataRecord,
    LayersRecord,
    Records,
    SanityRecord,
    SweepRecord,
    TimingRecord,
    TrainingRecord,
)
from dlcore.tuning.changes import BASELINES

_PANELS = 12  # layers in a figure


def drawings(records: Records) -> Iterator[Drawing]:
    """All figures that the records allow for, in the order of the recipe's steps."""
    data = records.data
    drawn = each(
        (data, _data),
        (records.sanity, _ladder),
        (records.timing, _time),
        *((sweep, _sweep) for sweep in records.sweeps),
        (records.training, _training),
        (records.layers, _layers),
        (records.changes, _changes),
        (records.test, lambda test: outcomes.pictured(test, data)),
        (records.budget, lambda budget: _budget(budget, data)),
    )
    for some in drawn:
        yield from some


def _data(data: DataRecord) -> Iterator[Drawing]:
    if data.counts is not None:
        yield _balance(data)
    if data.shown:
        yield _pictures(data, data.shown)
    if data.summaries:
        caption = "How the values of the first columns are spread in the training part."
        yield Drawing("distributions", "data", caption, partial(figures.distributions, data.summaries))


def _balance(data: DataRecord) -> Drawing:
    draw = partial(figures.class_balance, data.counts, data.classes)
    return Drawing("balance", "data", "Training examples of every class.", draw)


def _pictures(data: DataRecord, shown: Examples) -> Drawing:
    draw = partial(figures.image_grid, shown.x, data.named(shown.y) if data.classes else None, data.image_shape or ())
    return Drawing("examples", "data", "A few training examples.", draw)


def _ladder(sanity: SanityRecord) -> Iterator[Drawing]:
    if not sanity.rungs:
        return
    loss = {rung.examples: rung.loss for rung in sanity.rungs}
    accuracy = {rung.examples: rung.accuracy for rung in sanity.rungs if rung.accuracy is not None}
    caption = "Learning a few examples by heart: the loss must reach 0."
    yield Drawing("overfit", "sanity", caption, partial(figures.ladder, loss, accuracy))


def _sweep(sweep: SweepRecord) -> Iterator[Drawing]:
    study, key = sweep.study, f"sweep_{sweep.number}"
    sizes = [len(values) for values in sweep.axes.values() if len(values) > 1]
    sampled = len(sizes) > 1 and max(sizes) > MOST  # too many values for a line, or a cell, of each
    if sizes and not sampled:
        caption = (
            f"The {study.by} where its mean is best, with standard error over the runs. Thick ring: the best; "
            "band and thin rings: within one standard error of it."
        )
        yield Drawing(f"{sweep.name}_curves", key, caption, partial(figures.sweep_curves, study))
    if len(sizes) > 1 and not sampled:
        caption = "The same numbers as a map. Frame: the best; dots: within one standard error of it."
        yield Drawing(f"{sweep.name}_map", key, caption, partial(figures.sweep_map, study))
    if len(sizes) > 2 or sampled:  # else the map shows every configuration
        yield from _spaces(sweep)
    if sweep.axes:
        caption = "Learning curves of all configurations, mean over the runs."
        yield Drawing(f"{sweep.name}_histories", key, caption, partial(figures.sweep_histories, study))


def _spaces(sweep: SweepRecord) -> Iterator[Drawing]:
    study, key = sweep.study, f"sweep_{sweep.number}"
    caption = "What each hyperparameter can reach: the best at each of its values, whatever the others are."
    yield Drawing(f"{sweep.name}_isolation", key, caption, partial(figures.sweep_isolation, study))
    caption = "Every configuration as a line through its values to what it reached. Thick: the best; dotted: diverged."
    yield Drawing(f"{sweep.name}_parallel", key, caption, partial(figures.sweep_parallel, study))


def _training(training: TrainingRecord) -> Iterator[Drawing]:
    history, best = training.history, training.best_epoch or None
    if not training.epochs:
        return
    caption = "Loss without the penalty: while learning, and at the end of each epoch in evaluation mode."
    yield Drawing("loss", "training", caption, partial(figures.loss_curves, history, best))
    for name in history.validation_metrics:
        caption = f"{name.capitalize()} at the end of each epoch."
        yield Drawing(name, "training", caption, partial(figures.metric_curves, history, name, best))
    caption = "Last step of each epoch. An update of about 1/1000 of the parameters is usual."
    yield Drawing("steps", "training", caption, partial(figures.step_curves, history))


def _time(record: TimingRecord) -> Iterator[Drawing]:
    draw = partial(figures.time_parts, record.timing.parts)
    yield Drawing("time", "timing", "Where the time of an iteration goes, inside the compiled loop.", draw)


def _layers(record: LayersRecord) -> Iterator[Drawing]:
    """What the activations, or all parts where there are none, give, the outputs too, and the gradients of weights."""
    h, n = record.histograms, len(record.names)
    bent = np.isfinite(np.asarray(record.layers.dead)[-1])
    some = _few(np.flatnonzero(bent | (np.arange(n) == n - 1)) if bent.any() else np.arange(n))
    caption = (
        "What each layer gives: gray before the first step, blue after the last; heights are square roots. Look for a "
        "single spike at 0 (dead units), piles at both ends (saturated ones), ranges that shrink or grow with depth."
    )
    names, counts = [record.titles[i] for i in some], np.asarray(h.activation)[:, some]
    draw = partial(figures.layer_histograms, names, np.asarray(h.ends)[some], counts)
    yield Drawing("activations", "layers", caption, draw)
    if not any(record.weighted):
        return
    some = _few(np.flatnonzero(record.weighted))
    caption = (
        "Sizes of the gradients of each layer's parameters, as powers of ten, in the same colors. Look for heaps that "
        "move to the left from the last layer to the first (vanishing), or to the right (exploding), and for what "
        "stands at the very left: it is 0."
    )
    counts, ends = _cut(np.asarray(h.gradient)[:, some])
    draw = partial(figures.layer_histograms, [record.titles[i] for i in some], [ends] * len(some), counts)
    yield Drawing("gradients", "layers", caption, draw)


def _few(places: np.ndarray) -> np.ndarray:
    """At most so many as there are panels, first and last among them."""
    return places[np.unique(np.linspace(0, len(places) - 1, min(len(places), _PANELS)).round().astype(int))]


def _cut(counts: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The bins [2, layers, bins] in which there is anything, and their ends."""
    used = np.flatnonzero(counts.any((0, 1)))
    first, last = (used[0], used[-1] + 1) if used.size else (0, counts.shape[2])
    edges = np.linspace(*DECADES, counts.shape[2] + 1)
    return counts[..., first:last], (float(edges[first]), float(edges[last]))


def _changes(record: ChangesRecord) -> Iterator[Drawing]:
    tried = [i for i, name in enumerate(record.names) if i and name not in BASELINES]  # what must be worse is so by far
    names, gain, error = ([values[i] for i in tried] for values in (record.names, record.gain, record.gain_error))
    draw = partial(figures.change_gains, names, gain, error, str(record.by))
    caption = "What each change gained, seed by seed: right of the line it does better. Gray: chance alone could be it."
    yield Drawing("changes", "changes", caption, draw)


def _budget(record: BudgetRecord, data: DataRecord | None) -> Iterator[Drawing]:
    told = record.budget.known
    values, errors = zip(*told.values(), strict=True)
    draw = partial(figures.error_parts, list(told), values, errors, record.budget.constant)
    yield Drawing("budget", "budget", f"Errors ({record.of}) with two standard errors.", draw)
    if record.suspects and record.suspects.x is not None and data and data.image_shape:
        yield outcomes.gallery("suspects", "budget", "Labels that look wrong, the surest first", record.suspects, data)

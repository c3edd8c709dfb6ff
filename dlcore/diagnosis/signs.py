"""Learning curves in numbers: levels, falls, roughness, and where the gap to the validation loss comes from."""

import math
from typing import Any, NamedTuple, Self

import numpy as np

FEWEST_EPOCHS = 4  # two for a level, two more for a trend
_ACCURACIES = ("train_accuracy", "validation_accuracy")
_LOSSES = ("running_loss", "train_loss", "validation_loss")


class Curves(NamedTuple):
    """The history of one training, one value per epoch.

    ``running_loss`` is the mean over the batches while the parameters moved, in training mode; the others are taken at
    the end of the epoch in evaluation mode. Accuracies are None in regression. ``first_nonfinite`` is the first step
    with a loss that is not finite, -1 if there is none: rows of NaN at the end are then epochs that did not run.
    ``penalty`` is what was added to the loss, at the end of the epoch. ``epochs`` are their numbers, None for 1, 2, …

    Losses that are NaN after some epochs, though the training went on, were not looked at then.
    """

    running_loss: Any
    train_loss: Any
    validation_loss: Any
    train_accuracy: Any = None
    validation_accuracy: Any = None
    first_nonfinite: int | None = None
    penalty: Any = None
    epochs: Any = None

    @classmethod
    def of(cls, history: Any, first_nonfinite: int | None = None) -> Self:
        """The curves of a training's history."""
        train, validation = (part.get("accuracy") for part in (history.train_metrics, history.validation_metrics))
        losses = (history.running_loss, history.train_loss, history.validation_loss)
        return cls(*losses, train, validation, first_nonfinite, history.penalty)


class Gap(NamedTuple):
    """validation loss - running loss = data - averaging lag - regularization, at the end of the training."""

    data: float
    lag: float
    regularization: float


class Signs(NamedTuple):
    """What the rules look at. Losses are in the unit of the loss, ``scale`` is that of a constant prediction.

    Levels are medians over the last fifth of the epochs, ``window`` of them; a fall is that of the straight line
    through the last third. ``validation_lowest``, at ``best_epoch``, is the number of one epoch; the other best values
    are those of medians of three, which a single epoch does not make.
    ``objective_rise``: how far training loss and penalty together end above their best. linearity: the slope of that
    line over the mean slope since the first epoch, 1 on a straight line. trend: share of pairs of epochs in which the
    later loss is lower, minus those in which it is higher (Kendall's tau).
    """

    epochs: int
    last_epoch: int
    window: int
    scale: float
    peak: float
    train: float
    train_best: float
    objective_rise: float
    validation: float
    validation_best: float
    validation_lowest: float
    best_epoch: int
    train_fall: float
    validation_fall: float
    linearity: float
    trend: float
    roughness: float
    train_accuracy: float | None
    validation_accuracy: float | None
    validation_accuracy_best: float | None
    gap: Gap


def as_arrays(curves: Curves) -> Curves:
    """``curves`` as float64 arrays of the epochs that ran and were looked at.

    Where training examples never were, the running loss stands in; accuracies with NaN are unknown. Raises ValueError
    unless all are [epochs] of one length, and accuracies shares.
    """
    named = {name: value for name, value in curves._asdict().items() if name != "first_nonfinite"}
    arrays = {name: np.asarray(value, np.float64) for name, value in named.items() if value is not None}
    shapes = {name: a.shape for name, a in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        got = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"needed curves [epochs] of equal length, got {got}; try one run at a time")
    arrays = {"epochs": np.arange(1.0, len(arrays["running_loss"]) + 1)} | arrays
    _check_shares(arrays)
    first = None if curves.first_nonfinite is None else int(curves.first_nonfinite)
    if first == -1:
        ran = np.flatnonzero(~np.isnan(np.stack([arrays[name] for name in _LOSSES])).all(axis=0))
        arrays = {name: a[: ran.max(initial=-1) + 1] for name, a in arrays.items()}
    looked = _looked_at(arrays, first)
    unknown = [name for name in _ACCURACIES if not np.isfinite(looked.get(name, np.zeros(0))).all()]
    return Curves(**{name: a for name, a in looked.items() if name not in unknown}, first_nonfinite=first)


def _check_shares(arrays: dict[str, np.ndarray]) -> None:
    for name in _ACCURACIES:
        values = arrays.get(name, np.zeros(0))
        if np.nanmax(values, initial=0) > 1 or np.nanmin(values, initial=0) < 0:
            got = f"{np.nanmin(values):.4g} to {np.nanmax(values):.4g}"
            raise ValueError(f"needed {name} as shares from 0 to 1, got {got}; try to divide by 100")


def _looked_at(arrays: dict[str, np.ndarray], first: int | None) -> dict[str, np.ndarray]:
    """The epochs whose losses are known: where a training is sound, or numbers come after NaN, nobody looked."""
    running, train, validation = (arrays[name] for name in _LOSSES)
    if len(train) and np.isnan(train).all() and np.isfinite(running).all():
        arrays = {name: a for name, a in arrays.items() if name != "train_accuracy"} | {"train_loss": running}
    seen = ~np.isnan(arrays["train_loss"]) & ~np.isnan(validation)
    again = (np.diff(seen.astype(int)) > 0).any()
    sound = first == -1 or (first is None and np.isfinite(running).all() and (again or seen.all()))
    return {name: a[seen] for name, a in arrays.items()} if sound and seen.any() else arrays


def split_gap(curves: Curves) -> Gap:
    r"""Where the distance of the two curves that are usually plotted comes from, averaged over the last third.

    data: validation minus training loss, both in evaluation mode. lag: the running loss is a mean over an epoch in
    which the loss fell from $\ell_{e-1}$ to $\ell_e$, so it is about $(\ell_{e-1} - \ell_e)/2$ above its end.
    regularization: what is left of running minus training loss: dropout, augmentation, penalties, noise of batch norm.
    """
    running, train, validation, *_, epochs = as_arrays(curves)
    last = slice(-max(len(train) // 3, 1), None)
    lag = np.diff(train, prepend=2 * running[:1] - train[:1]) / -2  # before the first epoch: all of it is lag
    lag /= np.diff(epochs, prepend=epochs[:1] - 1)
    data, lag = (validation - train)[last].mean(), lag[last].mean()
    return Gap(float(data), float(lag), float((running - train)[last].mean() - lag))


def scale_of(curves: Curves, baseline: float | None) -> float:
    """The loss that others are shares of: ``baseline``, which must be positive, or the first running loss."""
    if baseline is not None and not 0 < baseline < math.inf:
        raise ValueError(f"needed a positive, finite loss of a constant prediction, got {baseline}; try baseline=None")
    return max(abs(float(curves.running_loss[0])), 1e-12) if baseline is None else float(baseline)


def measure(curves: Curves, baseline: float | None) -> Signs:
    """The signs of finite curves of at least ``FEWEST_EPOCHS`` epochs; without ``baseline`` the first loss is it."""
    running, train, validation, train_accuracy, validation_accuracy, _, penalty, epochs = as_arrays(curves)
    objective = train if penalty is None else train + penalty
    fallen = running[0] - _level(train)
    return Signs(
        epochs=len(train),
        last_epoch=int(epochs[-1]),
        window=_window(train),
        scale=scale_of(curves, baseline),
        peak=float(max(running.max(), train.max())),
        train=_level(train),
        train_best=float(_median_of_three(train).min()),
        objective_rise=_level(objective) - float(_median_of_three(objective).min()),
        validation=_level(validation),
        validation_best=float(_median_of_three(validation).min()),
        validation_lowest=float(validation.min()),
        best_epoch=int(epochs[validation.argmin()]),
        train_fall=_slope(train) * len(train) / 3,
        validation_fall=_slope(validation) * len(train) / 3,
        linearity=float(_slope(train) * len(train) / fallen) if fallen > 0 else 0.0,
        trend=_trend(running),
        roughness=_roughness(train),
        train_accuracy=None if train_accuracy is None else _level(train_accuracy),
        validation_accuracy=None if validation_accuracy is None else _level(validation_accuracy),
        validation_accuracy_best=None
        if validation_accuracy is None
        else float(_median_of_three(validation_accuracy).max()),
        gap=split_gap(curves),
    )


def _window(curve: np.ndarray) -> int:
    return max(len(curve) // 5, 2)


def _level(curve: np.ndarray) -> float:
    return float(np.median(curve[-_window(curve) :]))


def _median_of_three(curve: np.ndarray) -> np.ndarray:
    from scipy.ndimage import median_filter

    return median_filter(curve, 3, mode="nearest")


def _slope(curve: np.ndarray) -> float:
    """Fall per epoch of the straight line through the last third."""
    last = curve[-max(len(curve) // 3, 3) :]
    return float(-np.polyfit(np.arange(len(last)), last, 1)[0])


def _trend(curve: np.ndarray) -> float:
    from scipy.stats import kendalltau

    falls = -float(np.asarray(kendalltau(np.arange(len(curve)), curve))[0])
    return falls if math.isfinite(falls) else 0.0  # of a constant curve


def _roughness(curve: np.ndarray) -> float:
    r"""Standard deviation of independent noise on a smooth curve: second differences have 6 times its variance."""
    half = curve[-max(len(curve) // 2, 4) :]
    if (np.diff(half) <= 0).all():  # a curve that never rises has bends, but no noise
        return 0.0
    bends = np.abs(np.diff(half, 2))
    return float(1.4826 * np.median(bends) / np.sqrt(6))

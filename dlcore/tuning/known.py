"""What is known of trainings: which they are, how far they have come and what was found."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from dlcore.numerics.formats import Array
from dlcore.training import Criterion, History, TrainState


class Stream(NamedTuple):
    """What a row shares with rows of other setups: the seed of its key and the fold of the data."""

    seed: int
    fold: int = 0


class Row(NamedTuple):
    """The number of a setup, and its stream."""

    setup: int
    stream: Stream


class Rows(NamedTuple):
    """What is known of trainings, of one or of a whole study, [configurations, streams] each; of epochs a last axis.

    ``validation_loss`` is the lowest of the training, at ``best_epoch``; ``first_nonfinite`` is -1 for sound runs. What
    trainings are compared by is ``loss``, at ``epoch``. ``history`` is None where it was not kept.
    """

    history: History
    validation_loss: Array
    best_epoch: Array
    first_nonfinite: Array

    @property
    def diverged(self) -> np.ndarray:
        """Which of them diverged."""
        return np.asarray(self.first_nonfinite) >= 0

    @property
    def epoch(self) -> np.ndarray:
        """The epoch, from 0, at which each row is compared: for all rows of a configuration the same.

        It is where their mean validation loss is lowest, as a moving mean over three epochs: the lowest of many noisy
        epochs, of every row by itself, would be the lower the noisier they are. A row that stopped early before it
        counts at its own best epoch, -1 where a diverged one has none; so do all where the history was not kept.
        """
        if self.history is None:
            return np.asarray(self.best_epoch)
        curves, own = np.asarray(self.history.validation_loss, np.float64), np.asarray(self.best_epoch)
        seen = np.isfinite(curves) & ~self.diverged[..., None]
        last = np.where(seen, np.arange(curves.shape[-1]), -1).max(-1, initial=-1)
        ended = np.arange(curves.shape[-1]) > last[..., None]
        lowest = np.asarray(self.validation_loss, np.float64)
        values = np.where(ended, lowest[..., None], np.where(seen, curves, 0))
        mean = np.where(self.diverged[..., None], 0, values).sum(-2)
        common = _lowest(mean, np.asarray(seen.any(-2)))[..., None]
        return np.where((common > last) | self.diverged, own, common)

    @property
    def loss(self) -> np.ndarray:
        """The validation loss at ``epoch``, inf where there is none or the run diverged, however good it was before."""
        known = self.validation_loss if self.history is None else self.at_epoch(self.history.validation_loss)
        return np.where(self.diverged | np.isnan(known), np.inf, known)

    def at_epoch(self, curves: Array) -> np.ndarray:
        """``curves`` of every row, epochs last, at ``epoch``; NaN for a row without one."""
        return at_epochs(curves, self.epoch)


def judged(rows: Rows, by: Criterion) -> Rows:
    """``rows`` with what they cost ``by`` a metric in place of the validation loss: the lower the better."""
    if by.name is None:
        return rows
    history, best = rows.history, np.asarray(rows.best_epoch)[..., None]
    costs = by.cost(np.asarray(by.values(history.validation_loss, history.validation_metrics)))
    own = np.take_along_axis(costs, np.maximum(best, 0), -1)
    history = history._replace(validation_loss=costs)
    return rows._replace(history=history, validation_loss=np.where(best < 0, np.inf, own)[..., 0])


def at_epochs(curves: Array, epoch: np.ndarray) -> np.ndarray:
    """``curves`` [..., epochs] at ``epoch`` [...]; NaN where that is -1."""
    values = np.take_along_axis(np.asarray(curves), np.maximum(epoch, 0)[..., None], -1)[..., 0]
    return np.where(epoch < 0, np.nan, values)


def together(rows: Sequence[Rows]) -> Rows:
    """``rows``, each by itself, as one with a first axis of them."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _lowest(mean: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where the moving mean over three epochs of ``mean``, and those beside that were ``seen``, is lowest."""
    padding = [*[(0, 0)] * (mean.ndim - 1), (1, 1)]
    total, count = (
        sum(np.lib.stride_tricks.sliding_window_view(np.pad(a, padding), 3, -1)[..., i] for i in range(3))
        for a in (np.where(seen, mean, 0), seen.astype(float))
    )
    return np.where(seen, total / np.maximum(count, 1), np.inf).argmin(-1)


class Resting(NamedTuple):
    """A row between two runs: what was found until its ``epoch``, history [epoch], and its state.

    The state is without key and epoch; None where it was not kept.
    """

    epoch: int
    found: Rows
    state: TrainState | None


def mean_loss(loss: np.ndarray) -> np.ndarray:
    """The mean over the last axis, in double precision."""
    return loss.mean(-1, dtype=np.float64)

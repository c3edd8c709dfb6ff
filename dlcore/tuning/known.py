"""What is known of trainings: which they are, how far they have come and what was found."""

from typing import NamedTuple

import numpy as np

from dlcore.numerics.formats import Array
from dlcore.training import History, TrainState


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

    ``validation_loss`` is the lowest of the training, at ``best_epoch``; ``first_nonfinite`` is -1 for sound runs.
    """

    history: History
    validation_loss: Array
    best_epoch: Array
    first_nonfinite: Array

    @property
    def loss(self) -> np.ndarray:
        """``validation_loss``, inf where the run diverged, however good it was before."""
        return np.where(np.asarray(self.first_nonfinite) >= 0, np.inf, self.validation_loss)


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

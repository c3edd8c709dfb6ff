"""What a sweep found: its rows and the choice that they support."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from dlcore.contracts import Array
from dlcore.training import History, Setup
from dlcore.tuning.plan import Plan
from dlcore.tuning.spaces import Assignment, assign, axes_of


class Rows(NamedTuple):
    """The trainings of a study, [configurations, seeds] each and the history with a last axis of epochs.

    ``validation_loss`` is the lowest of the training, at ``best_epoch``; ``first_nonfinite`` is -1 for sound runs.
    """

    history: History
    validation_loss: Array
    best_epoch: Array
    first_nonfinite: Array


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A finished sweep. Configurations are numbered as in ``space``; lower is better; a diverged run counts as inf."""

    setup: Setup
    space: tuple[Assignment, ...]
    rows: Rows
    plans: tuple[Plan, ...]

    @property
    def diverged(self) -> np.ndarray:
        """Which runs diverged [configurations, seeds]."""
        return np.asarray(self.rows.first_nonfinite) >= 0

    @property
    def loss(self) -> np.ndarray:
        """Lowest validation loss of every run [configurations, seeds]."""
        return np.where(self.diverged, np.inf, self.rows.validation_loss)

    @property
    def mean(self) -> np.ndarray:
        """Mean of ``loss`` over the seeds [configurations]; inf where a seed diverged."""
        return self.loss.mean(1)

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of ``mean`` [configurations]; NaN for a single seed or a diverged one."""
        seeds = self.loss.shape[1]
        sound = np.all(np.isfinite(self.loss), axis=1, keepdims=True)
        finite = np.where(sound, self.loss, np.nan)
        return finite.std(1, ddof=1) / np.sqrt(seeds) if seeds > 1 else np.full(len(self.loss), np.nan)

    @property
    def order(self) -> np.ndarray:
        """The configurations, best first, diverged ones last."""
        return np.argsort(self.mean, kind="stable")

    @property
    def best(self) -> int:
        """The configuration of the lowest mean. Raises ValueError when every one has diverged."""
        first = int(self.order[0])
        if not np.isfinite(self.mean[first]):
            raise ValueError("every configuration diverged; try lower learning rates")
        return first

    @property
    def best_setup(self) -> Setup:
        """The setup of the best configuration."""
        return assign(self.setup, self.space[self.best])

    @property
    def one_standard_error(self) -> list[int]:
        """Configurations within one standard error of the best, best first: the data do not tell them apart."""
        error = self.standard_error[self.best]
        bound = self.mean[self.best] + (error if np.isfinite(error) else 0.0)
        return [int(i) for i in self.order if self.mean[i] <= bound]

    @property
    def ties(self) -> list[int]:
        """Configurations with exactly the best mean."""
        return [int(i) for i in self.order if self.mean[i] == self.mean[self.best]]

    def metric(self, name: str) -> np.ndarray:
        """A validation metric at the best epoch of every run [configurations, seeds]; NaN for a diverged one."""
        epoch = np.asarray(self.rows.best_epoch)
        curves = np.asarray(self.rows.history.validation_metrics[name])
        values = np.take_along_axis(curves, np.maximum(epoch, 0)[..., None], -1)[..., 0]
        return np.where(self.diverged | (epoch < 0), np.nan, values)

    @property
    def warnings(self) -> list[str]:
        """A line for every number whose best value lies at the edge of its range: the best may lie beyond.

        A range that starts at 0 has no beyond there.
        """
        found = []
        for path, values in axes_of(self.space).items():
            numbers = sorted(v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool))
            value = self.space[self.best].get(path)
            if len(numbers) < 2 or len(numbers) < len(values) or value not in (numbers[0], numbers[-1]) or value == 0:
                continue
            side, beyond = ("lower", "below") if value == numbers[0] else ("upper", "above")
            found.append(f"{path}: the best value {value:g} is the {side} edge of its range; try values {beyond} it")
        return found

    def table(self, rows: int = 10) -> list[dict[str, Any]]:
        """The best ``rows`` configurations as dictionaries: their values, mean, standard error, diverged seeds."""
        return [
            {
                **self.space[i],
                "validation loss": float(self.mean[i]),
                "standard error": float(self.standard_error[i]),
                "diverged": int(self.diverged[i].sum()),
            }
            for i in self.order[:rows]
        ]

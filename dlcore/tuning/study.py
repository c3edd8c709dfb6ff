"""What a sweep found: its rows and the choice that they support."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from dlcore.data.files import Path
from dlcore.numerics.errors import needed
from dlcore.training import Criterion, Run, Setup, as_arrays
from dlcore.training.metrics import LOSS
from dlcore.tuning.cautions import ALL_DIVERGED, cautions
from dlcore.tuning.ensembles import ensemble_of
from dlcore.tuning.folder import StudyFolder, alike
from dlcore.tuning.found import Found
from dlcore.tuning.known import Row, Rows, Stream, judged, mean_loss
from dlcore.tuning.layout import Plan
from dlcore.tuning.page import html
from dlcore.tuning.search import Asked, HalvingRung
from dlcore.tuning.spaces import Assignment, assign, axes_of


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A finished sweep. Configurations are numbered as in ``space`` and compared ``by`` the validation loss, of which a
    diverged run has inf, or by a metric, of which it has the worst.

    Every configuration has a row for each of ``streams``, seeds and folds. ``found`` are the rows one by one, some with
    their states, and ``asked`` is what it takes to go on. ``rungs`` say who left when in a halving: those that left
    early stand behind the others. A study in which all diverged is a study: only ``best`` and ``best_setup`` do not
    exist.
    """

    setup: Setup
    space: tuple[Assignment, ...]
    rows: Rows
    plans: tuple[Plan, ...] = ()
    rungs: tuple[HalvingRung, ...] = ()
    found: Found = dataclasses.field(default_factory=dict, repr=False)
    asked: Asked | None = dataclasses.field(default=None, repr=False)
    by: Criterion = LOSS

    @functools.cached_property
    def winner(self) -> Run | None:
        """The trained rows of the best configuration, a member for each seed and fold; None without any."""
        return self.run(self.best) if self.sound and self.best in self.kept else None

    @property
    def kept(self) -> list[int]:
        """The configurations whose trained rows are there."""
        return [
            i for i in range(len(self.space)) if self.asked and all(Row(i, s) in self._states for s in self.streams)
        ]

    @functools.cached_property
    def _states(self):
        last = {row: at[max(at)] for row, at in self.found.items()}
        return {row: one for row, one in last.items() if one.state is not None}

    def run(self, configuration: int) -> Run:
        """The trained rows of a configuration as one run, a member for each seed and fold, in the order of ``streams``.

        It takes inputs as they were before the folds: every member scales them as its own training part was. Raises
        ValueError where they were not kept.
        """
        if self.asked is None or configuration not in self.kept:
            got = f"{configuration} where {', '.join(map(str, self.kept)) or 'none'} were kept"
            raise ValueError(needed("study.run", "a configuration that was kept", got, "sweep(..., keep='all')"))
        setups = {configuration: as_arrays(assign(self.setup, self.space[configuration]))}
        inputs = [fold.inputs for fold in self.asked.data] if isinstance(self.asked.data, list) else ()
        rows = [Row(configuration, s) for s in self.streams]
        return ensemble_of(setups, rows, self._states, self.asked.key, inputs)

    def only(self, configurations: Sequence[int]) -> "Study":
        """The study of some of its configurations, in that order, as if there had never been others."""
        chosen = list(configurations)
        rows = jax.tree.map(lambda a: np.asarray(a)[chosen], self.rows)
        space = tuple(self.space[i] for i in chosen)
        found = {
            row._replace(setup=chosen.index(row.setup)): at for row, at in self.found.items() if row.setup in chosen
        }
        asked = self.asked and self.asked._replace(space=space, halving=None)
        return dataclasses.replace(self, space=space, rows=rows, rungs=(), found=found, asked=asked)

    def save(self, folder: Path) -> None:
        """Write it to a new ``folder``, with its data and what was kept: ``resume(folder)`` gives it back.

        Raises ValueError where ``folder`` is the one of another study.
        """
        if self.asked is None:
            raise ValueError(needed("study.save", "a study that sweep gave", "one without its data"))
        with StudyFolder(folder, self.asked) as kept:
            for rows in alike(self.found):
                kept.note(rows)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The seed and the fold of every column of ``loss``."""
        seeds = range(np.shape(self.rows.validation_loss)[1])
        return self.asked.streams if self.asked else tuple(map(Stream, seeds))

    @property
    def reached(self) -> np.ndarray:
        """The epochs that every configuration was trained for, at most [configurations]: fewer where it left early."""
        ends = np.full(len(self.space), np.iinfo(np.int32).max)
        for rung in self.rungs:
            ends[sorted({*rung.configurations} - {*rung.kept})] = rung.epoch
        return ends

    @property
    def diverged(self) -> np.ndarray:
        """Which runs diverged [configurations, seeds]."""
        return self.rows.diverged

    @functools.cached_property
    def epoch(self) -> np.ndarray:
        """The epoch, from 0, at which every run is compared [configurations, seeds × folds].

        One for all runs of a configuration, where their mean loss is lowest, smoothed, or what they are compared ``by``
        is best; of one that stopped early before it, its own best. The ``winner``'s members have the parameters of
        their own best epochs.
        """
        return self._judged.epoch

    @functools.cached_property
    def _judged(self):
        return judged(self.rows, self.by)

    @functools.cached_property
    def loss(self) -> np.ndarray:
        """Validation loss of every run at the ``epoch`` of its configuration [configurations, seeds × folds]."""
        if self.by.name is None:
            return self.score
        return np.where(self.diverged, np.inf, self._judged.at_epoch(self.rows.history.validation_loss))

    @functools.cached_property
    def score(self) -> np.ndarray:
        """What every run is compared ``by`` at the ``epoch`` of its configuration [configurations, seeds × folds].

        The loss; or the metric, the worst there is, inf or -inf, where the run diverged or the metric is not defined.
        """
        return self.by.cost(self._judged.loss)

    @property
    def curves(self) -> np.ndarray:
        """What is compared, over the epochs [configurations, seeds × folds, epochs]; NaN where none was looked at."""
        history = self.rows.history
        return np.asarray(self.by.values(history.validation_loss, history.validation_metrics), float)

    @property
    def mean(self) -> np.ndarray:
        """Mean of ``score`` over seeds and folds [configurations]; not finite where one diverged."""
        return mean_loss(self.score)

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of ``mean`` [configurations]; NaN for a single row or a diverged one."""
        n = self.score.shape[1]
        sound = np.all(np.isfinite(self.score), axis=1, keepdims=True)
        finite = np.where(sound, self.score, np.nan)
        return finite.std(1, ddof=1, dtype=np.float64) / np.sqrt(n) if n > 1 else np.full(len(finite), np.nan)

    @property
    def order(self) -> np.ndarray:
        """The configurations, best first; behind those that trained to the end those that left early; diverged last."""
        return np.lexsort((self.by.cost(self.mean), -self.reached, ~np.isfinite(self.mean)))

    @property
    def best(self) -> int:
        """The configuration of the best mean. Raises ValueError when every one has diverged."""
        if not self.sound:
            raise ValueError(ALL_DIVERGED)
        return self.sound[0]

    @property
    def best_setup(self) -> Setup:
        """The setup of the best configuration. Raises ValueError when every one has diverged."""
        return assign(self.setup, self.space[self.best])

    @property
    def sound(self) -> list[int]:
        """The configurations of which no run diverged, best first."""
        mean = self.mean
        return [int(i) for i in self.order if np.isfinite(mean[i])]

    @property
    def one_standard_error(self) -> list[int]:
        """Configurations within one standard error of the best, best first: the data do not tell them apart.

        One seed tells nothing apart: these are all that did not diverge.
        """
        if not self.sound or self.score.shape[1] == 1:
            return self._rivals if self.sound else []
        cost, best = self.by.cost(self.mean), self.best
        return [i for i in self._rivals if cost[i] <= cost[best] + self.standard_error[best]]

    @property
    def _rivals(self):
        """Sound configurations that were trained as long as the best."""
        reached, best = self.reached, self.best
        return [i for i in self.sound if reached[i] == reached[best]]

    def difference(self, one: int, other: int) -> tuple[float, float]:
        """The mean of ``score[one] - score[other]`` over the runs, and its standard error, NaN for a single run.

        Runs of one seed and fold share initial parameters, batches and examples: pair by pair they differ by less than
        the standard errors of the two configurations would allow for.
        """
        with np.errstate(invalid="ignore"):  # of a run that diverged
            apart = np.subtract(self.score[one], self.score[other], dtype=np.float64)
            n = len(apart)
            return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    @property
    def runs_needed(self) -> float:
        r"""Runs, seeds × folds, that would tell the first two apart: $(2 s / d)^2$, rounded up.

        d is the mean and s the standard deviation of their ``difference``: from there on it is two standard errors. NaN
        for a single run or configuration, inf where they do not differ.
        """
        if len(self._rivals) < 2:
            return float("nan")
        mean, error = self.difference(self._rivals[1], self._rivals[0])
        deviation = error * np.sqrt(self.score.shape[1])
        return float(np.ceil((2 * deviation / mean) ** 2)) if mean else float("inf")

    @property
    def ties(self) -> list[int]:
        """Configurations with exactly the best mean."""
        mean = self.mean
        return [i for i in self._rivals if mean[i] == mean[self.best]] if self.sound else []

    def metric(self, name: str) -> np.ndarray:
        """A validation metric at the ``epoch`` of every run [configurations, seeds]; NaN for a diverged one."""
        return self._at_epoch(self.rows.history.validation_metrics[name])

    @property
    def learning_rate(self) -> np.ndarray:
        """The learning rate that every run used at its ``epoch`` [configurations, seeds]; NaN for a diverged one."""
        return self._at_epoch(self.rows.history.learning_rate)

    def _at_epoch(self, curves):
        return np.where(self.diverged, np.nan, self._judged.at_epoch(curves))

    @property
    def warnings(self) -> list[str]:
        """What to take care of, a line each: values at the edge of their axis, losses that cannot be compared."""
        return cautions(self)

    def frame(self) -> Any:
        """All configurations as a pandas frame, best first, its index their number: ``study.frame().to_csv(path)``."""
        import pandas as pd

        return pd.DataFrame(self.table(len(self.space)), index=pd.Index(self.order, name="configuration"))

    def _repr_html_(self) -> str:
        return html(self)

    def table(self, rows: int = 10) -> list[dict[str, Any]]:
        """The best ``rows`` configurations as dictionaries: their values, mean, standard error, diverged seeds.

        Where no learning rate is among the values, the mean of those that were used stands beside them.
        """
        named = any("learning_rate" in path for path in axes_of(self.space))
        rate = None if named or self.rows.history is None else self.learning_rate.mean(1)
        return [
            {
                **self.space[i],
                **({} if rate is None else {"learning rate": float(rate[i])}),
                str(self.by): float(self.mean[i]),
                "standard error": float(self.standard_error[i]),
                "diverged": int(self.diverged[i].sum()),
            }
            for i in self.order[:rows]
        ]

"""A learning rate from the first hundred steps: the loss has to fall significantly within them."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import batch_count
from dlcore.numerics.errors import check_count, needed
from dlcore.numerics.formats import Array
from dlcore.training import Setup, arrays, as_arrays, evaluate, start
from dlcore.tuning.known import mean_loss
from dlcore.tuning.search import SweepProgress
from dlcore.tuning.spaces import assign, grid
from dlcore.tuning.sweeps import sweep

LOW, HIGH, PER_DECADE = 1e-6, 10.0, 4
SIGNIFICANT = 2.0  # standard errors that a fall has to measure


class FirstSteps(NamedTuple):
    """Validation losses [rates, seeds] after the first ``steps`` steps, at every one of ``rates``; inf where diverged.

    ``start`` [seeds] are those before the first step. ``suggestion`` is the smallest rate within one standard error of
    the lowest mean, NaN where no rate makes the loss fall by twice its standard error: then something else is wrong.
    """

    rates: np.ndarray
    loss: np.ndarray
    start: np.ndarray
    steps: int
    suggestion: float


def find_learning_rate(
    setup: Setup,
    data: Any,
    key: Array,
    *,
    path: str = "optimizer.learning_rate",
    low: float = LOW,
    high: float = HIGH,
    steps: int = 100,
    seeds: int = 4,
    watch: Callable[[SweepProgress], None] | None = None,
) -> FirstSteps:
    r"""Train ``steps`` steps, rounded up to whole epochs, at rates from ``low`` to ``high``, four a decade.

    All rates and seeds are rows of one program, each from fresh parameters, where a range test (Smith 2017) raises the
    rate within a single training and has to guess from its slope. The number at ``path`` of the setup is replaced; a
    schedule there gives way to a constant. Nothing stops early. Raises ValueError unless 0 < low < high, and what
    ``sweep`` raises.
    """
    check_count("find_learning_rate: steps", steps)
    if not 0 < low < high < np.inf:
        raise ValueError(needed("find_learning_rate", "0 < low < high", f"{low} and {high}", f"{LOW} and {HIGH:g}"))
    data = arrays(data)
    n = len(data.train.y)
    batches = batch_count(n, setup.batch_size or n)
    short = dataclasses.replace(setup, epochs=-(-steps // batches), stopping=None)
    rates = np.geomspace(low, high, 1 + round(PER_DECADE * np.log10(high / low)))
    study = sweep(short, grid({path: rates.tolist()}), data, key, seeds=seeds, keep="none", watch=watch)
    ends = np.asarray(study.rows.history.validation_loss)[..., -1]
    loss = np.where(study.diverged | np.isnan(ends), np.inf, ends)
    before = _at_start(assign(short, {path: low}), data, key, seeds)
    return FirstSteps(rates, loss, before, short.epochs * batches, _suggested(rates, loss, before))


def _at_start(setup, data, key, seeds):
    """The validation losses [seeds] of fresh parameters."""
    ready = as_arrays(setup)

    def one(seed):
        state = start(ready, data, jax.random.fold_in(key, seed))
        return evaluate(ready, state.params, state.model_state, data.validation)[0]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.arange(seeds, dtype=jnp.uint32)))


def _suggested(rates, loss, before):
    mean, n = mean_loss(loss), loss.shape[1]
    best = int(np.argmin(mean))
    falls = before - loss[best]

    def error(values):
        return float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0

    if not np.isfinite(mean[best]) or falls.mean() <= SIGNIFICANT * error(falls):
        return float("nan")
    return float(rates[np.argmax(mean <= mean[best] + error(loss[best]))])

"""A learning rate from a hundred steps, beside what range tests say: how far from the best of a whole sweep?

``python -m experiments.learning_rates`` trains the recipe's network on small data sets, and on the tables of
``DLCORE_DATA`` where that is set: a sweep over 25 rates and 8 seeds of 30 epochs gives the rate of the lowest
validation loss, and those within one standard error of it, which it cannot tell from the best; ``--again`` adds what
the same sweep says of other seeds.
``tuning.find_learning_rate`` has 100 steps for its answer. Beside it the two rules that are used most, on range tests
of the same network, in which the rate grows from step to step within one training (Smith 2017): the steepest fall of
PyTorch Lightning's ``lr_find`` and the valley of fastai's. Both are written anew from their documentation, with their
defaults. Of every rule the table has the median answer over 8 keys, and the median factor, and in how many of them it
is at most 3, first to the sweep's best rate, then to the nearest one that is as good.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import data, figures, grid
from dlcore.optimizers import Adam, apply_updates
from dlcore.recipe import Recipe, setup_of
from dlcore.training import Setup, as_arrays
from dlcore.training.forward import outputs_of, per_example
from dlcore.tuning import find_learning_rate
from experiments.common import arguments, save, swept, table
from experiments.tables import LARGE, places

SEED, KEYS, STEPS = 0, 8, 100
NEAR = 3.0001  # a factor of 3, to rounding
LEGEND = "median answer: median factor and answers within a factor of 3, to the best, then to the nearest as good"
RATES = np.geomspace(1e-5, 10, 25).tolist()
RATE = "optimizer.learning_rate"
SMOOTHING = 0.98  # of both libraries: an exponential moving average, its start corrected


def range_test(setup: Setup, split: Any, key: Any, rates: np.ndarray) -> np.ndarray:
    """The loss of every mini-batch of one training whose rate takes all ``rates`` in turn, smoothed; [steps]."""
    x, y = map(jnp.asarray, split.train)
    mean, smooth = 0.0, []
    for i, value in enumerate(np.asarray(_batch_losses(as_arrays(setup), x, y, key, jnp.asarray(rates)), float)):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        smooth.append(mean / (1 - SMOOTHING ** (i + 1)))
    return until_blown(np.array(smooth))


@jax.jit
def _batch_losses(setup: Setup, x: Any, y: Any, key: Any, rates: Any) -> Any:
    """Those of the range test, [steps]."""
    params, model_state = setup.model.init(key, x.shape[1:])
    places = jax.random.randint(key, (len(rates), setup.batch_size or len(y)), 0, len(y))

    def step(carry, now):
        params, state = carry
        rate, some, noise = now

        def loss(p):
            outputs, _ = outputs_of(setup, p, model_state, x[some], key=noise, train=True)
            return jnp.mean(per_example("loss", setup.loss, outputs, y[some]))

        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = Adam(rate).update(gradient, state, params)
        return (apply_updates(params, updates), state), value

    _, losses = jax.lax.scan(step, (params, Adam().init(params)), (rates, places, jax.random.split(key, len(rates))))
    return losses


def until_blown(losses: np.ndarray) -> np.ndarray:
    """Both stop once the loss is four times the lowest so far."""
    over = ~(losses <= 4 * np.minimum.accumulate(np.where(np.isfinite(losses), losses, np.inf)))
    return losses[: int(over.argmax())] if over.any() else losses


def steepest(setup: Setup, split: Any, key: Any) -> float:
    """Lightning: from 1e-8 to 1, without the first ten and the last, where the loss falls fastest from step to step."""
    rates = np.geomspace(1e-8, 1, STEPS)
    losses = range_test(setup, split, key, rates)[10:-1]
    return float(rates[10 + int(np.gradient(losses).argmin())])


def valley(setup: Setup, split: Any, key: Any) -> float:
    """fastai: from 1e-7 to 10, the middle of the longest falling subsequence of the losses."""
    rates = np.geomspace(1e-7, 10, STEPS)
    losses = range_test(setup, split, key, rates)
    losses, rates = losses[STEPS // 10 : -5], rates[STEPS // 10 :]
    length, end = np.ones(len(losses), int), 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and length[i] < length[j] + 1:
                length[i] = length[j] + 1
        end = i if length[i] > length[end] else end
    begin = end - length[end]
    third = (end - begin) / 3
    return float(rates[begin + int(third) + int(third / 2)])


def first_steps(setup: Setup, split: Any, key: Any) -> float:
    return find_learning_rate(setup, split, key, steps=STEPS).suggestion


RULES: dict[str, Callable[[Setup, Any, Any], float]] = {
    "find_learning_rate": first_steps,
    "steepest (Lightning)": steepest,
    "valley (fastai)": valley,
}


def factors(said: np.ndarray, rates: Any) -> np.ndarray:
    """The factor between each answer [keys] and the nearest of ``rates``; infinite where there is no answer."""
    apart = np.abs(np.log(said[:, None] / np.asarray(rates))).min(1)
    return np.where(np.isfinite(apart), np.exp(apart), np.inf)


def compared(name: str, dataset: data.Dataset, keys: int, again: bool) -> tuple[dict[str, str], Any]:
    """A row of the table, and the figure of the first key."""
    split, _ = data.prepare(data.split(dataset, seed=SEED))
    setup = dataclasses.replace(setup_of(Recipe(), dataset), stopping=None)
    study = _sweep(name, setup, split, SEED, keys)
    best = study.space[study.best][RATE]
    alike = sorted(study.space[i][RATE] for i in study.one_standard_error)
    told = f"{alike[0]:.2g} to {alike[-1]:.2g}"
    row = {"data": name, "sweep": f"{best:.2g}", "as good": told}
    if again:
        other = _sweep(name, setup, split, SEED + 1, keys)
        row["again"] = f"{other.space[other.best][RATE]:.2g}"
    for rule, f in RULES.items():
        said = np.array([f(setup, split, jax.random.key(1000 + i)) for i in range(keys)])
        row[rule] = f"{np.nanmedian(said):.2g}: {_told(factors(said, [best]))}, {_told(factors(said, alike))}"
    return row, find_learning_rate(setup, split, jax.random.key(1000), steps=STEPS)


def _sweep(name: str, setup: Setup, split: Any, seed: int, keys: int) -> Any:
    return swept(f"Sweep, {name}", setup, grid({RATE: RATES}), split, jax.random.key(seed), seeds=keys)


def _told(factor: np.ndarray) -> str:
    return f"x{np.median(factor):.1f} {np.sum(factor <= NEAR)}/{len(factor)}"


def main() -> None:
    place = {"default": os.environ.get("DLCORE_DATA"), "help": "folder with a folder of tables, else DLCORE_DATA"}
    again = {"action": "store_true", "help": "sweep again, with other seeds"}
    given, rows = arguments(__doc__, quick="two data sets, two keys", data_dir=place, again=again), []
    found = [one for one in places(given.data_dir).items() if f"{one[0]}.csv" not in LARGE]
    for name, (source, load) in found[:2] if given.quick else found:
        row, curve = compared(name, load(source), 2 if given.quick else KEYS, given.again)
        rows.append(row)
        print(table([row]), flush=True)
        if given.out:
            save(given.out, name, figures.rate_curve(curve), rates=curve.rates, loss=curve.loss)
    print(f"\n{table(rows)}\n\n{LEGEND}")


if __name__ == "__main__":
    main()

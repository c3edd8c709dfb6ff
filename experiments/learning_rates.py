"""A learning rate from a hundred steps, beside what range tests say: how far from the best of a whole sweep?

``python -m experiments.learning_rates`` trains the recipe's network on five small data sets: a sweep over 25 rates and
8 seeds of 30 epochs gives the rate of the lowest validation loss; ``tuning.find_learning_rate`` has 100 steps for its
answer. Beside it the two rules that are used most, on range tests of the same network, in which the rate grows from
step to step within one training (Smith 2017): the steepest fall of PyTorch Lightning's ``lr_find`` and the valley of
fastai's. Both are written anew from their documentation, with their defaults. Of every rule the table has the median
over 8 keys of the factor between its answer and the sweep's, and in how many of them it is at most 3.
"""

import dataclasses
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

SEED, KEYS, STEPS = 0, 8, 100
NAMES = ("iris", "wine", "diabetes", "breast_cancer", "digits")  # the small ones first: each row is shown at once
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


def compared(name: str, keys: int) -> tuple[dict[str, str], Any]:
    """A row of the table, and the figure of the first key."""
    dataset = data.load(name)
    split, _ = data.prepare(data.split(dataset, seed=SEED))
    setup = dataclasses.replace(setup_of(Recipe(), dataset), stopping=None)
    key = jax.random.key(SEED)
    study = swept(f"Sweep, {name}", setup, grid({RATE: RATES}), split, key, seeds=keys)
    best = study.space[study.best][RATE]
    row = {"data": name, "sweep": f"{best:.2g}"}
    for rule, f in RULES.items():
        said = np.array([f(setup, split, jax.random.key(1000 + i)) for i in range(keys)])
        factor = np.exp(np.abs(np.log(said / best)))
        row[rule] = f"{np.median(said):.2g}, x{np.median(factor):.1f}, {np.sum(factor <= 3)}/{keys}"
    return row, find_learning_rate(setup, split, jax.random.key(1000), steps=STEPS)


def main() -> None:
    given = arguments(__doc__, quick="two data sets, two keys")
    rows = []
    for name in NAMES[:2] if given.quick else NAMES:
        row, found = compared(name, 2 if given.quick else KEYS)
        rows.append(row)
        print(table([row]), flush=True)
        if given.out:
            save(given.out, name, figures.rate_curve(found), rates=found.rates, loss=found.loss)
    print(f"{table(rows)}\n\nmedian answer, median factor to the sweep's best, answers within a factor of 3")


if __name__ == "__main__":
    main()

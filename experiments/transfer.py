"""What is another training worth where labels are few? Digits 0 to 4 are learned first, then 5 to 9 of a few examples.

``python -m experiments.transfer`` trains a network on scikit-learn's digits 0 to 4, and then on 5, 10, 20 and 50
examples of each of the digits 5 to 9 in three ways, with equally many steps: from scratch; a new head alone on the
frozen body; the new head for half of the steps, then everything at a tenth of the rate (``training.start_from``,
``optimizers.Frozen``). All sizes, seeds and rates of a way are rows of one program: of the 250 examples those that are
not to be seen weigh 0. A seed draws the first training, the examples and the new parameters. Judged are the digits 5 to
9 that nobody trains with, by the last parameters; each way has that of four rates which is best over all sizes.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import data, losses, mlp
from dlcore.data import Examples, Split, Weighted
from dlcore.optimizers import Adam, Frozen
from dlcore.training import Setup, Watch, advance, start, start_from, train
from dlcore.tree.leaves import AllBut
from dlcore.tree.names import leaf_names
from experiments.common import arguments, bare, mean_and_error, save, table
from experiments.planes import panels

SIZES, SEEDS, EPOCHS = (5, 10, 20, 50), 5, 300
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
LOWER = 0.1  # times the rate, once everything learns
FIRST = Setup(mlp((64, 64, 5)), losses.softmax_cross_entropy, Adam(1e-3), epochs=30, watch=Watch(training=None))
WAYS = ("from scratch", "head alone", "head, then all")
QUICK = (5, 20), 2, 60


class Few(NamedTuple):
    """What the rows [seeds, ...] of a way begin with: keys, what was learned first, examples and how they weigh."""

    keys: Any
    params: Any
    model_state: Any
    pool: Any
    judged: Any
    weights: Any


def digits(low: int) -> Examples:
    """Five digits from ``low`` on, numbered from 0, their pixels between 0 and 1."""
    whole = data.load("digits")
    some = (whole.y >= low) & (whole.y < low + 5)
    return Examples(whole.x[some] / 16, whole.y[some] - low)


def draw(examples: Examples, seed: int, most: int) -> tuple[Examples, Examples]:
    """``most`` examples of each class, class by class in turn, and all others."""
    order = np.random.default_rng(seed).permutation(len(examples.y))
    by_class = [order[examples.y[order] == c] for c in range(5)]
    pool = np.stack([some[:most] for some in by_class], 1).reshape(-1)
    rest = np.concatenate([some[most:] for some in by_class])
    return data.taken(examples, pool), data.taken(examples, rest)


def few(sizes: tuple[int, ...], seeds: int) -> Few:
    """The first training of every seed, as rows of one program, and the examples that it meets then."""
    first, then = digits(0), digits(5)
    keys = jax.random.split(jax.random.key(0), seeds)
    learned = jax.jit(jax.vmap(lambda key: train(FIRST, Split(first, first), key)))(keys)
    drawn = [draw(then, seed, max(sizes)) for seed in range(seeds)]
    pool, rest = (jax.tree.map(lambda *parts: np.stack(parts), *parts) for parts in zip(*drawn, strict=True))
    places = np.arange(5 * max(sizes))
    weights = np.stack([places < 5 * size for size in sizes]).astype(np.float32)
    return Few(jax.random.split(jax.random.key(1), seeds), learned.params, learned.model_state, pool, rest, weights)


def adapted(way: str, epochs: int, rate: Any, key: Any, old: Any, pool: Any, judged: Any, weights: Any) -> Any:
    """The accuracy after ``epochs`` steps on the whole of the few examples."""
    examples = Split(Weighted(pool.x, pool.y, weights), judged)
    head = sorted({name.split("]")[0] + "]" for name in leaf_names(old[0])})[-1:]

    def setup(rule, steps):
        return Setup(FIRST.model, FIRST.loss, rule, epochs=steps, batch_size=None, watch=Watch(steps, None))

    def learned(rule, steps, state_of):
        state, history = advance(setup(rule, steps), examples, state_of(setup(rule, steps)), steps)
        return state, history.validation_metrics["accuracy"][-1]

    if way == "from scratch":
        return learned(Adam(rate), epochs, lambda s: start(s, examples, key))[1]
    frozen, steps = Frozen(Adam(rate), AllBut(tuple(head))), epochs if way == "head alone" else epochs // 2
    state, accuracy = learned(frozen, steps, lambda s: start_from(s, examples, key, old[0], old[1], tuple(head)))
    if way == "head alone":
        return accuracy
    body = state.params, state.model_state
    return learned(Adam(LOWER * rate), epochs - steps, lambda s: start_from(s, examples, key, body[0], body[1]))[1]


def accuracies(given: Few, rates: tuple[float, ...], epochs: int) -> np.ndarray:
    """Accuracies [ways, rates, sizes, seeds]; every way is one program."""

    def whole(way):
        row = partial(adapted, way, epochs)
        by_seed = jax.vmap(row, (None, 0, 0, 0, 0, None))
        by_size = jax.vmap(by_seed, (None, None, None, None, None, 0))
        by_rate = jax.vmap(by_size, (0, None, None, None, None, None))
        old = given.params, given.model_state
        return jax.jit(by_rate)(jnp.asarray(rates), given.keys, old, given.pool, given.judged, given.weights)

    return np.stack([np.asarray(whole(way)) for way in WAYS])


def main() -> None:
    given = arguments(__doc__, quick="fewer examples, seeds and steps")
    sizes, seeds, epochs = QUICK if given.quick else (SIZES, SEEDS, EPOCHS)
    start_with = few(sizes, seeds)
    found = accuracies(start_with, RATES, epochs)
    best = found.mean((2, 3)).argmax(1)
    rows = []
    for i, way in enumerate(WAYS):
        of_sizes = {f"{n} a class": mean_and_error(found[i, best[i], j] * 100, ".1f") for j, n in enumerate(sizes)}
        rows.append({"accuracy, %": way, **of_sizes, "rate": f"{RATES[best[i]]:g}"})
    print(f"{len(start_with.judged.y[0])} digits to judge by, {seeds} seeds, {epochs} steps\n\n{table(rows)}")
    if given.out:
        picture(found, best, sizes, given.out)


def picture(found: np.ndarray, best: np.ndarray, sizes: tuple[int, ...], out: Any) -> None:
    """Accuracy by the number of examples, a line for each way, with standard errors."""
    figure, (axes,) = panels(1, width=4.0)
    for i, way in enumerate(WAYS):
        values = found[i, best[i]]
        axes.errorbar(sizes, values.mean(-1), values.std(-1, ddof=1) / np.sqrt(values.shape[-1]), label=way)
    axes.set(xscale="log", xlabel="examples of each class", ylabel="accuracy")
    axes.set_xticks(sizes, map(str, sizes))
    axes.legend(frameon=False)
    bare(axes)
    save(out, "transfer", figure, accuracy=found, sizes=sizes)


if __name__ == "__main__":
    main()

"""How many examples it takes: trainings on more and more of them, as rows of one program."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import Split, padded, taken
from dlcore.numerics.errors import check_count, needed
from dlcore.numerics.formats import Array
from dlcore.training import Setup, arrays
from dlcore.training.checks import check_key
from dlcore.tuning.calls import Chunk, Job, run
from dlcore.tuning.known import Resting, Row, Rows, Stream, at_epochs, together
from dlcore.tuning.rows import groups_of
from dlcore.tuning.spaces import setups_of

SIZES = (1, 4, 10, 100, 1000)  # the lectures' ladder, as far as a doubling leads to all examples


class DataLadder(NamedTuple):
    """Trainings on ``sizes`` examples each, with several seeds: losses and metrics [sizes, seeds] at the best epoch.

    Training losses are over the examples that were trained on. Of a diverged training they are NaN.
    """

    sizes: tuple[int, ...]
    train_loss: np.ndarray
    validation_loss: np.ndarray
    train_metrics: dict[str, np.ndarray]
    validation_metrics: dict[str, np.ndarray]

    def gain(self, rung: int = -1) -> tuple[float, float]:
        r"""By how much the validation loss falls from the rung before to ``rung``, per doubling of the examples.

        (mean, standard error) over the seeds of $(\ell_{i-1} - \ell_i) / \log_2 (n_i / n_{i-1})$: a seed starts from
        the same parameters at both, and its examples at the smaller size are among those at the larger. More than two
        standard errors above 0 at the last rung: more data help. NaN with a single seed.
        """
        before, after = self.validation_loss[rung - 1], self.validation_loss[rung]
        falls = (before - after) / np.log2(self.sizes[rung] / self.sizes[rung - 1])
        n = len(falls)
        return float(falls.mean()), float(falls.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")


def data_ladder(
    setup: Setup,
    data: Any,
    key: Array,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 4,
    devices: Sequence[Any] | None = None,
    watch: Callable[[Chunk], None] | None = None,
) -> DataLadder:
    r"""Train ``setup`` on 1, 4, 10, 100, 1000 and all training examples, or on ``sizes``, with each of ``seeds`` seeds.

    Seed s has the key ``jax.random.fold_in(key, s)`` and an order of the examples of its own, of which size n takes the
    first n, classes in proportion. They are repeated to as many as there are: all trainings take the same number of
    steps, as rows of one program, and are judged by the same validation part. The data stand in memory once for every
    row. Raises ValueError for sizes outside of 1 … n, and what ``fit`` raises.
    """
    check_count("data_ladder: seeds", seeds)
    check_key(key)
    data = arrays(data)
    sizes = _sizes(sizes, len(data.train.y))
    folds = [(n, s) for n in sizes for s in range(seeds)]
    parts = padded([first_examples(data, n, np.random.default_rng([s, *_words(key)])) for n, s in folds])
    rows = [Row(0, Stream(s, i)) for i, (_, s) in enumerate(folds)]
    places, chips = [len(data.train.y)] * len(rows), tuple(devices or jax.local_devices())
    (group,) = groups_of(setups_of(setup, [{}], data), rows, key, devices=chips, sizes=places)
    found: dict[Row, Resting] = {}
    for finished in run(Job(0, group, setup.epochs), arrays(parts), devices=chips, watch=watch):
        found |= finished.resting(())
    return _ladder(sizes, together([found[row].found for row in rows]), seeds)


def _sizes(asked, n):
    if asked is None:
        return (*(size for size in SIZES if 2 * size <= n), n)
    wrong = [size for size in asked if not isinstance(size, (int, np.integer)) or not 1 <= size <= n]
    if wrong or not len(asked) or list(asked) != sorted(set(asked)):
        got = wrong[0] if wrong else list(asked)
        raise ValueError(needed("data_ladder: sizes", f"rising numbers from 1 to {n}", got, "(10, 100)"))
    return tuple(map(int, asked))


def _words(key):
    return np.asarray(jax.random.key_data(key)).ravel()


def first_examples(data: Split, n: int, rng: Any) -> Split:
    """The first ``n`` training examples of an order of their own, again and again to as many as there are."""
    y = np.asarray(data.train.y)
    return Split(taken(data.train, np.resize(_order(y, rng)[:n], len(y))), data.validation)


def _order(y: np.ndarray, rng: Any) -> np.ndarray:
    """Numbers of the examples, shuffled so that every first part has the classes in proportion."""
    shuffled = rng.permutation(len(y))
    if y.ndim > 1 or not np.issubdtype(y.dtype, np.integer):
        return shuffled
    _, label, counts = np.unique(y[shuffled], return_inverse=True, return_counts=True)
    by_class = np.argsort(label, kind="stable")
    rank = np.empty(len(y), int)
    rank[by_class] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return shuffled[np.argsort((rank + rng.uniform(size=len(counts))[label]) / counts[label], kind="stable")]


def _ladder(sizes: tuple[int, ...], rows: Rows, seeds: int) -> DataLadder:
    """What the rows found at their best epochs, [sizes, seeds] each."""
    best = np.where(rows.diverged, -1, rows.best_epoch)

    def at_best(curves):
        return at_epochs(curves, best).reshape(-1, seeds)

    history = rows.history
    names = ("train_loss", "validation_loss", "train_metrics", "validation_metrics")
    return DataLadder(sizes, *(jax.tree.map(at_best, getattr(history, name)) for name in names))

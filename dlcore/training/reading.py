"""What a training reads of streamed examples: the mini-batches and chunks of a training in memory, in its order."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from dlcore.data import Examples, Split, Streamed, batch_count, batch_indices
from dlcore.data.streams import read_ahead
from dlcore.numerics.formats import Array
from dlcore.training.checks import check_values, outputs_shape
from dlcore.training.door import shapes
from dlcore.training.epochs import order_key
from dlcore.training.evaluation import chunks_of
from dlcore.training.pieces import Piece, cut, piece_of, places, rows_of
from dlcore.training.setup import Setup
from dlcore.training.watch import is_due, parts_of, sample


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """The pieces of all epochs, one after the other: those of an epoch are ``stretches``, its last batch, the looks.

    ``looks`` are the pieces of each part that is evaluated from a stream; where an epoch is not evaluated they are ().
    """

    setup: Setup
    data: Split
    key: Array
    first: int
    step: int

    @property
    def steps(self) -> int:
        """Mini-batches of an epoch."""
        return batch_count(len(self.data.train), self._size)

    @functools.cached_property
    def stretches(self) -> list[range]:
        """The mini-batches of an epoch but the last, as they are read."""
        return cut(self.data.train, self.steps - 1, self._size)

    @functools.cached_property
    def seen(self) -> dict[str, Any]:
        """The parts that are evaluated, by the names of the history; of training examples those that are drawn once."""
        seen = parts_of(self.setup, self.data)
        chosen = sample(self.setup, self.key, len(self.data.train)) if "train" in seen else None
        return seen if chosen is None else seen | {"train": self._rows("train", np.asarray(chosen))}

    @functools.cached_property
    def looks(self) -> dict[str, list[range]]:
        """The chunks of evaluation, by the name of their part, as they are read."""
        streamed = {name: part for name, part in self.seen.items() if isinstance(part, Streamed)}
        return {name: cut(part, *chunks_of(self.setup, len(part))) for name, part in streamed.items()}

    def pieces(self) -> contextlib.AbstractContextManager[Iterator[Piece]]:
        """All that is read from the step ``step`` of epoch ``first`` on, ahead of whoever asks for it."""
        tasks = [*(partial(self._batches, batches) for batches in self.stretches), self._last]
        tasks += [partial(self._chunks, name, chunks) for name, cut in self.looks.items() for chunks in cut]
        begin = self.begin + self.first * len(tasks)
        end = self.setup.epochs * len(tasks)

        def read(i):
            return tasks[i % len(tasks)](i // len(tasks))

        return read_ahead(read, begin, end, self.data.train.threads)

    @property
    def begin(self) -> int:
        """The stretch in which the training begins."""
        return sum(batches.stop <= self.step for batches in self.stretches)

    @property
    def _size(self) -> int:
        return self.setup.batch_size or len(self.data.train)

    def _batches(self, batches, epoch):
        begin = max(batches.start, self.step if epoch == self.first else 0)
        indices, _ = self._order(epoch)
        return self._piece("train", indices[begin : batches.stop], None, len(self.stretches[0]))

    def _last(self, epoch):
        indices, counts = self._order(epoch)
        counts = None if len(self.data.train) % self._size == 0 else counts[-1:]
        return self._piece("train", indices[-1:], counts, 1)

    def _chunks(self, name, chunks, epoch):
        if not is_due(self.setup, epoch):
            return ()
        indices, counts = places(self.setup, len(getattr(self.data, name)), chunks)
        return self._piece(name, indices, counts, len(self.looks[name][0]))

    def _piece(self, name, indices, counts, length):
        """The examples of ``indices`` [k, B], filled up to ``length`` batches."""
        return piece_of(self._rows(name, indices.reshape(-1)), indices.shape, counts, length)

    def _rows(self, name, numbers):
        part, called = getattr(self.data, name), "training" if name == "train" else name
        rows = rows_of(part, numbers, f"{called} example")
        self._check(called, rows, numbers)
        return rows

    def _order(self, epoch):
        with self._lock:  # of several threads one draws it
            return self._drawn(epoch)

    @functools.cached_property
    def _lock(self) -> Any:
        return threading.Lock()

    @functools.cached_property
    def _drawn(self) -> Callable[[int], tuple[np.ndarray, ...]]:
        def drawn(epoch):
            key = order_key(self.key, np.int32(epoch))
            return tuple(map(np.asarray, _indices(key, len(self.data.train), self._size)))

        return functools.lru_cache(maxsize=2)(drawn)

    @functools.cached_property
    def _check(self) -> Callable[..., None]:
        outputs = outputs_shape(self.setup, shapes(self.data))
        return partial(_checked, self.setup, outputs, {})


_indices = jax.jit(batch_indices, static_argnums=(1, 2))


def _checked(setup, outputs, known, name, rows, numbers):
    """``check_values``, of labels only where they are beyond those that were seen."""
    x, y = rows
    if not len(y):
        return
    low, high = y.min(), y.max()
    before = known.get(name)
    if before is not None and before[0] <= low and high <= before[1]:
        y = y[:0]
    check_values(name, setup, outputs, Examples(x, y), numbers)
    known[name] = (low, high) if before is None else (min(low, before[0]), max(high, before[1]))

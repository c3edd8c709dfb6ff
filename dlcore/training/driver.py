"""``fit``: the numbers of ``train``, driven in compiled chunks from a loop that can report, save and be interrupted."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.console.progress import bar
from dlcore.data import Streamed
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training import streaming
from dlcore.training.checks import check_key, check_like, leaf_shapes
from dlcore.training.devices import agreed, batch_mesh, everywhere, here, on
from dlcore.training.door import is_examples, ready, shapes
from dlcore.training.epochs import TrainState, advance_some, no_epochs, start
from dlcore.training.interrupts import interruptible
from dlcore.training.run import Run
from dlcore.training.setup import Setup
from dlcore.training.watch import History

MOST = 64  # epochs of a chunk: what bounds the rows that a call gives back
SECONDS = 1.0  # that a chunk is to take: what Ctrl-C waits for
_PATIENCE = 2.0  # seconds in which nobody asks how far it is

_start = jax.jit(start)
_advance = jax.jit(advance_some, static_argnames="most")


class Progress(NamedTuple):
    """What ``watch`` is told after every chunk: epochs done of ``epochs``, the rows of this chunk and the state.

    A chunk of streamed examples may end midway in an epoch, and then has no rows.

    ``rows`` are those of all chunks; ``whole`` puts them together, which costs time as often as it is asked for.
    """

    epoch: int
    epochs: int
    history: History
    state: TrainState
    rows: Sequence[History]

    @property
    def share(self) -> float:
        """The epochs done, with the part of the one in hand."""
        midway = self.state.midway
        return self.epoch if midway is None else self.epoch + int(midway.step) / len(midway.losses)

    @property
    def note(self) -> str:
        """The last loss and rate that are numbers: not every epoch is looked at, and the last may have diverged."""
        if part := self.share - self.epoch:
            return f"{part:.0%} of epoch {self.epoch + 1}"
        named = {"validation loss": self.history.validation_loss, "learning rate": self.history.learning_rate}
        sound = {name: values[np.isfinite(values)] for name, values in named.items()}
        return ", ".join(f"{name} {values[-1]:.4g}" for name, values in sound.items() if len(values))

    @property
    def whole(self) -> History:
        """The history from the first epoch on."""
        return concatenate(self.rows)


def fit(
    setup: Setup,
    data: Any,
    key: Array,
    *,
    watch: Callable[[Progress], None] | None = None,
    progress: bool = True,
    resume: tuple[TrainState, History | None] | None = None,
    devices: str | Sequence[Any] | None = None,
) -> Run:
    """Train ``setup`` on ``data`` as ``train`` does, in chunks of epochs: another number never compiles anew.

    ``data`` is a split, or (x, y), of which a fifth is put aside for validation; the run's ``notes`` say so. Where
    examples have weights, (x, y, weights) or ``data.Weighted``, loss and metrics are means by weight. Parts of
    ``data.stream`` are read on the way, ahead of the training, in the order in which they would be drawn in memory: the
    numbers are the same, on a CPU bit for bit, but for the last digit of the running loss. Ctrl-C ends the training in
    the middle of an epoch then, from where ``resume`` goes on.

    ``watch`` is called after every chunk, of a tenth of the epochs or of about a second, whatever is shorter. What
    lasts longer than two seconds shows its ``progress`` on standard error, a bar or a few lines in a log file. Ctrl-C
    ends the training after the chunk in hand, a second one at once, and what was learned is kept; early stopping and
    divergence end it too. ``resume`` is the (state, history) of an earlier, shorter or interrupted, training; the
    history is None for a state before its first epoch, such as ``start_from`` gives. The history has one row for every
    epoch that was trained, the one that diverged too.

    ``devices``, "all" or some of ``jax.devices()``, share every mini-batch: parameters and data are whole on each,
    batch norm sees the whole batch, and the numbers are those of one device, to rounding. Of several processes each
    calls ``fit`` alike and gets the whole run. Raises ValueError or TypeError where setup and data do not fit.

    >>> import jax
    >>> from dlcore import Setup, data, fit, losses, mlp
    >>> from dlcore.optimizers import Adam
    >>> iris, _ = data.normalize(data.split(data.load("iris")))
    >>> setup = Setup(mlp((16, 3)), losses.softmax_cross_entropy, Adam(1e-2), epochs=20, batch_size=32)
    >>> run = fit(setup, iris, jax.random.key(0))
    >>> run.ending, len(run.history.train_loss), run.predict(iris.validation.x).shape
    ('finished', 20, (30, 3))
    """
    check_key(key)
    notes, given, mesh = _notes(data), setup, None if devices is None else batch_mesh(devices)
    setup, data = ready(setup, data)
    streamed = isinstance(data.train, Streamed)
    begin, chunks = (streaming.initial, streaming.chunks) if streamed else (_start, _chunks)
    state, rows = (None, []) if resume is None else _resumed(resume, setup, data, key)
    with interruptible() as asked, _shown(progress, setup.epochs) as show:
        try:
            state = begin(setup, data, key) if state is None else state
            for after, row in chunks(setup, data, state, asked, mesh):
                rows.append(row)  # before the state: an interruption in between leaves a row too many, not too few
                state = after
                now = Progress(int(state.epoch), setup.epochs, row, state, rows)
                show(now)
                if watch:
                    watch(now)
        except KeyboardInterrupt:  # the state of the last whole chunk is in hand: it is the result
            pass
    state = begin(setup, data, key) if state is None else state
    history = concatenate(rows or [no_epochs(setup, shapes(data), state)])
    history = jax.tree.map(lambda a: a[: int(state.epoch)], history)
    return Run(given, state.best.params, state.best.model_state, history, state, notes=notes)


@contextlib.contextmanager
def _shown(progress: bool, epochs: int) -> Iterator[Callable[[Progress], None]]:
    """What shows how many of the ``epochs`` are done: of several processes the first speaks."""
    if not progress or jax.process_index():
        yield lambda *_: None
        return
    with bar("Train", epochs, "epoch", after=_PATIENCE) as shown:
        yield lambda now: shown.update(now.epoch, now.note)


def _chunks(setup, data, state, asked, mesh):
    """(state, rows) of every chunk, until the training ends or somebody has ``asked`` for it."""
    tenth = min(MOST, -(-setup.epochs // 10))
    fitting = 1  # epochs in the time of a chunk: not known before the first
    setup, data, state = everywhere((setup, data, state), mesh)
    while int(state.epoch) < setup.epochs and bool(state.active):
        fitting, over = agreed(mesh, fitting, asked())
        if over:
            break
        epoch = int(state.epoch)
        count = min(fitting, tenth - epoch % tenth, setup.epochs - epoch)
        began = time.perf_counter()
        with on(mesh):
            after = _advance(setup, data, state, everywhere(np.int32(count), mesh), most=tenth)
        state, rows, done = jax.block_until_ready(after)
        fitting = max(1, int(count * SECONDS / (time.perf_counter() - began)))
        yield here(state, mesh), jax.tree.map(lambda a, n=int(done): np.asarray(a)[:n], rows)


def _notes(data):
    if not is_examples(data):
        return ()
    return (f"a fifth of the {len(data[1])} examples was put aside for validation, drawn by data.train_validation",)


def _resumed(resume, setup, data, key):
    """(state, [history]) of ``resume``; raises TypeError or ValueError where it is none, or one of something else."""
    if not (isinstance(resume, tuple) and len(resume) == 2 and isinstance(resume[0], TrainState)):
        hint = "resume=checkpoints.restore(folder, setup, data, key)"
        raise TypeError(
            needed("resume", "(state, history)", repr(resume) if isinstance(resume, str) else type(resume), hint)
        )
    state, history = resume
    check_like("resume", streaming.state_like(setup, data, key, state.midway is not None), leaf_shapes(state))
    if not np.array_equal(_bits(state.key), _bits(key)):
        raise ValueError(needed("key", "the key that the training began with", "another", "key=state.key"))
    count = 0 if history is None else len(history.running_loss)
    if count != int(state.epoch):
        raise ValueError(needed("resume", f"a history of the {int(state.epoch)} epochs of its state", f"{count} rows"))
    return state, [] if history is None else [jax.device_get(history)]


def _bits(key):
    return np.asarray(jax.random.key_data(key))


def concatenate(rows: Sequence[History]) -> History:
    """One history from several in a row."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *rows)

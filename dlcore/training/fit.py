"""``fit``: the numbers of ``train``, driven in compiled chunks from a loop that can report, save and be interrupted."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.contracts import Array
from dlcore.optimizers import Rule, check_numbers
from dlcore.pytrees import children
from dlcore.solvers.loop import Method
from dlcore.training.setup import Setup, as_arrays
from dlcore.training.train import History, Run, TrainState, advance, arrays, start

_start = jax.jit(start)
_advance = jax.jit(advance, static_argnums=3)


class Progress(NamedTuple):
    """What ``watch`` is told after every chunk: epochs done of ``epochs``, the history so far and the state."""

    epoch: int
    epochs: int
    history: History
    state: TrainState


def fit(
    setup: Setup,
    data: Any,
    key: Array,
    *,
    watch: Callable[[Progress], None] | None = None,
    resume: tuple[TrainState, History | None] | None = None,
) -> Run:
    """Train ``setup`` on ``data`` as ``train`` does, in chunks of epochs: another number never compiles anew.

    ``watch`` is called after every chunk. Ctrl-C ends the training and keeps what was learnt; so does early stopping
    or divergence. ``resume`` is the (state, history) of an earlier, shorter or interrupted, training; the history is
    None for a state before its first epoch, such as ``start_from`` gives. The history has one row for every epoch that
    was trained. Raises ValueError or TypeError where setup and data do not fit.
    """
    data = arrays(data)
    check(setup, data)
    setup = as_arrays(setup)
    state, before = resume or (_start(setup, data, key), None)
    rows = [] if before is None else [before]
    chunk = chunk_of(setup.epochs)
    try:
        while int(state.epoch) < setup.epochs and bool(state.active):
            state, row = jax.block_until_ready(
                _advance(setup, data, state, min(chunk, setup.epochs - int(state.epoch)))
            )
            rows.append(jax.device_get(row))
            if watch:
                watch(Progress(int(state.epoch), setup.epochs, concatenate(rows), state))
    except KeyboardInterrupt:  # the state of the last whole chunk is in hand: it is the result
        pass
    history = concatenate(rows) if rows else _no_epochs(setup, data, state)
    return Run(state.best.params, state.best.model_state, trained(history), state)


def chunk_of(epochs: int) -> int:
    """Epochs per compiled chunk: about ten chunks of equal length, as another length would be another program."""
    return max((d for d in range(1, epochs + 1) if epochs % d == 0 and d * 10 <= epochs), default=1)


def ending(run: Run, setup: Setup) -> str:
    """How the training of ``run`` ended: "diverged", "stopped early", "interrupted" or "finished"."""
    if bool(run.state.diverged):
        return "diverged"
    if bool(run.state.stopped):
        return "stopped early"
    return "interrupted" if int(run.state.epoch) < setup.epochs else "finished"


def concatenate(rows: list[History]) -> History:
    """One history from several in a row."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *rows)


def trained(history: History) -> History:
    """The rows of epochs in which the run was still learning."""
    kept = ~np.isnan(np.asarray(history.learning_rate)) | ~np.isnan(np.asarray(history.running_loss))
    return jax.tree.map(lambda a: np.asarray(a)[kept], history)


def _no_epochs(setup, data, state):
    _, rows = jax.eval_shape(lambda: advance(setup, data, state, 1))
    return jax.tree.map(lambda a: np.zeros((0,), a.dtype), rows)


def _check_rules(node):
    if isinstance(node, Rule):
        check_numbers(node)
    for below in children(node).values():
        _check_rules(below)


def check(setup: Setup, data: Any) -> None:
    """Raise ValueError or TypeError unless ``setup`` can be trained on ``data``, before anything is compiled."""
    train, validation = data.train, data.validation
    for name, part in (("training", train), ("validation", validation)):
        if not jnp.issubdtype(part.x.dtype, jnp.floating):
            raise TypeError(f"{name} x: needed a floating type, got {part.x.dtype}; try x.astype('float32')")
        if len(part.x) != len(part.y) or len(part.x) == 0:
            raise ValueError(
                f"{name} data: needed as many labels as examples and at least one, got x {list(part.x.shape)} "
                f"and y {list(part.y.shape)}"
            )
    if train.x.shape[1:] != validation.x.shape[1:] or train.y.shape[1:] != validation.y.shape[1:]:
        raise ValueError(
            f"needed training and validation examples of one shape, got x {list(train.x.shape[1:])} and "
            f"{list(validation.x.shape[1:])}, y {list(train.y.shape[1:])} and {list(validation.y.shape[1:])}"
        )
    n, size = len(train.x), setup.batch_size
    if size is not None and not 1 <= size <= n:
        raise ValueError(
            f"batch_size: needed 1 to {n}, the number of training examples, got {size}; try batch_size={min(32, n)} "
            "or batch_size=None for the full batch"
        )
    if size is not None and isinstance(setup.optimizer, Method):
        name = type(setup.optimizer).__name__
        raise ValueError(f"batch_size: needed the full batch for {name}, got {size}; try batch_size=None")
    _check_rules(setup.optimizer)
    if setup.epochs < 1:
        raise ValueError(f"epochs: needed at least 1, got {setup.epochs}; try epochs=10")

"""Second step: the loss before training, and a few examples learned by heart."""

from typing import Any

import jax
import numpy as np

from dlcore import data, diagnosis
from dlcore.console.progress import bar
from dlcore.layers import Dropout
from dlcore.recipe.task import Task
from dlcore.runs import Rung, SanityRecord
from dlcore.training import Setup, evaluate, fit, start
from dlcore.tuning import assign

EXAMPLES = (1, 4)
EPOCHS, RATE = 200, 1e-2


def rehearse(setup: Setup, task: Task) -> SanityRecord:
    """The first loss beside the expected one, then one example and four."""
    first = jax.jit(start)(setup, task.split, task.key)
    loss = float(evaluate(setup, first.params, first.model_state, task.split.train)[0])
    expected = task.expected(setup)
    with bar("Overfit one sample, then four", len(EXAMPLES) * EPOCHS, "epoch") as progress:
        rungs = tuple(
            _rung(setup, task, n, lambda p, done=i * EPOCHS: progress.update(done + p.epoch))
            for i, n in enumerate(EXAMPLES)
        )
    return SanityRecord(
        initial_loss=loss,
        expected=expected.zero,
        expected_name=expected.name,
        verdict=diagnosis.initial_loss(loss, expected),
        rungs=rungs,
        constant=expected.constant,
    )


def _rung(setup: Setup, task: Task, n: int, watch: Any) -> Rung:
    few, history = _overfit(setup, task, n, watch)
    accuracy = history.train_metrics.get("accuracy")
    verdict = diagnosis.overfit(history.train_loss, few.y[:n], task.classes, accuracy) if task.classes else None
    return Rung(n, history.train_loss, accuracy, verdict)


def _overfit(setup: Setup, task: Task, n: int, watch: Any) -> tuple[data.Examples, Any]:
    """The setup without what keeps a network from learning by heart, on ``n`` examples of different classes.

    Fewer stand there several times, which changes no gradient: all rungs are one program.
    """
    y = task.split.train.y
    distinct = np.sort(np.unique(y, axis=0, return_index=True)[1])
    some = np.resize(np.resize(distinct, n), EXAMPLES[-1])
    few = data.Examples(task.split.train.x[some], y[some])
    layers: Any = setup.model
    free = {f"model.layers[{i}].rate": 0.0 for i, layer in enumerate(layers.layers) if isinstance(layer, Dropout)}
    plain = assign(
        setup,
        free
        | {"penalty": None, "batch_size": None, "epochs": EPOCHS, "optimizer.learning_rate": RATE, "watch.by": None},
    )
    return few, fit(plain, data.Split(few, few), task.key, watch=watch, progress=False).history

"""What a loss takes and what a network gives it, found out by trying: any loss is known by its values."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.formats import Array
from dlcore.training import Setup
from dlcore.training.forward import per_example

_ROWS = 8  # of probabilities that a loss is tried on


class LossTrial(NamedTuple):
    r"""What became of a loss [rows] on rows of probabilities p: of ``value`` by ``shift``, $\ell(p + 1) - \ell(p)$, and
    ``scale``, $\ell(2p) - \ell(p)$; for one output s between 0 and 1 ``flip``, $\ell(-s) - \ell(s)$ less what a loss on
    logits of yes or no gives. ``mixing``: by how much the loss of an example depends on which others are there.
    """

    value: Array
    shift: Array
    scale: Array
    flip: Array
    mixing: Array


class Outputs(NamedTuple):
    """What a network gives for a set of examples, in evaluation mode: the least and the greatest output; of a row's sum
    and of its ln Σ exp, [2] each; the standard deviation over the examples [c]; of integer labels the ``confusion``
    [labels, answers] and the accuracy beside the labels of the row before, its own and after, ``rolled`` [3].
    """

    low: Array
    high: Array
    sums: Array
    log_sums: Array
    spread: Array
    confusion: Array | None
    rolled: Array | None


def tried(setup: Setup, outputs: Array, y: Array) -> LossTrial:
    """The loss of ``setup`` on outputs that are made up, in the shapes of ``outputs`` and labels y."""
    rows = min(_ROWS, outputs.shape[0])
    y, real = y[:rows], outputs[:rows]
    raw = np.random.default_rng(0).uniform(0.2, 1, real.shape)
    p = jnp.asarray(raw / raw.sum(-1, keepdims=True) if raw.shape[-1:] != (1,) else 0.6 * raw, outputs.dtype)

    def loss(outputs, y=y):
        return per_example("loss", setup.loss, outputs, y)

    alone = jax.vmap(lambda p, y: loss(p[None], y[None])[0])(p, y)
    value = loss(p)
    return LossTrial(
        value, loss(p + 1) - value, loss(2 * p) - value, _flip(value, loss(-p), p, y), jnp.max(jnp.abs(value - alone))
    )


def _flip(value, flipped, p, y):
    r"""$\ell(-s) - \ell(s)$ of $\ln(1 + e^{-s})$ for yes and $\ln(1 + e^s)$ for no is s or -s; NaN for several."""
    if p.size != value.size or y.size != value.size:
        return jnp.full_like(value, jnp.nan)
    signs = jnp.where(y.reshape(-1) > 0, 1, -1).astype(p.dtype)
    return flipped - value - (signs * p.reshape(-1)).astype(value.dtype)


def given(outputs: Array, y: Array) -> Outputs:
    """What ``outputs`` [n, ..., c], or [n], are, beside labels y."""
    rows = outputs.reshape(-1, outputs.shape[-1] if outputs.ndim > 1 else 1)
    sums, logs = jnp.sum(rows, -1), jax.nn.logsumexp(rows, -1)
    low, high, spread = jnp.min(rows), jnp.max(rows), jnp.std(rows, 0)
    sums, logs = (jnp.stack([jnp.min(v), jnp.max(v)]) for v in (sums, logs))
    labels = y.reshape(-1)
    if rows.shape[1] < 2 or len(labels) != len(rows) or not jnp.issubdtype(y.dtype, jnp.integer):
        return Outputs(low, high, sums, logs, spread, None, None)
    c, answers = rows.shape[1], jnp.argmax(rows, -1).astype(jnp.int32)
    labels = labels.astype(jnp.int32)
    confusion = jnp.zeros((c, c), jnp.int32).at[labels, answers].add(1)
    rolled = jnp.stack([jnp.mean(answers == jnp.roll(labels, k)) for k in (1, 0, -1)])
    return Outputs(low, high, sums, logs, spread, confusion, rolled)

"""What a loss is before anything is learned: one formula for every loss, found by evaluating it."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import needed
from dlcore.training.forward import per_example

_NOISE = 4.0  # standard deviation of outputs: that of a fresh network on normalized inputs is about 1 to 2
_FEWEST, _MOST = 1024, 2**24  # rows that noise is averaged over; outputs that are looked at
_SAME = 1e-4  # of a number: what rounding leaves
_STEPS = 20  # classes that a constant answer may raise above the others

Loss = Callable[[Any, Any], Any]


class ExpectedLoss(NamedTuple):
    """The mean of a loss over labels, for outputs that know nothing of the inputs.

    ``zero``: outputs that are 0, as those of a network that has learned nothing; for a loss on probabilities, equal
    ones. ``constant``: the best outputs that are the same for all examples. ``loud``: random outputs of standard
    deviation 4. ``classes``: how many there are, 0 where labels are no indices of classes.
    """

    zero: float
    constant: float
    loud: float
    classes: int

    @property
    def name(self) -> str:
        """What ``zero`` is, in a formula where it has one."""
        c = self.classes
        forms = {f"ln {c}": math.log(c), f"{c} - 1": c - 1.0} if c > 1 else {}
        near = (name for name, value in forms.items() if math.isclose(self.zero, value, rel_tol=_SAME))
        return next(near, "outputs that are 0")


def expected_loss(loss: Loss, y: Any, outputs: Sequence[int] = (), weights: Any = None) -> ExpectedLoss:
    r"""$\frac1n \sum_i \ell(0, y_i)$ and $\min_b \frac1n \sum_i \ell(b, y_i)$ of labels y [n, ...].

    ``outputs`` is the shape of those of one example, ``weights`` [n] make both means by weight. The softmax cross
    entropy has ln c and the label entropy, the multiclass hinge c - 1, yes or no ln 2, the squared error the target's
    mean square and variance, the absolute error its mean size and mean absolute deviation. The best constant is looked
    for from those that are best for known losses: that of a loss of several valleys is a bound from above.

    >>> import numpy as np
    >>> from dlcore import losses
    >>> from dlcore.diagnosis import expected_loss
    >>> print(f"{expected_loss(losses.softmax_cross_entropy, np.arange(10), (10,)).zero:.4f}")  # ln 10
    2.3026
    """
    y, w = _labels(y, outputs, weights)
    k = outputs[-1] if outputs else 1
    mean = jax.jit(lambda b: _mean(loss, jnp.broadcast_to(b if outputs else b[0], (len(y), *outputs)), y, w))
    nothing = jnp.zeros(k)
    probabilities = not math.isfinite(mean(nothing))
    neutral = jnp.full(k, 1 / max(k, 2)) if probabilities else nothing
    return ExpectedLoss(
        zero=float(mean(neutral)),
        constant=_least(mean, [neutral, *_guesses(y, w, k)]),
        loud=_of_noise(loss, y, w, outputs, probabilities),
        classes=max(k, 2) if jnp.issubdtype(y.dtype, jnp.integer) else 0,
    )


def _labels(y, outputs, weights):
    y = jnp.asarray(y)
    if not y.ndim or not len(y):
        raise ValueError(needed("expected_loss: y", "labels [n, ...]", list(y.shape)))
    n = min(len(y), max(_MOST // math.prod(outputs), 1))
    w = jnp.ones(len(y)) if weights is None else jnp.asarray(weights, float)
    return y[:n], w[:n]


def _mean(loss, outputs, y, w):
    values = per_example("loss", loss, outputs, y)
    return jnp.sum(jnp.where(w == 0, 0, w * values)) / jnp.sum(w)


def _of_noise(loss, y, w, outputs, probabilities):
    """The mean over random outputs; for a loss on probabilities over those that such outputs stand for."""
    n = max(len(y), _FEWEST)
    rows = np.resize(np.arange(len(y)), n)
    noise = jnp.asarray(np.random.default_rng(0).normal(0, _NOISE, (n, *outputs)), float)
    several = probabilities and outputs and outputs[-1] > 1
    made = jax.nn.softmax(noise) if several else jax.nn.sigmoid(noise) if probabilities else noise
    return float(_mean(loss, made, y[rows], w[rows]))


def _least(mean, starts):
    """The least mean loss of constant outputs [k], from the best of ``starts`` downhill."""
    from scipy.optimize import minimize

    best, start = min((math.inf if math.isnan(v := float(mean(b))) else v, i) for i, b in enumerate(starts))
    slope = jax.jit(jax.value_and_grad(mean))

    def f(b):
        value, gradient = slope(jnp.asarray(b, starts[start].dtype))
        return float(value), np.nan_to_num(np.asarray(gradient, float))

    found = minimize(f, np.asarray(starts[start], float), jac=True, method="L-BFGS-B").fun
    return min(best, found) if math.isfinite(found) else best


def _guesses(y, w, k) -> Iterator[Any]:
    """What is best for a loss that is known: logarithms of shares, shares, margins; the mean and the median."""
    flat, tiny = np.asarray(y), 1e-30
    if not np.issubdtype(flat.dtype, np.integer):
        rows = flat.reshape(-1, k) if flat.size % k == 0 else flat.reshape(-1, 1)
        many = np.repeat(np.asarray(w), len(rows) // len(flat))
        yield from (jnp.broadcast_to(jnp.asarray(v, float), (k,)) for v in _middles(rows, many))
        return
    many = np.repeat(np.asarray(w), flat.size // len(flat))
    if k == 1:
        p = float(np.average(flat.reshape(-1) > 0, weights=many))
        yield from (jnp.full(1, v) for v in (math.log(max(p, tiny) / max(1 - p, tiny)), p, 1.0, -1.0))
        return
    share = np.bincount(np.clip(flat.reshape(-1), 0, k - 1), many, k) / many.sum()
    yield from (jnp.asarray(np.log(np.maximum(share, tiny)), float), jnp.asarray(share, float))
    order = np.argsort(-share)
    yield from (jnp.zeros(k).at[order[:r]].set(1.0) for r in range(1, min(k, _STEPS)))


def _middles(rows, w):
    """Mean and median of the columns, by weight, and logarithms of the means where all are shares."""
    mean = np.average(rows, axis=0, weights=w)
    order = np.argsort(rows, axis=0)
    below = np.cumsum(np.asarray(w)[order], axis=0)
    half = (below >= below[-1:] / 2).argmax(0)
    yield mean
    yield np.take_along_axis(rows, order, 0)[half, np.arange(rows.shape[1])]
    if rows.min() >= 0 and rows.max() <= 1:
        yield np.log(np.maximum(mean, 1e-30))

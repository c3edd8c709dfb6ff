"""The first artificial neurons: McCulloch and Pitts 1943, Rosenblatt 1958, Widrow and Hoff 1960.

Each made one step: weights; weights that are learned; weights learned from the size of the error.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.activations import step
from dlcore.classics.linear import at_zero, check_examples, in_dtype, wide
from dlcore.layers import dense
from dlcore.losses.labels import side
from dlcore.numerics.formats import Array, Scalar, in_dtype_of
from dlcore.numerics.ranges import POSITIVE


class ThresholdUnit(NamedTuple):
    """A neuron whose weights [d] and threshold [] are set by hand."""

    weights: Array
    threshold: Array


def mcculloch_pitts(unit: ThresholdUnit, x: Array) -> Array:
    r"""1 if $\sum_j w_j x_j \ge \vartheta$, else 0: x [..., d] of 0 and 1 -> [...]. McCulloch & Pitts 1943.

    Raises ValueError unless there is a weight for every input.
    """
    weights, threshold = (jnp.asarray(a, x.dtype) for a in unit)
    return step(dense({"kernel": weights, "bias": -threshold}, x))


def and_unit(inputs: int) -> ThresholdUnit:
    """Fires when all ``inputs`` do."""
    return ThresholdUnit(jnp.ones(inputs), jnp.asarray(float(inputs)))


def or_unit(inputs: int) -> ThresholdUnit:
    """Fires when at least one of ``inputs`` does."""
    return ThresholdUnit(jnp.ones(inputs), jnp.asarray(1.0))


def not_unit() -> ThresholdUnit:
    """Fires when its one input does not."""
    return ThresholdUnit(-jnp.ones(1), jnp.asarray(0.0))


def perceptron_fit(x: Array, y: Array, learning_rate: Scalar = 1.0, epochs: Scalar = 1000) -> dict[str, Array]:
    r"""For one example after another: $\theta \leftarrow \theta + \alpha y_i x_i$ where $y_i s_i \le 0$.

    Rosenblatt 1958. x [n, d], y [n] of -1 and 1. Ends after an epoch without a mistake; from 0 there are at most
    $(R / \gamma)^2$ of them for examples of length up to R and a margin $\gamma$ (Novikoff 1962, bias included in
    both). Classes that no hyperplane separates go on until ``epochs`` are over. NaN for other labels. Raises ValueError
    or TypeError for shapes and dtypes that do not fit.
    """
    check_examples(x, y)
    POSITIVE.check("learning_rate", learning_rate)
    return in_dtype(_perceptron_fit(*wide(x, side(x[:, 0], y)), learning_rate, epochs), x)


@jax.jit
def _perceptron_fit(x, y, learning_rate, epochs):
    rate = in_dtype_of(x, learning_rate)

    def one(carry, example):
        params, mistakes = carry
        xi, yi = example
        wrong = ~(yi * dense(params, xi) > 0)  # in this form a NaN is a mistake, and shows in the parameters
        new = _moved(params, jnp.where(wrong, rate * yi, 0), xi)
        return (new, mistakes + wrong.astype(jnp.int32)), None

    def epoch(carry):
        params, _, t = carry
        (params, mistakes), _ = jax.lax.scan(one, (params, jnp.int32(0)), (x, y))
        return params, mistakes, t + 1

    def going(carry):
        _, mistakes, t = carry
        return (mistakes > 0) & (t < jnp.asarray(epochs).astype(jnp.int32))

    return jax.lax.while_loop(going, epoch, (at_zero(x), jnp.int32(1), jnp.int32(0)))[0]


def adaline_fit(x: Array, y: Array, learning_rate: Scalar = 0.01, epochs: Scalar = 100) -> dict[str, Array]:
    r"""For one example after another: $\theta \leftarrow \theta + \alpha (y_i - s_i) x_i$, the delta rule.

    Widrow & Hoff 1960. Stochastic gradient descent on $\frac12 (y - s)^2$ of the score before the sign, so it learns
    from right answers too. x [n, d], y [n] of -1 and 1; stable for $\alpha \|(x, 1)\|^2 < 2$. NaN for other labels.
    Raises ValueError or TypeError for shapes and dtypes that do not fit.
    """
    check_examples(x, y)
    POSITIVE.check("learning_rate", learning_rate)
    return in_dtype(_adaline_fit(*wide(x, side(x[:, 0], y)), learning_rate, epochs), x)


@jax.jit
def _adaline_fit(x, y, learning_rate, epochs):
    rate = in_dtype_of(x, learning_rate)

    def one(params, example):
        xi, yi = example
        return _moved(params, rate * (yi - dense(params, xi)), xi), None

    def epoch(_, params):
        return jax.lax.scan(one, params, (x, y))[0]

    return jax.lax.fori_loop(0, jnp.asarray(epochs).astype(jnp.int32), epoch, at_zero(x))


def _moved(params, length, xi):
    return {"kernel": params["kernel"] + length * xi, "bias": params["bias"] + length}

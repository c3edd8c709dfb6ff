"""The linear support vector machine: the hyperplane with the widest margin, few examples inside."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.classics.linear import check_examples, in_dtype, wide
from dlcore.layers import dense
from dlcore.losses import hinge
from dlcore.losses.labels import side
from dlcore.numerics.formats import Array, Scalar, in_dtype_of
from dlcore.numerics.ranges import POSITIVE


def svm_loss(params: dict[str, Array], x: Array, y: Array, C: Scalar = 1.0) -> Array:
    r"""$\frac12 (\|w\|^2 + b^2) + C \sum_i \max(0, 1 - y_i s_i)$: x [n, d], y [n] of -1 and 1 -> [].

    Cortes & Vapnik 1995, eq. 11, with the bias in the norm as LIBLINEAR has it, which makes the dual a box.
    """
    squares = sum(jnp.sum(jnp.square(p)) for p in params.values())
    return squares / 2 + in_dtype_of(x, C) * jnp.sum(hinge(dense(params, x), y))


class _Dual(NamedTuple):
    alpha: Array
    w: Array
    violation: Array
    epoch: Array


def svm_fit(
    x: Array, y: Array, C: Scalar = 1.0, tolerance: Scalar = 1e-4, max_epochs: Scalar = 10_000
) -> dict[str, Array]:
    r"""The minimum of ``svm_loss`` by coordinate descent in its dual. Hsieh et al. 2008, algorithm 1.

    With $w = \sum_i \alpha_i y_i x_i$, for one example after another: $\alpha_i \leftarrow \min(\max(\alpha_i -
    G / \|x_i\|^2, 0), C)$, $G = y_i w^\top x_i - 1$; ends where no projected gradient exceeds ``tolerance``.
    x [n, d], y [n] of -1 and 1; scikit-learn's ``LinearSVC(loss="hinge", C=C)``. More classes: ``jax.vmap`` over one
    y for each. NaN for other labels. Raises ValueError or TypeError for shapes and dtypes that do not fit.
    """
    check_examples(x, y)
    POSITIVE.check("C", C)
    X, Y = wide(x, side(x[:, 0], y))
    w = _svm_fit(X, Y, C, tolerance, max_epochs)
    return in_dtype({"kernel": w[:-1], "bias": w[-1]}, x)


@jax.jit
def _svm_fit(x, y, C, tolerance, max_epochs):
    C, tolerance = in_dtype_of(x, C, tolerance)
    X = jnp.column_stack([x, jnp.ones_like(x[:, :1])])
    squares = jnp.sum(jnp.square(X), axis=1)
    limit = jnp.asarray(max_epochs).astype(jnp.int32)

    def one(i, carry):
        alpha, w, violation = carry
        G = y[i] * (X[i] @ w) - 1
        a = jnp.clip(alpha[i] - G / squares[i], 0, C)
        down, up = alpha[i] > 0, alpha[i] < C  # where the box leaves room to move
        projected = jnp.where((G > 0) & down | ((G < 0) & up) | jnp.isnan(G), jnp.abs(G), 0)
        return alpha.at[i].set(a), w + (a - alpha[i]) * y[i] * X[i], jnp.maximum(violation, projected)

    def epoch(s):
        alpha, w, violation = jax.lax.fori_loop(0, len(y), one, (s.alpha, s.w, jnp.zeros_like(s.violation)))
        return _Dual(alpha, w, violation, s.epoch + 1)

    def going(s: _Dual) -> Any:
        return (s.violation > tolerance) & (s.epoch < limit)

    start = _Dual(jnp.zeros_like(y), jnp.zeros_like(X[0]), jnp.asarray(jnp.inf, x.dtype), jnp.int32(0))
    with jax.default_matmul_precision("highest"):
        return jax.lax.while_loop(going, epoch, start).w

r"""What all linear models share: the score $s = xw + b$ of a dense layer, its sign, and how its parameters are fitted.

Parameters are those of a dense layer, ``{"kernel": w, "bias": b}``: w [d] and b [] for one output, w [d, k] and b [k]
for k of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.activations import sign
from dlcore.classics.units import centered, in_units, per_size, units_of
from dlcore.layers import dense
from dlcore.numerics.errors import check_float, needed
from dlcore.numerics.formats import Array, PyTree, Scalar, at_least_f32, in_dtype_of
from dlcore.solvers import Status, minimize


def linear_classifier(params: dict[str, Array], x: Array) -> Array:
    r"""$\operatorname{sign}(xw + b)$, 1 at 0: x [..., d] -> -1 or 1 [...], or [..., k] for k classifiers.

    What perceptron, Adaline and support vector machine predict.
    """
    return sign(dense(params, x))


def check_features(x: Any) -> None:
    """Raise TypeError or ValueError unless ``x`` is a floating matrix [n, d] with at least one row and column."""
    check_float("x", x)
    if jnp.ndim(x) != 2 or not jnp.size(x):
        hint = "x[:, None] for one feature" if jnp.ndim(x) == 1 else "x.reshape(len(x), -1)"
        raise ValueError(needed("x", "examples [n, d], at least one of each", list(jnp.shape(x)), hint))


def check_examples(x: Any, y: Any, ranks: tuple[int, ...] = (1,)) -> None:
    """As ``check_features``, and ValueError unless ``y`` holds one target, in as many axes as ``ranks``, for each."""
    check_features(x)
    if jnp.ndim(y) in ranks and jnp.shape(y)[0] == jnp.shape(x)[0]:
        return
    n = jnp.shape(x)[0]
    shapes = " or ".join(f"[{n}]" if rank == 1 else f"[{n}, k]" for rank in ranks)
    hint = "y[:, 0]" if jnp.shape(y) == (n, 1) else "one target for each row of x"
    raise ValueError(needed("y", f"{shapes} for x {list(jnp.shape(x))}", list(jnp.shape(y)), hint))


def wide(x: Array, *others: Any) -> Any:
    """``x`` in at least float32, and ``others`` in its dtype."""
    dtype = at_least_f32(x.dtype)
    return tuple(jnp.asarray(a, dtype) for a in (x, *others))


def in_dtype(params: PyTree, like: Array) -> PyTree:
    """``params`` in the dtype of ``like``."""
    return jax.tree.map(lambda p: p.astype(like.dtype), params)


def squared_norm(w: Array, l2: Scalar) -> Array:
    r"""$\lambda \|w\|^2$, 0 for $\lambda = 0$ however large w is."""
    return jnp.sum(in_dtype_of(w, l2) * w * w)


def at_zero(x: Array, outputs: tuple[int, ...] = ()) -> dict[str, Array]:
    """Parameters for the features of x [n, d], all 0."""
    return {"kernel": jnp.zeros(x.shape[1:] + outputs, x.dtype), "bias": jnp.zeros(outputs, x.dtype)}


def descended(method: Any, loss: Callable, start: PyTree, x: Array, y: Array, l2: Array) -> PyTree:
    """argmin ``loss(params, x, y, l2)`` from ``start``, all NaN where the loss is not finite there.

    The solver works on features of mean 0 and deviation about 1, else one in millimeters would be learned a million
    times faster than the same in kilometers. Only the bias, which no penalty binds, takes up the shift.
    """
    units = units_of(x)
    s = minimize(method, _of_scaled(loss), start, args=(units, centered(x, units), y, l2))
    return jax.tree.map(lambda p: jnp.where(s.status == Status.NOT_FINITE, jnp.nan, p), in_units(s.params, units))


@functools.cache
def _of_scaled(loss):
    """One function for each loss: what the solver compiled for it is found again."""
    return lambda params, units, *data: loss(params | {"kernel": per_size(params["kernel"], units)}, *data)

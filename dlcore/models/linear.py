r"""What all linear models share: the score $s = xw + b$, and how its parameters are fitted.

Parameters are named as those of a dense layer, ``{"kernel": w, "bias": b}``: w [d] and b [] for one output, w [d, k]
and b [k] for k of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, PyTree, at_least_f32, check_float
from dlcore.solvers import Status, minimize


def affine(params: dict[str, Array], x: Array) -> Array:
    r"""$\theta_0 + \sum_j x_j \theta_j$: x [..., d] -> [...] for a kernel [d], [..., k] for a kernel [d, k].

    Raises ValueError when the last axis of ``x`` is not the kernel's first.
    """
    kernel, bias = params["kernel"], params["bias"]
    if jnp.ndim(x) == 0 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"affine: needed x [..., {kernel.shape[0]}], got x {list(jnp.shape(x))}; try the features of the fit"
        )
    s = jnp.matmul(x, kernel)
    return s + jnp.broadcast_to(bias, s.shape)


def _check_features(x: Any) -> None:
    """Raise TypeError or ValueError unless ``x`` is a floating matrix [n, d] with at least one row and column."""
    check_float("x", x)
    if jnp.ndim(x) != 2 or not jnp.size(x):
        hint = "x[:, None] for one feature" if jnp.ndim(x) == 1 else "x.reshape(len(x), -1)"
        raise ValueError(f"x: needed examples [n, d], at least one of each, got {list(jnp.shape(x))}; try {hint}")


def _check_examples(x: Any, y: Any, ranks: tuple[int, ...] = (1,)) -> None:
    """As ``_check_features``, and ValueError unless ``y`` holds one target, in as many axes as ``ranks``, for each."""
    _check_features(x)
    if jnp.ndim(y) in ranks and jnp.shape(y)[0] == jnp.shape(x)[0]:
        return
    n = jnp.shape(x)[0]
    needed = " or ".join(f"[{n}]" if rank == 1 else f"[{n}, k]" for rank in ranks)
    hint = "y[:, 0]" if jnp.shape(y) == (n, 1) else "one target for each row of x"
    raise ValueError(f"y: needed {needed} for x {list(jnp.shape(x))}, got {list(jnp.shape(y))}; try {hint}")


def _wide(x: Array, *others: Any) -> Any:
    """``x`` in at least float32, and ``others`` in its dtype."""
    dtype = at_least_f32(x.dtype)
    return tuple(jnp.asarray(a, dtype) for a in (x, *others))


def _in_dtype(params: PyTree, like: Array) -> PyTree:
    return jax.tree.map(lambda p: p.astype(like.dtype), params)


def _zeros(x: Array, outputs: tuple[int, ...] = ()) -> dict[str, Array]:
    """Parameters for the features of x [n, d], all 0."""
    return {"kernel": jnp.zeros(x.shape[1:] + outputs, x.dtype), "bias": jnp.zeros(outputs, x.dtype)}


def _minimizer(method: Any, loss: Callable, start: PyTree, x: Array, y: Array, l2: Array) -> PyTree:
    """argmin ``loss(params, x, y, l2)`` from ``start``, all NaN where the loss is not finite there.

    The solver works on features of mean 0 and deviation 1, else one in millimetres would be learnt a million times
    faster than the same in kilometres. Only the bias, which no penalty binds, takes up the shift.
    """
    mean, deviation = jnp.mean(x, axis=0), jnp.std(x, axis=0)
    units = mean, jnp.where((deviation > 0) & jnp.isfinite(deviation), deviation, 1)
    s = minimize(method, _of_standardised(loss), start, args=(units, x, y, l2))
    return jax.tree.map(lambda p: jnp.where(s.status == Status.NOT_FINITE, jnp.nan, p), _in_units(s.params, units))


@functools.cache
def _of_standardised(loss):
    """One function for each loss: what the solver compiled for it is found again."""
    return lambda params, units, *data: loss(_in_units(params, units), *data)


def _in_units(params, units):
    mean, deviation = units
    kernel = params["kernel"] / deviation.reshape((-1,) + (1,) * (params["kernel"].ndim - 1))
    return {"kernel": kernel, "bias": params["bias"] - jnp.matmul(mean, kernel)}

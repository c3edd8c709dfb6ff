"""What the density functions ask of their arguments, and the one dtype they compute in."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.contracts import Array, Scalar, at_least_f32, check_between, check_float, check_same_shape

F = TypeVar("F", bound=Callable[..., Any])


def over_arrays(*positive: str) -> Callable[[F], F]:
    """Lift ``f(x, *numbers)`` to any arrays: computes in at least float32, returns the dtype of the first array.

    Arguments are scalars or of one shape; those named in ``positive`` must be. Raises TypeError for an array that is
    not floating, ValueError for other shapes and for numbers known not to be positive.
    """

    def lift(f: F) -> F:
        signature = inspect.signature(f)

        @functools.wraps(f)
        def lifted(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            check_positive(**{name: given[name] for name in positive})
            check_same_shape(**{name: a for name, a in given.items() if np.shape(a)})
            dtype = dtype_of(**given)
            return f(*(jnp.asarray(a, at_least_f32(dtype)) for a in given.values())).astype(dtype)

        return cast(F, lifted)

    return lift


def dtype_of(**arguments: Any) -> Any:
    """The dtype of the first array, which must be floating; JAX's default float for Python numbers alone."""
    for name, a in arguments.items():
        if hasattr(a, "dtype"):
            check_float(name, a)
            return a.dtype
    return jnp.zeros(()).dtype


def location_scale(draw: Any, key: Array, shape: tuple[int, ...], location: Scalar, scale: Scalar, dtype: Any) -> Array:
    r"""$\mu + \sigma z$ with z of ``shape`` from JAX's sampler ``draw``; numbers are scalars or [*shape].

    Raises TypeError for a dtype that is not floating, ValueError for other shapes and a scale known not to be positive.
    """
    check_positive(scale=scale)
    dtype = jnp.zeros((), dtype).dtype
    check_float("dtype", dtype)
    for name, number in {"location": location, "scale": scale}.items():
        if np.shape(number) not in ((), tuple(shape)):
            raise ValueError(
                f"{name}: needed a scalar or {list(shape)}, got {list(np.shape(number))}; try: broadcast it"
            )
    wide = at_least_f32(dtype)
    z = draw(key, tuple(shape), wide)
    return (jnp.asarray(location, wide) + jnp.asarray(scale, wide) * z).astype(dtype)


def check_positive(**numbers: Any) -> None:
    """Raise ValueError unless all ``numbers`` that are known are positive; traced ones are data and pass."""
    check_between(0, np.inf, **numbers)
    for name, value in numbers.items():
        if not isinstance(value, Tracer) and np.any(np.asarray(value) == 0):
            raise ValueError(f"{name}: needed positive numbers, got 0; try: a small number, or a point mass by hand")


def check_probabilities(**arrays: Array) -> None:
    """Raise TypeError unless floating; ValueError if known not to lie in [0, 1] or not to sum to 1 on the last axis."""
    for name, p in arrays.items():
        check_float(name, p)
        check_between(0, 1, **{name: p})
        if np.ndim(p) == 0:
            raise ValueError(f"{name}: needed probabilities [..., c], got a scalar; try: jnp.stack([1 - p, p], -1)")
        if isinstance(p, Tracer) or 0 in np.shape(p):
            continue
        totals = np.sum(np.asarray(p, np.float64), -1).ravel()
        worst = totals[np.argmax(np.abs(totals - 1))]
        if abs(worst - 1) > max(np.sqrt(float(jnp.finfo(p.dtype).eps)), 1e-4):
            raise ValueError(f"{name}: needed a sum of 1 along the last axis, got {worst:.6g}; try: divide by the sum")

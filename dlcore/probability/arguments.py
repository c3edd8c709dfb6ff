"""What the density functions ask of their arguments, and the one dtype they compute in."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax.numpy as jnp
import numpy as np

from dlcore.numerics.errors import check_float, check_same_shape, needed
from dlcore.numerics.formats import Array, Scalar, at_least_f32, compiled
from dlcore.numerics.ranges import POSITIVE, Range

F = TypeVar("F", bound=Callable[..., Any])


def over_arrays(**ranges: Range) -> Callable[[F], F]:
    """Lift ``f(x, *numbers)`` to any arrays: compiled, in at least float32, returns the dtype of the first array.

    Arguments are scalars or of one shape. Raises TypeError for an array that is not floating, ValueError for other
    shapes and for numbers known to lie outside ``ranges``; traced ones give NaN.
    """

    return functools.partial(_over_arrays, ranges)


def dtype_of(**arguments: Any) -> Any:
    """The dtype of the first array, which must be floating; JAX's default float for Python numbers alone.

    What JAX calls of weak type was a Python number.
    """
    for name, a in arguments.items():
        if hasattr(a, "dtype") and not getattr(a, "weak_type", False):
            check_float(name, a)
            return a.dtype
    return jnp.zeros(()).dtype


def location_scale(draw: Any, key: Array, shape: tuple[int, ...], location: Scalar, scale: Scalar, dtype: Any) -> Array:
    r"""$\mu + \sigma z$ with z of ``shape`` from JAX's sampler ``draw``; numbers are scalars or [*shape].

    Raises TypeError for a dtype that is not floating, ValueError for other shapes and a scale known not to be positive.
    """
    return _location_scale(draw, key, tuple(shape), location, scale, jnp.zeros((), dtype).dtype)


@compiled("draw", "shape", "dtype", scale=POSITIVE)
def _location_scale(draw, key, shape, location, scale, dtype):
    check_float("dtype", dtype)
    for name, number in {"location": location, "scale": scale}.items():
        if np.shape(number) not in ((), shape):
            raise ValueError(needed(name, f"a scalar or {list(shape)}", list(np.shape(number)), "broadcasting it"))
    wide = at_least_f32(dtype)
    return (jnp.asarray(location, wide) + jnp.asarray(scale, wide) * draw(key, shape, wide)).astype(dtype)


def _over_arrays(ranges: dict[str, Range], f: F) -> F:
    signature = inspect.signature(f)

    @functools.wraps(f)
    def wide(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        check_same_shape(**{name: a for name, a in given.items() if np.shape(a)})
        dtype = dtype_of(**given)
        return f(*(jnp.asarray(a, at_least_f32(dtype)) for a in given.values())).astype(dtype)

    return compiled(**ranges)(cast(F, wide))

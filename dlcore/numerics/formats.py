"""Number formats: one dtype in and out, computed in float32 or wider."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import check_float
from dlcore.numerics.ranges import Range, Shares

Array: TypeAlias = jax.Array

Scalar: TypeAlias = Any  # a number, a traced scalar or, in an optimizer, a schedule

PyTree: TypeAlias = Any

F = TypeVar("F", bound=Callable[..., Any])


def in_dtype_of(x: Any, *numbers: Any) -> Any:
    """``numbers`` in the real dtype of ``x``; Python numbers stay as they are, their precision is the caller's.

    A swept hyperparameter is a float32 array: beside bfloat16 data it would widen the result, and under strict
    promotion it is an error.
    """
    real = jnp.finfo(jnp.result_type(x)).dtype
    cast = tuple(jnp.asarray(n, real) if hasattr(n, "dtype") else n for n in numbers)
    return cast[0] if len(cast) == 1 else cast


def at_least_f32(dtype: Any) -> Any:
    """The dtype to compute in for values stored as ``dtype``: float32 for the 16-bit types, else itself."""
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.dtype(jnp.float32)


def in_precision_of(dtype: Any, a: Array) -> Array:
    """``a`` in the precision of ``dtype``; integers stay, real stays real and complex complex."""
    if jnp.issubdtype(a.dtype, jnp.complexfloating):
        return a.astype(dtype) if jnp.issubdtype(dtype, jnp.complexfloating) else a
    return a.astype(jnp.finfo(dtype).dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a


def bits(x: Array) -> int:
    """The width of the floating type of ``x``, which decides how many terms a series needs."""
    return jnp.finfo(x.dtype).bits


def compiled(*static: str, **ranges: Range | Shares) -> Callable[[F], F]:
    """Make ``f`` one program when it is called by hand; inside another program it is part of that.

    Arguments in ``static`` select code. Numbers outside ``ranges`` raise ValueError where they are known, and are NaN
    where they are traced.
    """

    return functools.partial(_compiled, static, ranges)


def lifted(*static: str, **ranges: Range | Shares) -> Callable[[F], F]:
    """Compute wide, store narrow, ``compiled``: ``f(x, *others)`` gets floating arrays in at least float32.

    What it returns is in the dtype of ``x``. Python numbers keep their own precision. Raises TypeError where ``x`` is
    not of a floating type.
    """

    return functools.partial(_lifted, static, ranges)


def elementwise(f: F) -> F:
    """``lifted``: f(s, *numbers), [...] -> [...]."""
    return lifted()(f)


def _compiled(static: tuple[str, ...], ranges: dict[str, Range | Shares], f: F) -> F:
    signature = inspect.signature(f)

    @functools.wraps(f)
    def body(*args, **named):
        given = signature.bind(*args, **named).arguments
        return f(**given | {name: a.or_nan(given[name]) for name, a in ranges.items() if name in given})

    program = jax.jit(body if ranges else f, static_argnames=static, inline=True)
    return cast(F, _checked(program, list(signature.parameters), ranges) if ranges else program)


def _lifted(static: tuple[str, ...], ranges: dict[str, Range | Shares], f: F) -> F:
    signature = inspect.signature(f)
    first = next(iter(signature.parameters))

    @functools.wraps(f)
    def kept(*args, **named):
        given = signature.bind(*args, **named).arguments
        check_float(first, given[first])
        dtype = jnp.result_type(given[first])
        wide = at_least_f32(dtype)
        given |= {first: jnp.asarray(given[first], wide)}
        return f(**{name: _widened(a, wide) for name, a in given.items()}).astype(dtype)

    return _compiled(static, ranges, cast(F, kept))


def _widened(a: Any, wide: Any) -> Any:
    floating = hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating)
    return jnp.asarray(a, jnp.finfo(wide).dtype) if floating else a


def _checked(program: Any, names: list[str], ranges: dict[str, Range | Shares]) -> Callable[..., Any]:
    places = [(name, names.index(name), allowed) for name, allowed in ranges.items()]

    @functools.wraps(program)
    def called(*args, **named):
        for name, place, allowed in places:
            value = args[place] if place < len(args) else named.get(name)
            if value is not None:
                allowed.check(name, value)
        return program(*args, **named)

    return called

"""The contracts that every function keeps: one dtype in and out, and errors that say needed, got, try."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

Array: TypeAlias = jax.Array
Scalar: TypeAlias = Any  # a number, a traced scalar or, in an optimizer, a schedule
PyTree: TypeAlias = Any


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


def check_float(name: str, x: Any) -> None:
    """Raise TypeError unless ``x`` is of a floating type."""
    if not jnp.issubdtype(jnp.result_type(x), jnp.inexact):
        raise TypeError(f"{name}: needed a floating type, got {jnp.result_type(x)}; try {name}.astype(jnp.float32)")


def check_same_shape(**arrays: Any) -> None:
    """Raise ValueError unless all ``arrays`` have one shape: (n, 1) against (n,) never broadcasts silently."""
    shapes = {name: np.shape(a) for name, a in arrays.items()}
    if len(set(shapes.values())) > 1:
        got = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        sizes = {int(np.prod(shape)) for shape in shapes.values()}
        hint = "reshape one of them, for example with [..., None] or .squeeze(-1)" if len(sizes) == 1 else "align them"
        raise ValueError(f"needed equal shapes, got {got}; try: {hint}")


def check_between(low: float, high: float, **numbers: Any) -> None:
    """Raise ValueError unless all ``numbers`` that are known lie in [low, high]; traced ones are data and pass."""
    for name, value in numbers.items():
        if isinstance(value, Tracer):
            continue
        outside = np.asarray(value)[(np.asarray(value) < low) | (np.asarray(value) > high)]
        if outside.size:
            limits = f"numbers from {low:g} to {high:g}" if high < np.inf else f"numbers not below {low:g}"
            raise ValueError(
                f"{name}: needed {limits}, got {outside.flat[0]}; try: clip it, or look where it comes from"
            )


def elementwise(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``f(s, *numbers)`` keep dtypes: computed in float32 or wider, given back in the dtype of ``s``.

    Raises TypeError where ``s`` is not of a floating type.
    """

    @functools.wraps(f)
    def kept(s, *numbers, **named):
        check_float("s", s)
        dtype = jnp.result_type(s)
        wide = at_least_f32(dtype)
        numbers, named = jax.tree.map(lambda n: in_dtype_of(wide, n), (numbers, named))
        return f(jnp.asarray(s, wide), *numbers, **named).astype(dtype)

    return kept


def with_derivative(derivative: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``f(s)``, elementwise, the derivative to use where automatic differentiation would lose digits."""

    def made(f):
        known = jax.custom_jvp(f)
        known.defjvp(lambda primals, tangents: (known(*primals), derivative(*primals) * tangents[0]))
        return known

    return made


def with_rule(rule: Callable[[Any], tuple[Any, Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``f(s)``, elementwise, the derivative of ``rule(s)``: value and derivative, which share what is costly."""

    def made(f):
        known = jax.custom_jvp(f)

        def jvp(primals, tangents):
            value, derivative = rule(*primals)
            return value, derivative * tangents[0]

        known.defjvp(jvp)
        return known

    return made


def with_curvature(curvature: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``rule(s)``, a value and its derivative, the derivative of the second too."""

    def made(rule):
        known = jax.custom_jvp(rule)

        def jvp(primals, tangents):
            value, derivative = known(*primals)
            return (value, derivative), (derivative * tangents[0], curvature(*primals) * tangents[0])

        known.defjvp(jvp)
        return known

    return made

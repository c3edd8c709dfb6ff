"""Errors that say what was needed, what came and what to try."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


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


def check_count(name: str, value: Any, most: int | None = None) -> None:
    """Raise ValueError unless ``value`` is an integer from 1 to ``most``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < 1 or (most is not None and value > most):
        what = "an integer of at least 1" if most is None else f"an integer from 1 to {most}"
        near = most if whole and most is not None and value > most else 1
        raise ValueError(needed(name, what, repr(value), f"{name.split(' ')[-1].split('.')[-1]}={near}"))


def needed(name: str, what: Any, got: Any, hint: str = "") -> str:
    """The one form of an error: ``name: needed what, got got; try hint``."""
    return f"{name}: needed {what}, got {got}" + (f"; try {hint}" if hint else "")

"""The one door to a training: data and setup as arrays, checked before anything is compiled."""

from typing import Any

import jax
import numpy as np

from dlcore.data import Examples, Padded, Split, Streamed, Weighted, train_validation
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training.checks import check_setup, known
from dlcore.training.setup import Setup, as_arrays

SHARE = 0.2  # of examples that come without a split: for validation
SMALL = ("bfloat16", "float8_e4m3fn", "float8_e5m2")  # floating types that NumPy does not know as such


def ready(setup: Setup, data: Any) -> tuple[Setup, Split]:
    """(setup, data) as arrays, checked: what ``start`` and ``advance`` take.

    ``data`` is a split, a pair (x, y), or (x, y, weights).

    Parts that are streamed stay so. Raises ValueError or TypeError, in one line, unless the one can be trained on the
    other.
    """
    data = parts(data)
    check_setup(setup, data)
    return as_arrays(setup), data


def is_examples(data: Any) -> bool:
    """Whether ``data`` are examples (x, y), or (x, y, weights), without a split."""
    return isinstance(data, (tuple, list)) and len(data) in (2, 3)


def arrays(data: Any) -> Split:
    """The parts of ``data`` that a training sees, ``train`` and ``validation``, as arrays of JAX.

    A pair (x, y), or (x, y, weights), is cut in two by ``data.train_validation``. Raises TypeError for what is
    streamed.
    """
    for name, part in (("training", getattr(data, "train", None)), ("validation", getattr(data, "validation", None))):
        if isinstance(part, Streamed):
            raise TypeError(needed(f"{name} data", "examples in memory", part, "fit, which reads streams"))
    return parts(data)


def parts(data: Any) -> Split:
    """``arrays``, or what is streamed as it is."""
    if is_examples(data):
        x, y, *weights = map(as_array, ("x", "y", "weights"), data)
        data = train_validation(x, y, SHARE, weights=weights[0] if weights else None)
    if not (hasattr(data, "train") and hasattr(data, "validation")):
        hint = "(x, y), or data.split(dataset)"
        raise TypeError(needed("data", "a split or a pair (x, y)", type(data).__name__, hint))
    return Split(_examples("training", data.train), _examples("validation", data.validation))


def shapes(data: Split) -> Split:
    """``data`` as shapes and dtypes, what is streamed too."""
    return jax.eval_shape(lambda split: split, known(data))


def _examples(name: str, part: Any) -> Any:
    if isinstance(part, Streamed):
        for letter in "xy":
            _check_numbers(f"{name} {letter}", getattr(part, letter).dtype)
        return part
    if not isinstance(part, Padded) and not is_examples(part):
        raise TypeError(needed(f"{name} data", "a pair (x, y)", type(part).__name__))
    if isinstance(part, Padded):
        weights = None if part.weights is None else as_array(f"{name} weights", part.weights)
        return Padded(as_array(f"{name} x", part.x), as_array(f"{name} y", part.y), part.n, weights)
    made = [as_array(f"{name} {which}", a) for which, a in zip(Weighted._fields, part, strict=False)]
    return Examples(*made) if len(made) == 2 else Weighted(*made)


def as_array(name: str, a: Any) -> Array:
    """``a`` on the device; raises TypeError, with ``name``, for what holds no numbers."""
    if isinstance(a, jax.Array):
        return a
    a = np.asarray(a)
    _check_numbers(name, a.dtype)
    # cast on the host: on the device it would be a program of its own
    return jax.device_put(a.astype(jax.dtypes.canonicalize_dtype(a.dtype)))


def _check_numbers(name: str, dtype: np.dtype) -> None:
    if dtype.kind not in "fiub" and dtype.name not in SMALL:
        hint = "np.unique(y, return_inverse=True)[1] for labels" if name.endswith("y") else "astype('float32')"
        raise TypeError(needed(name, "numbers", f"{dtype}", hint))

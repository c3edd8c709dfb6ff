"""Where windows lie on an image: what convolutions and pooling share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array

Pair = int | tuple[int, int]


class Placement(NamedTuple):
    """Windows along one axis: ``count`` of them, over an axis with ``low`` and ``high`` more places at its ends."""

    low: int
    high: int
    count: int


def pair(name: str, value: Pair) -> tuple[int, int]:
    """(rows, columns) of a number for both or a pair; raises ValueError unless they are integers of at least 1."""
    both = value if isinstance(value, tuple) else (value, value)
    if len(both) != 2 or not all(isinstance(v, int) and v >= 1 for v in both):
        raise ValueError(f"{name}: needed an integer of at least 1 or a pair of them, got {value!r}; try {name}=2")
    return both


def place(size: int, window: int, stride: int, padding: str) -> Placement:
    r"""Windows on an axis of s places: $\lceil s / t \rceil$ ("SAME") or $\lfloor (s - w) / t \rfloor + 1$ ("VALID").

    "SAME" pads evenly, the odd place at the end, as XLA and TensorFlow do; PyTorch's symmetric ``padding=w // 2`` is
    the same for stride 1 and odd windows only. Raises ValueError for another padding or where no window fits.
    """
    if padding not in ("SAME", "VALID"):
        raise ValueError(f'padding: needed "SAME" or "VALID", got {padding!r}')
    if padding == "SAME":
        count = -(-size // stride)
        missing = max((count - 1) * stride + window - size, 0)
        return Placement(missing // 2, missing - missing // 2, count)
    if window > size:
        raise ValueError(f'a window of {window} does not fit into {size} places; try a smaller one or padding="SAME"')
    return Placement(0, 0, (size - window) // stride + 1)


def views(x: Array, axis: int, offsets: Any, stride: int, placed: Placement, fill: float) -> list[Array]:
    """For each of ``offsets`` into a window: that element of all windows along ``axis``, ``fill`` beyond the ends."""
    ends = [(placed.low, placed.high, 0) if i == axis else (0, 0, 0) for i in range(x.ndim)]
    padded = jax.lax.pad(x, jnp.asarray(fill, x.dtype), ends)
    reach = (placed.count - 1) * stride + 1
    return [jax.lax.slice_in_dim(padded, i, i + reach, stride, axis) for i in offsets]


def check_images(name: str, x: Array) -> None:
    """Raise ValueError unless x is [n, h, w, c]."""
    if x.ndim != 4:
        raise ValueError(
            f"{name}: needed images x [n, h, w, c], got {list(x.shape)}; try Reshape((h, w, c)) as the first layer"
        )

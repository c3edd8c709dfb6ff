"""All that a study has found: rows at the epochs that they have come to, and the table that they make."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from dlcore.tuning.known import Resting, Row, Stream
from dlcore.tuning.tiles import missing

Found = dict[Row, dict[int, Resting]]  # rows at the epochs that they have come to


def table(found: Found, configurations: int, streams: Sequence[Stream]) -> Any:
    """``Rows`` [configurations, streams] of every row where it has come furthest; what is not there is missing."""
    place = {stream: i for i, stream in enumerate(streams)}
    alike: dict[Any, list[tuple[tuple[int, int], Sequence[np.ndarray]]]] = {}
    for row, at in found.items():
        leaves, structure = jax.tree.flatten(at[max(at)].found)
        alike.setdefault((structure, max(at)), []).append(((row.setup, place[row.stream]), leaves))
    places = [np.array([where for where, _ in some]).T for some in alike.values()]
    parts = [
        s.unflatten(map(np.stack, zip(*(leaves for _, leaves in some), strict=True))) for (s, _), some in alike.items()
    ]
    return _joined(places, parts, (configurations, len(streams)))


def _joined(places, parts, size):
    """The parts, leaves [rows, ...], as one, [configurations, streams, ...]."""
    first = next(part for part in parts if part is not None)
    if isinstance(first, dict):
        names = dict.fromkeys(name for part in parts if part is not None for name in part)
        return {name: _joined(places, [part and part.get(name) for part in parts], size) for name in names}
    if isinstance(first, tuple):
        columns = [[part and part[i] for part in parts] for i in range(len(first))]
        return type(first)(*(_joined(places, column, size) for column in columns))
    there = [(where, part) for where, part in zip(places, parts, strict=True) if part is not None]
    epochs = [max(part.shape[1] for _, part in there)] if first.ndim > 1 else []
    whole = np.full((*size, *epochs), missing(first.dtype), first.dtype)
    for (i, s), part in there:
        cell = whole[..., : part.shape[1]] if epochs else whole
        cell[i, s] = part
    return whole

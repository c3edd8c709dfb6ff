"""Streamed examples in pieces: what is read at once, and what is counted or predicted of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data import Examples, Streamed
from dlcore.data.batches import whole
from dlcore.data.streams import read_ahead
from dlcore.numerics.formats import PyTree
from dlcore.training.evaluation import chunks_of, counted_in
from dlcore.training.setup import Setup

LONGEST = 64  # mini-batches that are read, and trained on, at once


class Piece(NamedTuple):
    """What is read at once: ``count`` mini-batches x [k, B, ...], y [k, B, ...]; those behind it mean nothing.

    Where ``counts`` [k, B] is false an example only fills a place.
    """

    x: Any
    y: Any
    counts: Any
    count: Any


def cut(part: Streamed, count: int, size: int) -> list[range]:
    """``count`` batches of ``size`` in pieces of nearly one length: of all that are in hand in the memory given."""
    width = sum(like.dtype.itemsize * int(np.prod(like.shape[1:])) for like in (part.x, part.y))
    most = part.memory // (part.threads + 2) // max(1, width * size)  # read ahead, on the way, in use
    length = max(1, min(LONGEST, most))
    length = -(-count // max(1, -(-count // length)))
    return [range(i, min(i + length, count)) for i in range(0, count, max(1, length))]


def piece_of(rows: Examples, shape: tuple[int, ...], counts: Any, length: int) -> Piece:
    """Examples in batches of ``shape`` [k, B], filled up to ``length`` of them."""
    x, y = (_filled(a.reshape(*shape, *a.shape[1:]), length) for a in rows)
    return Piece(x, y, None if counts is None else _filled(counts, length), np.int32(shape[0]))


def places(setup: Setup, n: int, chunks: range) -> tuple[np.ndarray, np.ndarray | None]:
    """The numbers [k, B] of the examples in these chunks of n, and which of them count; None where all do.

    As in memory, the last chunk begins within the one before.
    """
    count, size = chunks_of(setup, n)
    first = np.array(chunks)[:, None] * size
    numbers = np.minimum(first, n - size) + np.arange(size)
    return numbers, None if count == 1 else numbers >= first


def rows_of(part: Streamed, numbers: np.ndarray, name: str) -> Examples:
    """The examples of these numbers as JAX will have them; raises ValueError, with ``name``, as ``part.rows`` does."""
    rows = part.rows(numbers, name)
    return Examples(*(a.astype(like.dtype, copy=False) for a, like in zip(rows, part.shapes, strict=True)))


def counted_of(setup: Setup, params: PyTree, model_state: PyTree, piece: Piece) -> PyTree:
    """What is counted of each of the chunks of ``piece``, with a first axis of them."""

    def one(chunk):
        x, y, counts = chunk
        return counted_in(setup, params, model_state, Examples(x, y), counts)

    return whole(jax.lax.map(one, piece[:3]))


def count_stream(setup: Setup, part: Streamed, f: Callable[[Piece], PyTree], axis: int) -> PyTree:
    """What ``f`` counts of all the chunks of ``part``, which are on this ``axis``, one piece after the other."""
    count, size = chunks_of(setup, len(part))
    cuts = cut(part, count, size)

    def read(i):
        numbers, counts = places(setup, len(part), cuts[i])
        return piece_of(rows_of(part, numbers.reshape(-1), "example"), numbers.shape, counts, len(cuts[0]))

    with read_ahead(read, 0, len(cuts), part.threads) as pieces:
        found = [jax.device_get(f(piece)) for piece in pieces]
    return jax.tree.map(lambda *a: np.take(np.concatenate(a, axis), range(count), axis), *found)


def apply_stream(part: Streamed, f: Callable[[np.ndarray], Any], chunk: int, axis: int) -> np.ndarray:
    """What ``f`` gives for x [chunk, ...] of ``part``, chunk by chunk, together on this ``axis``, on the host."""
    starts = range(0, len(part), chunk)

    def read(i):
        return rows_of(part, np.arange(starts[i], min(starts[i] + chunk, len(part))), "example").x

    with read_ahead(read, 0, len(starts), part.threads) as chunks:
        return np.concatenate([np.asarray(f(x)) for x in chunks], axis)


def _filled(a, length):
    if len(a) == length:
        return a
    return np.concatenate([a, np.zeros((length - len(a), *a.shape[1:]), a.dtype)])

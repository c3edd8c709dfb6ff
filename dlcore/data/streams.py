"""Examples that stay where they are and are read as they are needed: data larger than memory."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jax
import numpy as np

from dlcore.data.examples import Examples
from dlcore.numerics.errors import check_count, needed

_BLOCK = 256  # examples that are read at a time for their labels


def _same(a):
    return a


class _UnlikeError(ValueError):
    """What an example should have been and what it is."""


@dataclasses.dataclass(frozen=True, eq=False)
class Streamed:
    """Examples that are read by their numbers, the training or validation part of a ``Split``; made by ``stream``.

    ``x`` [n, ...] and ``y`` [n, ...] have the shapes and dtypes of all of them and no values; ``answers`` are those of
    y, where they are in memory.
    """

    x: jax.ShapeDtypeStruct
    y: jax.ShapeDtypeStruct
    read: Callable[[np.ndarray], Examples]
    threads: int
    memory: int
    answers: np.ndarray | None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    @functools.cached_property
    def shapes(self) -> Examples:
        """The shapes of x and y as JAX will have them: without 64 bits where those are off."""
        return Examples(*(jax.eval_shape(lambda a: a, like) for like in (self.x, self.y)))

    def rows(self, indices: np.ndarray, name: str = "example") -> Examples:
        """The examples of these numbers [k]: x [k, ...], y [k, ...].

        Raises ValueError, with ``name`` and the number, for the first that cannot be read or is not as example 0.
        """
        try:
            return self._alike(self.read(indices), len(indices))
        except Exception as error:  # whatever a source of somebody's meets
            self._blame(indices, name, error)

    def labels(self) -> np.ndarray:
        """y [n, ...] of all examples, in memory: unless they are there, everything is read once."""
        if self.answers is not None:
            return self.answers
        starts = range(0, len(self), _BLOCK)
        cut = [np.arange(i, min(i + _BLOCK, len(self))) for i in starts]
        with read_ahead(lambda i: self.rows(cut[i]).y, 0, len(cut), self.threads) as read:
            return np.concatenate(list(read))

    def map(self, f: Callable[[np.ndarray], np.ndarray], g: Callable[[np.ndarray], np.ndarray] = _same) -> "Streamed":
        """The same examples with ``f`` applied to x [k, ...], and ``g`` to y [k, ...], as they are read."""

        def read(indices):
            x, y = self._alike(self.read(indices), len(indices))
            return Examples(np.asarray(f(x)), np.asarray(g(y)))

        like = read(np.zeros(1, int))
        x, y = (jax.ShapeDtypeStruct((len(self), *a.shape[1:]), a.dtype) for a in like)
        answers = None if self.answers is None else np.asarray(g(self.answers))
        return dataclasses.replace(self, x=x, y=y, read=read, answers=answers)

    def taken(self, which: np.ndarray) -> "Streamed":
        """The examples of the numbers ``which`` [k], in their order."""
        x, y = (jax.ShapeDtypeStruct((len(which), *like.shape[1:]), like.dtype) for like in (self.x, self.y))
        answers = None if self.answers is None else self.answers[which]
        return dataclasses.replace(self, x=x, y=y, read=lambda i: self.read(which[i]), answers=answers)

    def _alike(self, rows, k):
        found = [(*a.shape, a.dtype) for a in rows]
        if found != [(k, *like.shape[1:], like.dtype) for like in (self.x, self.y)]:
            raise _UnlikeError(f"{_told(self.x, self.y)} as example 0 has, got {_told(*rows)}")
        return rows

    def _blame(self, indices: np.ndarray, name: str, error: Exception) -> NoReturn:
        for i in indices.tolist():
            try:
                self._alike(self.read(np.array([i])), 1)
            except Exception as own:
                told = own if isinstance(own, _UnlikeError) else f"what can be read, got {_line(own)}"
                raise ValueError(f"{name} {i}: needed {told}; try source[{i}], or to leave it out") from own
        raise ValueError(needed(f"{name}s", "to be read together as one by one", _line(error))) from error

    def __repr__(self) -> str:
        return f"Streamed(n={len(self)}, {_told(self.x, self.y)})"


def stream(x: Any, y: Any = None, *, threads: int = 4, memory: int = 1 << 26) -> Streamed:
    """Examples that ``fit`` reads from where they are, ahead of the training: by grain, the extra ``stream``.

    Either arrays x [n, ...] and y [n, ...]: anything with a shape and a dtype that gives the rows of an array of
    numbers, such as ``np.memmap``, a path of .npy, or lists of these, the parts of a set one after the other. Or one
    source with a length whose ``source[i]`` is the pair (x, y) of an example: a data source or ``MapDataset`` of grain,
    a list. All are read in ``threads`` of this process, at most ``memory`` bytes ahead; neither has an influence on the
    numbers, which are those of the same arrays in memory.

    Raises TypeError for what has no length or no dtype, ValueError for lengths that differ and for no example at all.

    >>> import numpy as np
    >>> from dlcore import data
    >>> data.stream(np.zeros((7, 3), np.float32), np.arange(7))
    Streamed(n=7, x float32 [3] and y int64 [])
    """
    grain()
    check_count("stream: threads", threads)
    check_count("stream: memory", memory)
    if y is None:
        return _of_source(x, threads, memory)
    arrays = Examples(*(_opened(letter, a) for letter, a in (("x", x), ("y", y))))
    lengths = [a.shape[0] for a in arrays]
    if lengths[0] != lengths[1] or not lengths[0]:
        raise ValueError(needed("stream", "as many labels as examples and at least one", f"{lengths[0]}, {lengths[1]}"))
    x, y = (jax.ShapeDtypeStruct(tuple(a.shape), np.dtype(a.dtype)) for a in arrays)
    there = arrays.y if isinstance(arrays.y, np.ndarray) and not isinstance(arrays.y, np.memmap) else None
    return Streamed(x, y, functools.partial(_array_rows, arrays), threads, memory, there)


def grain() -> Any:
    """The package that reads ahead; raises ModuleNotFoundError, with the extra, where it is not installed."""
    try:
        import grain
    except ImportError as error:
        hint = "pip install 'dlcore-jax[stream]'"
        raise ModuleNotFoundError(needed("stream", "the package grain", f"{error}", hint)) from error
    return grain


def labels_of(part: Any) -> np.ndarray:
    """y [n, ...] of ``part``, examples in memory or ``Streamed``."""
    return part.labels() if isinstance(part, Streamed) else np.asarray(part.y)


@contextlib.contextmanager
def read_ahead(read: Callable[[int], Any], first: int, end: int, threads: int) -> Iterator[Iterator[Any]]:
    """``read`` of ``first`` … ``end``-1 in this order, each in one of ``threads``, as many of them ahead."""
    library = grain()
    options = library.ReadOptions(num_threads=threads, prefetch_buffer_size=threads)
    pieces = iter(library.MapDataset.range(first, end).map(read).to_iter_dataset(options))
    with contextlib.closing(pieces):
        yield pieces


def _of_source(source: Any, threads: int, memory: int) -> Streamed:
    if not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        hint = "stream(x, y), or grain.MapDataset.source(list)"
        raise TypeError(needed("stream", "arrays x and y, or a source with len and [i]", type(source).__name__, hint))
    if not len(source):
        raise ValueError(needed("stream", "at least one example", "none"))
    first = _pair(source[0])
    x, y = (jax.ShapeDtypeStruct((len(source), *a.shape), a.dtype) for a in first)
    return Streamed(x, y, functools.partial(_source_rows, source, first), threads, memory)


def _source_rows(source: Any, like: Examples, indices: np.ndarray) -> Examples:
    pairs = [_pair(source[i]) for i in indices.tolist()]
    for pair in pairs:
        if [(a.shape, a.dtype) for a in pair] != [(a.shape, a.dtype) for a in like]:  # stacked they would be alike
            wanted, got = (_told(*(a[None] for a in two)) for two in (like, pair))
            raise _UnlikeError(f"{wanted} as example 0 has, got {got}")
    columns = ([pair[j] for pair in pairs] for j in (0, 1))
    return Examples(*(np.array(c, a.dtype).reshape(len(c), *a.shape) for c, a in zip(columns, like, strict=True)))


def _pair(example: Any) -> Examples:
    if not (isinstance(example, (tuple, list)) and len(example) == 2):
        hint = "grain.MapDataset.source(source).map(lambda e: (e['x'], e['y']))"
        raise TypeError(needed("example", "a pair (x, y)", type(example).__name__, hint))
    return Examples(*map(np.asarray, example))


def _array_rows(arrays: Examples, indices: np.ndarray) -> Examples:
    return Examples(*(_taken(a, indices) for a in arrays))


def _taken(a: Any, indices: np.ndarray) -> np.ndarray:
    """Rows of an array; those of a file, such as HDF5's, are asked for in their order there, each once."""
    if isinstance(a, np.ndarray):
        return np.asarray(a[indices])
    once, places = np.unique(indices, return_inverse=True)
    return np.asarray(a[once])[places]


def _opened(letter: str, a: Any) -> Any:
    if isinstance(a, (str, os.PathLike)):
        return _mapped(a)
    if isinstance(a, (list, tuple)):
        return _Parts(letter, [_opened(letter, part) for part in a])
    if not (hasattr(a, "dtype") and getattr(a, "shape", ())):
        what = "an array [n, ...], a path of .npy, or a list of them"
        raise TypeError(needed(f"stream: {letter}", what, type(a).__name__, "np.load(path, mmap_mode='r')"))
    return np.asarray(a) if isinstance(a, jax.Array) else a


def _mapped(path: Any) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise ValueError(needed(os.fspath(path), "a file .npy of numbers", _line(error), "np.save")) from error


class _Parts:
    """Arrays one after the other, as one."""

    def __init__(self, letter: str, parts: list[Any]):
        kinds = {(tuple(part.shape[1:]), np.dtype(part.dtype)) for part in parts}
        if len(kinds) != 1:
            got = ", ".join(sorted(f"{dtype} {list(shape)}" for shape, dtype in kinds)) or "none"
            raise ValueError(needed(f"stream: {letter}", "parts of one shape and dtype", got))
        self.parts, self.ends = parts, np.cumsum([part.shape[0] for part in parts])
        ((shape, self.dtype),) = kinds
        self.shape = (int(self.ends[-1]), *shape)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        rows = np.empty((len(indices), *self.shape[1:]), self.dtype)
        which = np.searchsorted(self.ends, indices, side="right")
        for k in np.unique(which):
            here = which == k
            rows[here] = _taken(self.parts[k], indices[here] - (self.ends[k - 1] if k else 0))
        return rows


def _told(x: Any, y: Any) -> str:
    """What an example is: of x [n, ...] and y [n, ...]."""
    return " and ".join(f"{letter} {a.dtype} {list(a.shape[1:])}" for letter, a in (("x", x), ("y", y)))


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, (ValueError, TypeError)) and text else f"{type(error).__name__}: {text}"

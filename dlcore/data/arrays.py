"""Arrays of the user's own: x and y in memory or in an .npz file."""

import math
import pathlib
from functools import partial
from typing import Any

import numpy as np

from dlcore.data.cells import label_of
from dlcore.data.examples import Column, Dataset, as_rows, check_weights
from dlcore.data.files import readable
from dlcore.data.options import TableOptions, option
from dlcore.data.streams import stream
from dlcore.data.tables import few_whole_numbers, named_classes
from dlcore.numerics.errors import needed
from dlcore.tree.names import nearest_first

PAIR = "x.npy", "y.npy"
_CHANNELS = (1, 2, 3, 4)
_GUESS = TableOptions()


def read_npz(path: pathlib.Path, options: TableOptions) -> Dataset:
    """Arrays ``x`` [n, …] and ``y``, and ``classes`` and ``features``, arrays of names, where they are there."""
    with readable(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if not {"x", "y"} <= arrays.keys():
        raise ValueError(f"needed arrays x and y in {path}, got {sorted(arrays)}; try numpy.savez(path, x=x, y=y)")
    names = tuple(str(name) for name in arrays.get("classes", ()))
    features = tuple(str(name) for name in arrays.get("features", ()))
    if options.weights is not None and options.weights not in arrays:
        raise ValueError(f"no array {options.weights!r} in {path}; {nearest_first(str(options.weights), arrays)}")
    weights = None if options.weights is None else arrays[str(options.weights)]
    return from_arrays(arrays["x"], arrays["y"], path.stem, names, features, options, str(path), weights)


def from_arrays(
    x: Any,
    y: Any,
    name: str = "arrays",
    classes: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
    options: TableOptions = _GUESS,
    source: str = "",
    weights: Any = None,
    streamed: bool = False,
) -> Dataset:
    """Examples from x [n, …] and y [n] or [n, k]: words, truth values and few whole numbers are classes.

    ``weights`` [n] say how much each example counts. ``streamed``: x are read as they are needed, from a memory map.

    x of more than two axes are images [n, h, w, (c)]; with the channels first, [n, c, h, w], they are put last. Raises
    ValueError for other shapes, and for x that are no numbers.
    """
    x, y, source = np.asarray(x), np.asarray(y), source or name
    _check(x, y, options, source)
    if weights is not None:
        check_weights(f"weights of {source}", weights, len(x))
        weights = np.asarray(weights, np.float64)
    x, shape, notes = _image_shape(x)
    y, names, note = _targets(y, classes or options.classes, options, source)
    width = math.prod(x.shape[1:])
    if features and len(features) != width:
        got = f"needed {width} names of features in {source}, got {len(features)}"
        raise ValueError(f"{got}; try one per column of x")
    columns = () if shape else tuple(Column(feature) for feature in features or map(str, range(width)))
    exact = partial(_exact_rows, dtype=_exact_type(x.dtype))
    x = stream(x, y).map(exact) if streamed else exact(x)
    return Dataset(name, x, y, names, features, shape, source=source, columns=columns,
                   notes=(*notes, *note), weights=weights)  # fmt: skip


def read_pair(folder: pathlib.Path, options: TableOptions, streamed: bool = False) -> Dataset:
    """Arrays in ``x.npy`` and ``y.npy`` of a folder, the first of them ``streamed`` as a memory map."""
    arrays = []
    for name in PAIR:
        with readable(folder / name):
            arrays.append(np.load(folder / name, mmap_mode="r" if name == PAIR[0] else None))
    if options.weights is not None:
        raise ValueError(needed("weights", "a table for a column by name", f"the arrays of {folder}", "an .npz file"))
    x, y = arrays
    return from_arrays(x, y, folder.resolve().name, options=options, source=str(folder), streamed=streamed)


def find_pair(folder: pathlib.Path) -> bool:
    """Whether ``x.npy`` and ``y.npy`` lie in ``folder``."""
    return all((folder / name).is_file() for name in PAIR)


def _exact_rows(x: np.ndarray, dtype: type) -> np.ndarray:
    return as_rows(x).astype(dtype)


def _check(x: np.ndarray, y: np.ndarray, options: TableOptions, source: str) -> None:
    if x.ndim == 0 or y.ndim not in (1, 2) or x.dtype.kind not in "biuf" or y.dtype.kind not in "biufU":
        shapes = f"x {x.dtype} {list(x.shape)}, y {y.dtype} {list(y.shape)}"
        raise ValueError(f"needed numbers x [n, d] and y [n] in {source}, got {shapes}; try to code text as numbers")
    if len(x) != len(y):
        raise ValueError(
            f"needed as many x as y in {source}, got {len(x)} and {len(y)}; try one label for each example"
        )
    if options.target or options.drop or options.keep:
        raise ValueError(
            f"needed a table for columns by name, got the arrays of {source}; try x and y as you want them"
        )


def _exact_type(dtype: np.dtype) -> type:
    """float32 for what it holds, else float64: the mean is taken off before digits are lost."""
    return np.float32 if np.can_cast(dtype, np.float32) else np.float64


def channels_last(x: np.ndarray) -> np.ndarray:
    """Images [n, c, h, w] as [n, h, w, c], by the rule of ``from_arrays``; anything else as it is."""
    return _image_shape(x)[0]


def _image_shape(x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...] | None, tuple[str, ...]]:
    if x.ndim == 3:
        return x, (*x.shape[1:], 1), ()
    if x.ndim != 4:
        return x, None, ()
    _, first, _, last = x.shape
    if first in _CHANNELS and last not in _CHANNELS and x.shape[2] > first:
        moved = np.moveaxis(x, 1, 3)
        note = f"images x {list(x.shape)} have their {first} channels first: they are put last, {list(moved.shape)}"
        return moved, moved.shape[1:], (note,)
    odd = () if last in _CHANNELS else (f"images x {list(x.shape)} are read with {last} channels, the last axis",)
    return x, x.shape[1:], odd


def _targets(
    y: np.ndarray, said: tuple[str, ...], options: TableOptions, source: str
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Class numbers and their names, or values [n, k] and no names, and a sentence where it was guessed."""
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biu" and options.task != "regression":
        got = f"needed class numbers y [n] in {source}, got {list(y.shape)}"
        raise ValueError(f"{got}; try y.argmax(axis=1) for one-hot rows")
    if y.dtype.kind == "U":
        labels, numbers = np.unique(np.char.strip(as_rows(y)[:, 0]), return_inverse=True)
        return *named_classes(numbers.astype(np.int32), tuple(map(str, labels)), said, source), ()
    flat = as_rows(y)
    numbered = flat.shape[1] == 1 and y.dtype.kind in "biu" and _labels(flat[:, 0])
    if options.task == "regression" or not (numbered or said or options.task):
        hint = f"y is whole numbers, taken for quantities: a regression ({option('task', 'classification')} if not)"
        return flat.astype(np.float64), (), (hint,) * (y.dtype.kind in "iu" and options.task is None)
    return _classes(flat[:, 0], said, options, source)


def _classes(
    y: np.ndarray, said: tuple[str, ...], options: TableOptions, source: str
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Whole numbers by their own names, or as numbers of the classes that are said."""
    if y.dtype.kind == "f" and said:  # 0.5 as a label is for the checks to find
        return y, said, ()
    labels, numbers = np.unique(y, return_inverse=True)
    if said and len(labels) and labels[0] >= 0 and labels[-1] < len(said):
        return y.astype(np.int32), said, ()
    if len(labels) and labels[0] < 0 and labels.tolist() != [-1, 1]:  # for the checks to find
        return y.astype(np.int32), said or tuple(map(str, range(max(int(labels[-1]) + 1, 1)))), ()
    names = tuple(label_of(label.item()) if y.dtype.kind == "f" else str(int(label)) for label in labels)
    note = () if said or options.task else (f"y is {len(labels)} classes ({option('task', 'regression')} if not)",)
    return *named_classes(numbers.reshape(-1).astype(np.int32), names, said, source), note


def _labels(y: np.ndarray) -> bool:
    """Whether whole numbers are classes: few of them, or all from 0 on with three examples each on average."""
    if y.dtype.kind == "b" or few_whole_numbers(y.astype(np.float64)):
        return True
    low, high = int(y.min(initial=0)), int(y.max(initial=0))
    return low == 0 and 3 * (high + 1) <= len(y) and len(np.unique(y)) == high + 1

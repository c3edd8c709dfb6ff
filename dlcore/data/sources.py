"""Data sets by name, and the user's own files."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dlcore.data.arrays import find_pair, from_arrays, read_npz, read_pair
from dlcore.data.examples import Dataset
from dlcore.data.image_files import find_cifar10, find_idx, read_cifar10, read_idx_folder
from dlcore.data.image_folders import read_image_folder
from dlcore.data.options import TableOptions, check_options, option
from dlcore.data.pixels import image_files
from dlcore.data.tables import dataset_of, read_table_file, table_of
from dlcore.numerics.errors import needed
from dlcore.tree.names import nearest_first

_UCI = "CC BY 4.0 (UCI Machine Learning Repository)"

# name: source, license
_SKLEARN = {
    "digits": ("Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits (its test part)", _UCI),
    "iris": ("Fisher 1936, The use of multiple measurements in taxonomic problems", _UCI),
    "wine": ("Aeberhard & Forina 1992, Wine", _UCI),
    "breast_cancer": ("Wolberg, Mangasarian, Street & Street 1995, Breast Cancer Wisconsin (Diagnostic)", _UCI),
    "diabetes": ("Efron, Hastie, Johnstone & Tibshirani 2004, Least Angle Regression", "none stated; in scikit-learn"),
}

_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")

# name: folders it is looked for in, classes, source, license
_IDX: dict[str, tuple[tuple[str, ...], tuple[str, ...], str, str]] = {
    "mnist": (("mnist", "MNIST", "MNIST/raw"), _DIGITS, "LeCun, Cortes & Burges 1998, MNIST", "CC BY-SA 3.0"),
    "fashion_mnist": (
        ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
        _CLOTHES,
        "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST",
        "MIT",
    ),
}


_GUESSED = TableOptions()
_STREAMED = "files of which any example can be read alone, x.npy and y.npy in a folder or images by class"


def names() -> tuple[str, ...]:
    """The names that ``load`` knows; the last three need their published files."""
    return (*_SKLEARN, *_IDX, "cifar10")


def load(
    source: Any,
    *,
    target: str | int | tuple[str | int, ...] | None = None,
    drop: tuple[str | int, ...] = (),
    keep: tuple[str | int, ...] = (),
    weights: str | int | None = None,
    task: str | None = None,
    size: tuple[int, int] | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    missing: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    header: bool | None = None,
    stream: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """A data set by name, from a table, a frame, an .npz file, or a folder of images by class, IDX or CIFAR-10 files.

    Tables are text with any separator, packed or not, Parquet, and pandas or polars frames. ``TableOptions`` explains
    the options; what they do not say is guessed, and ``notes`` of the answer say how. Arrays are (x, y), or (x, y,
    weights); ``weights`` is the column, or the array of an .npz file, that says how much each example counts. data_dir:
    where the files of mnist, fashion_mnist and cifar10 lie, default the environment variable DLCORE_DATA. Images of a
    folder are brought to one ``size`` (height, width). ``stream``: x, of arrays ``x.npy`` and ``y.npy`` in a folder or
    of images by class, are read as they are needed, by the extra ``stream``.

    Raises ValueError, in one line, for an unknown name, with the names there are, and for a file that cannot be read.

    >>> from dlcore import data
    >>> print(data.load("iris"))
    Dataset('iris', classification, x [150, 4], 3 classes)
    """
    goals = () if target is None else _tuple(target)
    separator = "\t" if separator in ("\\t", "tab") else separator  # as a shell passes it
    options = TableOptions(goals, _tuple(drop), _tuple(keep), weights, task,
                           None if size is None else _tuple(size), separator, decimal, _tuple(missing),
                           _tuple(classes), header, stream)  # fmt: skip
    check_options(options)
    if stream:
        _check_streamed(source)
    if not isinstance(source, (str, os.PathLike)):
        return _from_memory(source, options)
    name = os.fspath(source)
    if name in _SKLEARN or name in _IDX or name == "cifar10":
        if options != TableOptions():
            raise ValueError(f"{name} is read as it was published; try a file for options of tables")
        return _from_sklearn(name) if name in _SKLEARN else _from_files(name, data_dir)
    path = pathlib.Path(name).expanduser()
    if not name or not path.exists():
        there = nearest_first(name, names())
        raise ValueError(f"no data set or file {name!r}; {there}; or give a .csv or .npz file")
    if path.is_dir():
        return _from_folder(path, options=options)
    if options.size is not None:
        raise ValueError(needed("size", "a folder of images", f"{name}, a file", f"without {option('size', size)}"))
    if path.suffix.lower() == ".npz":
        return read_npz(path, options)
    if path.suffix.lower() == ".npy":
        hint = str(path.parent) if find_pair(path.parent) else "numpy.savez(path, x=x, y=y)"
        raise ValueError(needed(name, "x.npy and y.npy in a folder", "one array", hint))
    return read_table_file(path, options)


def _check_streamed(source: Any) -> None:
    """Raise ValueError where no example can be read without the others, or where all fit into memory."""
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(needed("stream", _STREAMED, type(source).__name__, "data.stream(x, y)"))
    if source in names():
        raise ValueError(needed("stream", _STREAMED, f"{source}, which fits into memory", "without --stream"))
    path = pathlib.Path(source).expanduser()
    if path.is_file():
        pair = path.suffix.lower() == ".npy" and find_pair(path.parent)
        raise ValueError(
            needed("stream", _STREAMED, path, str(path.parent) if pair else "np.save, or without --stream")
        )


def _tuple(value: Any) -> tuple[Any, ...]:
    """One name is meant as one, not as its letters."""
    return (value,) if isinstance(value, (str, int)) else tuple(value)


def _from_memory(source: Any, options: TableOptions) -> Dataset:
    if isinstance(source, tuple) and len(source) in (2, 3):
        if options.weights is not None:
            raise ValueError(needed("weights", "a table for a column by name", "arrays", "data.load((x, y, weights))"))
        return from_arrays(*source[:2], options=options, weights=source[2] if source[2:] else None)
    if not (hasattr(source, "columns") or isinstance(source, dict)):
        what = "a name, a path, a pandas or polars frame or arrays (x, y) or (x, y, weights)"
        raise TypeError(f"needed {what}, got {type(source).__name__}; try data.load((x, y))")
    return dataset_of(table_of(source), options, "table")


def _from_sklearn(name: str) -> Dataset:
    from sklearn import datasets

    # as measured: the copy that scikit-learn scales was normalized with the statistics of all examples, test included
    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    loader: Callable[..., Any] = getattr(datasets, f"load_{name}")
    raw = loader(**options)
    source, license = _SKLEARN[name]
    if name == "diabetes":
        y, classes = np.asarray(raw.target, np.float32)[:, None], ()
    else:
        y, classes = np.asarray(raw.target, np.int32), tuple(str(label) for label in raw.target_names)
    shape = (8, 8, 1) if name == "digits" else None
    features = tuple(str(feature) for feature in raw.feature_names)
    return Dataset(name, np.asarray(raw.data, np.float32), y, classes, features, shape, 0, source, license)


def _from_files(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
    root = data_dir or os.environ.get("DLCORE_DATA")
    if not root:
        raise ValueError(
            f"{name} needs its published files: give data_dir or set DLCORE_DATA to the folder they are in"
        )
    if name == "cifar10":
        places, found = ("cifar10", "cifar-10-batches-bin"), find_cifar10
    else:
        places, found = _IDX[name][0], find_idx
    for folder in (pathlib.Path(root, place) for place in (*places, ".")):
        if found(folder):
            return _from_folder(folder, name)
    raise ValueError(f"no files of {name} in {os.fspath(root)!r}, looked in: {', '.join(places)} and itself")


def _from_folder(folder: pathlib.Path, name: str | None = None, options: TableOptions = _GUESSED) -> Dataset:
    if find_pair(folder):
        return read_pair(folder, options, options.stream)
    if options.stream and (find_cifar10(folder) or find_idx(folder)):
        raise ValueError(needed("stream", _STREAMED, f"published files in {folder}", "without --stream: they fit"))
    if not (find_cifar10(folder) or find_idx(folder)) and any(image_files(folder)[0]):
        if options != TableOptions(size=options.size, stream=options.stream):
            raise ValueError(
                f"needed a table for options of tables, got images in {folder}; try {option('size', (64, 64))}"
            )
        return read_image_folder(folder, options.size, options.stream)
    if find_cifar10(folder):
        return read_cifar10(folder)
    if find_idx(folder):
        known = name or folder.resolve().name.lower().replace("-", "_")
        _, classes, source, license = _IDX.get(known, ((), (), str(folder), ""))
        return read_idx_folder(folder, known, classes, source, license)
    raise ValueError(
        f"needed folders of images, CLASS/*.png, x.npy and y.npy, train-images-idx3-ubyte or data_batch_1.bin in "
        f"{str(folder)!r}; "
        "try the folder of the files"
    )

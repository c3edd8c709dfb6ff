"""Tables of the user's own: CSV and NPZ files."""

import pathlib
import zipfile
from typing import Any

import numpy as np

from dlcore.data.examples import Dataset
from dlcore.pytrees import nearest

_MOST_CLASSES = 20  # a numeric target with more different whole numbers than this is taken for a quantity


def read_npz(path: pathlib.Path) -> Dataset:
    """Arrays ``x`` [n, …] and ``y``; whole-number types are classes, floating types are values.

    ``classes`` and ``features``, arrays of names, are optional. x of more than two axes are images [n, h, w, (c)].
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not {"x", "y"} <= arrays.keys():
        raise ValueError(f"needed arrays x and y in {path}, got {sorted(arrays)}; try numpy.savez(path, x=x, y=y)")
    x, y = arrays["x"], arrays["y"]
    if x.ndim == 0 or y.ndim not in (1, 2) or x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        shapes = f"x {x.dtype} {list(x.shape)}, y {y.dtype} {list(y.shape)}"
        raise ValueError(f"needed numbers x [n, d] and y [n] in {path}, got {shapes}; try to code text as numbers")
    shape = {3: (*x.shape[1:], 1), 4: x.shape[1:]}.get(x.ndim)
    y, classes = _npz_target(y, arrays.get("classes"))
    features = tuple(str(name) for name in arrays.get("features", ()))
    return Dataset(path.stem, _flat32(x), y, classes, features, shape, source=str(path))


def _npz_target(y: np.ndarray, names: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if y.dtype.kind == "f" and names is None:
        return _flat32(y), ()
    y = y.reshape(len(y), -1)
    if y.shape[1] != 1:
        raise ValueError(f"needed class numbers y [n], got {list(y.shape)}; try y.argmax(axis=1) for one-hot rows")
    whole = y[:, 0] if y.dtype.kind == "f" else y[:, 0].astype(np.int32)  # 0.5 as a label is for the checks to find
    c = int(np.max(whole, initial=0)) + 1
    return whole, tuple(str(name) for name in (range(c) if names is None else names))


def _flat32(a: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # to inf, which the checks find
        return a.reshape(len(a), int(np.prod(a.shape[1:]))).astype(np.float32)


def read_csv(
    path: pathlib.Path, target: str | int | None = None, drop: tuple[str | int, ...] = (), task: str | None = None
) -> Dataset:
    """A table with or without a header; text columns become one column per value, ``?`` and empty cells NaN.

    The target is the last column unless named. Text, and at most 20 different whole numbers, are classes.
    """
    import pandas as pd

    try:
        separator, header = _layout(path)
        table: Any = pd.read_csv(path, header=header, sep=separator, skipinitialspace=True, na_values=["?"])
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    table.columns = [str(column).strip() for column in table.columns]
    goal = _column(table, table.columns[-1] if target is None else target)
    y, classes = _csv_target(table[goal], task)
    inputs = table.drop(columns=[goal, *(_column(table, column) for column in drop)])
    columns = {name: values for column in inputs for name, values in _coded(inputs[column])}
    if not columns:
        raise ValueError(f"needed at least two columns in {path}, got {list(table.columns)}; try another separator")
    x = _flat32(np.stack(list(columns.values()), axis=1))
    return Dataset(path.stem, x, y, classes, tuple(columns), source=str(path))


def _layout(path: pathlib.Path) -> tuple[str, int | None]:
    """The separator, and whether the first line is a header: names of columns are no numbers."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    separator = max(",;\t", key=first.count)
    cells = first.split(separator) if separator in first else first.split()
    return (separator if separator in first else r"\s+"), (None if any(map(_is_number, cells)) else 0)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(table: Any, column: str | int) -> str:
    """The name of a column given by name or, as in a table without header, by number."""
    if isinstance(column, int) and -table.shape[1] <= column < table.shape[1]:
        return table.columns[column]
    if str(column) not in table.columns:
        raise ValueError(f"no column {column!r}; nearest first, there are: {', '.join(nearest(str(column), table))}")
    return str(column)


def _csv_target(values: Any, task: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if task not in (None, "classification", "regression"):
        raise ValueError(f"needed task 'classification' or 'regression', got {task!r}")
    numeric = values.dtype.kind in "iuf"
    if task == "regression" and not numeric:
        raise ValueError(
            f"needed numbers in the target {values.name!r} of a regression, got {values.dropna().iloc[0]!r}"
        )
    if task == "regression" or (task is None and numeric and not _few_whole_numbers(values)):
        return _flat32(values.to_numpy()[:, None]), ()
    numbers, labels = _numbered(values)
    return numbers.astype(np.int32), tuple(_label(label) for label in labels)


def _few_whole_numbers(values: Any) -> bool:
    known = values.dropna()
    return known.nunique() <= _MOST_CLASSES and bool((known == known.round()).all())


def _label(label: Any) -> str:
    return str(int(label)) if isinstance(label, float) and label == int(label) else str(label).strip()


def _coded(values: Any) -> list[tuple[str, np.ndarray]]:
    """A numeric column as it is, a text column as one 0/1 column per value; missing stays NaN."""
    if values.dtype.kind in "biuf":
        return [(str(values.name), values.to_numpy(np.float64))]
    numbers, labels = _numbered(values)
    coded = np.where(numbers[:, None] >= 0, numbers[:, None] == np.arange(len(labels)), np.nan)
    return [(f"{values.name}={label}", coded[:, i]) for i, label in enumerate(labels)]


def _numbered(values: Any) -> tuple[np.ndarray, Any]:
    """Numbers of the sorted different values, and these; missing is -1, which the checks find in a target."""
    numbers, labels = values.factorize(sort=True)
    if len(labels) > max(len(values) // 2, 20):
        what = f"column {values.name!r} has {len(labels)} different values in {len(values)} examples"
        raise ValueError(f"{what}: it names them rather than describes them; try drop=({values.name!r},) or a target")
    return numbers, labels

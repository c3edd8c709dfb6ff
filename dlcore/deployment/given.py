"""What a model is given to predict for: a file, a frame, columns, a data set or an array, as cells it can prepare."""

import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from dlcore.data import Dataset, Preprocessing, check_weights
from dlcore.data.arrays import channels_last
from dlcore.data.cells import number, tidy
from dlcore.data.examples import as_rows
from dlcore.data.files import readable
from dlcore.data.pixels import SUFFIXES, image_files
from dlcore.data.preprocessing import recoded, table_for
from dlcore.data.tables import Table
from dlcore.numerics.errors import needed
from dlcore.tree.names import nearest_first

_ARRAYS = (".npy", ".npz")


class Given(NamedTuple):
    """Columns with names, or numbers [n, ...] in the order of training; y: the right answers, where they came along.

    ``weights`` [n] say how much each example counts, where a data set says so; ``files`` [n] are those of images.
    """

    cells: Table | np.ndarray
    y: Any = None
    weights: Any = None
    files: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """The number of examples."""
        return len(self.cells.frame) if isinstance(self.cells, Table) else len(self.cells)

    def column(self, name: str) -> Any:
        """A column as it was read; raises ValueError, with the nearest there are, where there is none."""
        if not isinstance(self.cells, Table):
            raise ValueError(needed(f"column {name!r}", "a table with names of columns", "an array"))
        columns = list(self.cells.frame)
        if name not in columns:
            raise ValueError(f"no column {name!r}; {nearest_first(name, columns)}")
        return self.cells.frame[name].to_numpy()

    def weighing(self, weights: Any) -> "Given":
        """The same with ``weights`` [n], or those in the column of that name; raises ValueError for what is none."""
        values = self._numbers(weights) if isinstance(weights, str) else np.asarray(weights)
        check_weights("weights", values, self.n)
        return self._replace(weights=values)

    def _numbers(self, name):
        """A column as numbers, NaN where a cell is none."""
        cells, decimal = self.column(name), getattr(self.cells, "decimal", ".")
        return cells if cells.dtype.kind in "biuf" else np.array([number(tidy(cell), decimal) for cell in cells])


def given(source: Any, by: Any) -> Given:
    """The ``source`` as cells for ``by``, what is done to inputs. Raises ValueError, in one line, where it is none."""
    if isinstance(source, Dataset):
        return Given(_recoded(source, by), _named(source), source.weights)
    if isinstance(by, Preprocessing) and by.pixels is not None and _are_files(source):
        return _pictures(source, by)
    if isinstance(source, (str, os.PathLike)):
        path = pathlib.Path(source).expanduser()
        if not path.is_file():
            raise ValueError(needed(str(path), "a file with examples", "a folder" if path.is_dir() else "none there"))
        return _arrays(path, by) if path.suffix.lower() in _ARRAYS else Given(_table(path, by))
    if hasattr(source, "columns") or isinstance(source, dict):
        return Given(_table(source, by))
    return Given(_cells(np.asarray(source), by))


def _are_files(source: Any) -> bool:
    """Whether ``source`` is an image, a folder or a list of them; arrays and tables have readers of their own."""
    if isinstance(source, (str, os.PathLike)):
        return pathlib.Path(source).suffix.lower() not in _ARRAYS
    return isinstance(source, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in source)


def _pictures(source: Any, by: Any) -> Given:
    """Image files, with the classes that their folders name where all of them do."""
    asked = [source] if isinstance(source, (str, os.PathLike)) else source
    files = [file for one in asked for file in _images_at(pathlib.Path(one).expanduser())]
    if not files:
        raise ValueError(
            needed("images", f"a file that ends in {', '.join(SUFFIXES[:4])}, …", "none", "another folder")
        )
    labels = [next((part for part in file.parts[-2::-1] if part in by.target.classes), None) for file in files]
    y = None if None in labels else np.array(labels)
    return Given(by.cells(files), y, None, tuple(map(str, files)))


def _images_at(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.exists():
        raise ValueError(needed(str(path), "an image or a folder of images", "none there"))
    return image_files(path)[0] if path.is_dir() else [path]


def _recoded(dataset: Dataset, by: Any) -> np.ndarray:
    cells = np.asarray(dataset.x)
    if not isinstance(by, Preprocessing) or len(by.columns) != as_rows(cells).shape[1]:
        return cells
    columns = dataset.schema.columns
    return recoded(as_rows(cells), columns, by.columns) if columns else cells


def _named(dataset: Dataset) -> np.ndarray:
    return np.array([*dataset.classes, ""])[dataset.y] if dataset.classes else dataset.y


def _table(source: Any, by: Any) -> Table | np.ndarray:
    """A table by the names of training; without them its numbers, in their order."""
    table = table_for(by if isinstance(by, Preprocessing) else Preprocessing(()), source)
    if isinstance(by, Preprocessing):
        return table
    try:
        return table.frame.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(needed("a table", "numbers alone for a model without names of columns", error)) from error


def _arrays(path: pathlib.Path, by: Any) -> Given:
    with readable(path):
        found = np.load(path, allow_pickle=False)
        arrays = {"x": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    if "x" not in arrays:
        raise ValueError(needed(str(path), "an array x", sorted(arrays), "numpy.savez(path, x=x)"))
    y, classes = arrays.get("y"), arrays.get("classes")
    if y is not None and classes is not None and y.dtype.kind in "iu":
        y = np.array([*map(str, classes)])[y]
    return Given(_cells(arrays["x"], by), y)


def _cells(x: np.ndarray, by: Any) -> Table | np.ndarray:
    """Numbers as they stand, images with their channels last; words by the names of the columns of training."""
    if x.dtype.kind in "OU" and isinstance(by, Preprocessing) and x.ndim == 2:
        if x.shape[1] != len(by.columns):
            raise ValueError(needed("x", f"{len(by.columns)} columns", list(x.shape), "a frame with their names"))
        return table_for(by, {column.name: x[:, j] for j, column in enumerate(by.columns)})
    if x.dtype.kind not in "biuf" and x.dtype.name != "bfloat16":
        raise ValueError(needed("x", "numbers", x.dtype, "a frame with the names of its columns"))
    if x.ndim == 0:
        raise ValueError(needed("x", "examples [n, ...]", "a number"))
    return channels_last(x)

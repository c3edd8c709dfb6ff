"""JSON and arrays on disk: each file whole or not at all, one form for every number, never pickle."""

import contextlib
import json
import math
import os
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np

from dlcore.numerics.errors import needed

Path = str | os.PathLike[str]
Arrays = dict[str, Any]  # by their place
FLOAT, ARRAY = "$float", "$npz"  # marks: JSON has no nan and inf; an array stands in the file beside it

_OF_ARRAYS = (OSError, EOFError, ValueError, zipfile.BadZipFile)  # what damaged files of arrays raise


def write(path: Path, value: Any, compressed: bool = True) -> None:
    """Write ``value`` as ``path``.json and its arrays, by their place in it, as ``path``.npz: the arrays first.

    Raises TypeError for what JSON has no form for, arrays of objects too; then nothing is written.
    """
    arrays: Arrays = {}
    text = json.dumps(_plain(value, arrays, ""), indent=2, ensure_ascii=False, allow_nan=False)
    if arrays:
        save = np.savez_compressed if compressed else np.savez
        replace_file(_with(path, "npz"), lambda file: save(file, **arrays))
    replace_file(_with(path, "json"), lambda file: file.write(text.encode() + b"\n"))


def read(path: Path) -> Any:
    """What was written to ``path``, NamedTuples as dictionaries and tuples as lists.

    Raises ValueError, in one line, where there is nothing or it is damaged.
    """
    with explained(_with(path, "json")) as file:
        text = file.read_text(encoding="utf-8")
        arrays = _read_arrays(_with(path, "npz")) if f'"{ARRAY}"' in text else {}
        return json.loads(text, object_hook=lambda found: _restored(found, arrays))


def _with(path: Path, suffix: str) -> pathlib.Path:
    return pathlib.Path(f"{os.fspath(path)}.{suffix}")


def _plain(value: Any, arrays: Arrays, place: str) -> Any:
    """``value`` in what JSON knows; arrays with an axis go to ``arrays`` under their place and leave a mark."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: str(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): _plain(v, arrays, f"{place}.{key}".lstrip(".")) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, arrays, f"{place}.{i}".lstrip(".")) for i, v in enumerate(value)]
    array = np.asarray(value) if hasattr(value, "__array__") else None
    if array is None or array.dtype.hasobject:
        raise TypeError(f"{place}: JSON has no form for {type(value).__name__}: {value!r}; try str(...) of it")
    array = array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16 and its kin: NumPy has no name
    if array.ndim == 0:
        return _plain(array.item(), arrays, place)
    arrays[place] = array
    return {ARRAY: place}


def _restored(found: dict[str, Any], arrays: Arrays) -> Any:
    if found.keys() == {FLOAT}:
        return float(found[FLOAT])
    return arrays[found[ARRAY]] if found.keys() == {ARRAY} else found


def _read_arrays(path: pathlib.Path) -> Arrays:
    with explained(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


@contextlib.contextmanager
def readable(path: pathlib.Path, errors: tuple[type[Exception], ...] = _OF_ARRAYS) -> Iterator[None]:
    """``errors`` of reading ``path`` become a ValueError in one line that names it."""
    try:
        yield
    except errors as error:
        raise ValueError(f"cannot read {path}: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def explained(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Errors of reading ``path`` become a ValueError in one line that names it."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; is {path.parent} a run folder?")
    try:
        yield path
    except (ValueError, TypeError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise ValueError(reason if str(path.parent) in reason else f"{path}: cannot be read ({reason})") from error


def replace_file(path: pathlib.Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Give ``path`` the content that ``write`` writes, at once: whoever reads it sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_named(path: Path, write: Callable[[IO[bytes]], Any], new: bool = False) -> pathlib.Path:
    """``replace_file`` for a file that somebody named; where it is.

    Raises ValueError, in one line, where it cannot be written, or, of a ``new`` one, where it exists.
    """
    target = pathlib.Path(os.path.abspath(os.path.expanduser(path)))
    if new and target.exists():
        raise ValueError(needed(str(path), "a new file", "one that exists", "another name"))
    try:
        replace_file(target, write)
    except OSError as error:
        raise ValueError(needed(str(path), "a file that can be written", error.strerror)) from error
    return target


def tuples(record: dict[str, Any]) -> dict[str, Any]:
    """A dictionary of ``read`` with tuples where they were, lists not."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Nobody else is in ``folder``: a lock that ends with its process, however that ends. Raises ValueError else."""
    with open(folder / "lock", "w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks on this system
            pass
        except OSError as error:
            raise ValueError(needed(str(folder), "a folder that no other process works in", "one in use")) from error
        yield

"""Run folders: JSON and arrays under a temporary name that becomes the real one when the run is over. Never pickle."""

import contextlib
import datetime
import json
import math
import os
import pathlib
import secrets
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Self

import numpy as np


class RunFolder:
    """The folder of one run: ``with RunFolder("runs/digits") as run: run.json("config", {...})``.

    Everything is written into a sibling whose name starts with a dot, and that is renamed when the block ends:
    normally or by Ctrl-C; ``status.json`` says which, and how long it took. After any other exception nothing is
    left. Entering raises ValueError where ``path`` exists already or its parent cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._final = pathlib.Path(os.path.abspath(path))
        self._now = self._final
        self._begin = 0.0
        self._started = ""

    def __enter__(self) -> Self:
        final = self._final
        if os.path.lexists(final):
            raise ValueError(f"{final}: exists already, and no run is overwritten; try another name")
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            (temporary / "figures").mkdir(parents=True)
        except OSError as error:
            raise ValueError(f"{final}: cannot be created ({error.strerror}); try a folder you can write") from error
        self._now, self._begin, self._started = temporary, time.monotonic(), utc_now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if kind is not None and not interrupted:
            shutil.rmtree(self._now, ignore_errors=True)
            return
        try:
            self._tell("interrupted" if interrupted else "finished")
        except OSError:
            shutil.rmtree(self._now, ignore_errors=True)
            raise
        self._rename()

    @property
    def path(self) -> pathlib.Path:
        """Where to write now: the temporary folder inside the block, the real one after it."""
        return self._now

    @property
    def figures(self) -> pathlib.Path:
        """The subfolder for pictures."""
        return self._now / "figures"

    def json(self, name: str, value: Any) -> None:
        """Write ``name``.json: NumPy and JAX numbers as numbers, NamedTuples as objects, nan and inf as strings.

        Raises TypeError for what JSON has no form for.
        """
        self._write_json(name, value)
        self._tell("running")

    def arrays(self, name: str, values: Mapping[str, Any]) -> None:
        """Write ``name``.npz with an array under each key; raises ValueError for arrays of objects."""
        replace_file(self._now / f"{name}.npz", lambda file: _write_npz(file, values))
        self._tell("running")

    def _write_json(self, name: str, value: Any) -> None:
        text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
        replace_file(self._now / f"{name}.json", lambda file: file.write(text.encode() + b"\n"))

    def _tell(self, status: str) -> None:
        seconds = round(time.monotonic() - self._begin, 3)
        self._write_json("status", {"status": status, "started": self._started, "seconds": seconds})

    def _rename(self) -> None:
        if os.path.lexists(self._final):  # a rename would put an empty folder aside without a word
            raise ValueError(f"{self._final}: came to exist during the run, which is kept in {self._now}")
        self._now.rename(self._final)
        self._now = self._final


def read_json(folder: str | os.PathLike[str], name: str) -> Any:
    """The value that was written as ``name``.json; raises ValueError where there is none or it is damaged."""
    path = pathlib.Path(folder) / f"{name}.json"
    with _explained(path):
        return json.loads(path.read_text(encoding="utf-8"))


def read_arrays(folder: str | os.PathLike[str], name: str) -> dict[str, np.ndarray]:
    """The arrays that were written as ``name``.npz; raises ValueError where there are none or they are damaged."""
    path = pathlib.Path(folder) / f"{name}.npz"
    with _explained(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


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


def plain(value: Any) -> Any:
    """``value`` in what JSON knows; a float that is not finite becomes "nan", "inf" or "-inf"."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "__array__"):
        return plain(_storable(value).tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"JSON has no form for {type(value).__name__}: {value!r}; try str(...) of it")


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _storable(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16 and its kin: NumPy has no name


def _write_npz(file: IO[bytes], values: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in values.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, _storable(value), allow_pickle=False)


@contextlib.contextmanager
def _explained(path: pathlib.Path) -> Iterator[None]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; is {path.parent} a run folder?")
    try:
        yield
    except (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error

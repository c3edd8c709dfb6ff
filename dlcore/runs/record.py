"""What every record of a run is: a frozen dataclass that is written to a folder and read from it by itself."""

import dataclasses
import pathlib
import types
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from dlcore.data.files import Path, explained, read, write


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One step of a run, in ``file``.json and, where it has arrays, ``file``.npz. A step is done once its JSON is."""

    file: ClassVar[str]

    @property
    def stem(self) -> str:
        """The name of its files without their ending."""
        return self.file

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        write(pathlib.Path(folder, self.stem), values)

    @classmethod
    def read(cls, folder: Path, stem: str | None = None) -> Self:
        """The record in ``folder``; raises ValueError, in one line, where there is none or not a whole one."""
        path = pathlib.Path(folder, stem or cls.file)
        found = written(path)
        with explained(path.with_name(f"{path.name}.json")):
            hints = get_type_hints(cls)
            return cls(**{name: typed(hints[name], value) for name, value in found.items()})

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """The record in ``folder``, None where that step was not done."""
        return cls.read(folder) if pathlib.Path(folder, f"{cls.file}.json").is_file() else None


def written(path: pathlib.Path) -> dict[str, Any]:
    """The fields of a record as they stand in its files; raises ValueError, in one line, where these are damaged."""
    found = read(path)
    with explained(path.with_name(f"{path.name}.json")):
        return dict(found)


def typed(kind: Any, value: Any) -> Any:
    """``value`` as read from a file in the form that a field of type ``kind`` has: tuples, NamedTuples, keys."""
    if value is None:
        return None
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return typed(next(arg for arg in args if arg is not type(None)), value)
    if origin is tuple:
        return tuple(typed(args[0], item) for item in value)
    if origin is dict:
        return {args[0](key): typed(args[1], item) for key, item in value.items()}
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return kind(**{name: typed(hints[name], item) for name, item in value.items()})
    return float(value) if kind is float else value

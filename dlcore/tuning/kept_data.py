"""The data of a study as one file beside it, and the hash that says whether other data are the same."""

import hashlib
import pathlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.data import Examples, Split
from dlcore.data.files import explained, replace_file


def _splits(data):
    return data if isinstance(data, list) else [data]


def _arrays(data: Any) -> dict[str, np.ndarray]:
    """All arrays of a split, or of a list of them, by name."""
    parts = {
        f"{i}.{name}": getattr(one, name) for i, one in enumerate(_splits(data)) for name in ("train", "validation")
    }
    return {f"{name}.{which}": np.asarray(getattr(part, which)) for name, part in parts.items() for which in "xy"}


def fingerprint(data: Any) -> str:
    """A hash of everything that a training sees of ``data``, a split or a list of them."""
    total = hashlib.sha256()
    for name, array in _arrays(data).items():
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).view(np.uint8).data)
    return total.hexdigest()


def write_data(path: pathlib.Path, data: Any) -> None:
    """All arrays of ``data``, a split or a list of them, in ``path``.npz."""
    parts = _arrays(data)
    plain = {name: array.view(np.uint16) if array.dtype.kind == "V" else array for name, array in parts.items()}
    kinds = np.array([f"{name}={array.dtype.name}" for name, array in parts.items()])
    everything: dict[str, Any] = {**plain, "folded": np.array(isinstance(data, list)), "kinds": kinds}
    replace_file(path.with_suffix(".npz"), lambda file: np.savez(file, **everything))


def read_data(path: pathlib.Path) -> Any:
    """What ``write_data`` wrote."""
    with explained(path.with_suffix(".npz")) as file, np.load(file, allow_pickle=False) as there:
        kinds = dict(str(kind).split("=") for kind in there["kinds"])
        arrays = {name: there[name].view(jnp.dtype(kind)) for name, kind in kinds.items()}
        folded = bool(there["folded"])

    def part(i, name):
        return Examples(arrays[f"{i}.{name}.x"], arrays[f"{i}.{name}.y"])

    splits = [Split(part(i, "train"), part(i, "validation")) for i in range(len(arrays) // 4)]
    return splits if folded else splits[0]

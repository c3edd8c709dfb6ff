"""The data of a study as one file beside it, and the hash that says whether other data are the same."""

import hashlib
import pathlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.data import Examples, Split, Standardization, Weighted
from dlcore.data.files import explained, replace_file

_SCALES = ("mean", "std", "missing")  # the fields of a Standardization


def _splits(data):
    return data if isinstance(data, list) else [data]


def _arrays(data: Any) -> dict[str, np.ndarray]:
    """All arrays of a split, or of a list of them, by name."""
    parts = {
        f"{i}.{name}": getattr(one, name) for i, one in enumerate(_splits(data)) for name in ("train", "validation")
    }
    named = [(name, zip(Weighted._fields, part, strict=False)) for name, part in parts.items()]
    return {f"{name}.{which}": np.asarray(a) for name, part in named for which, a in part}


def fingerprint(data: Any) -> str:
    """A hash of everything that a training sees of ``data``, a split or a list of them."""
    total = hashlib.sha256()
    for name, array in _arrays(data).items():
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).view(np.uint8).data)
    return total.hexdigest()


def _scales(data: Any) -> dict[str, np.ndarray]:
    """What the inputs of folds were standardized by, by name."""
    made = [(i, split.inputs) for i, split in enumerate(_splits(data)) if isinstance(split.inputs, Standardization)]
    named = {f"{i}.inputs.{name}": getattr(by, name) for i, by in made for name in _SCALES}
    return {name: np.asarray(value) for name, value in named.items() if value is not None}


def write_data(path: pathlib.Path, data: Any) -> None:
    """All arrays of ``data``, a split or a list of them, in ``path``.npz."""
    parts = _arrays(data) | _scales(data)
    plain = {name: array.view(np.uint16) if array.dtype.kind == "V" else array for name, array in parts.items()}
    kinds = np.array([f"{name}={array.dtype.name}" for name, array in parts.items()])
    everything: dict[str, Any] = {**plain, "folded": np.array(isinstance(data, list)), "kinds": kinds}
    replace_file(path.with_suffix(".npz"), lambda file: np.savez_compressed(file, **everything))


def read_data(path: pathlib.Path) -> Any:
    """What ``write_data`` wrote."""
    with explained(path.with_suffix(".npz")) as file, np.load(file, allow_pickle=False) as there:
        kinds = dict(str(kind).split("=") for kind in there["kinds"])
        arrays = {name: there[name].view(jnp.dtype(kind)) for name, kind in kinds.items()}
        folded = bool(there["folded"])

    def part(i, name):
        x, y, weights = (arrays.get(f"{i}.{name}.{which}") for which in Weighted._fields)
        return Examples(x, y) if weights is None else Weighted(x, y, weights)

    def inputs(i):
        by = {name: arrays.get(f"{i}.inputs.{name}") for name in _SCALES}
        return None if by["mean"] is None else Standardization(**by)

    count = sum(name.endswith(".train.x") for name in arrays)
    splits = [Split(part(i, "train"), part(i, "validation"), inputs=inputs(i)) for i in range(count)]
    return splits if folded else splits[0]

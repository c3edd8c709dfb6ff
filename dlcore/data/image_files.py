"""Published image files: IDX (MNIST, Fashion-MNIST) and the binary version of CIFAR-10, plain or gzipped."""

import gzip
import math
import pathlib

import numpy as np

from dlcore.data.examples import Dataset, as_rows

# LeCun's page of MNIST, "the IDX file format": third byte of the magic number, all big-endian
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_CIFAR_FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_idx(path: str | pathlib.Path) -> np.ndarray:
    """The array in an IDX file, plain or gzipped; raises ValueError if it is none or is cut short."""
    raw = _bytes(pathlib.Path(path))
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES:
        raise ValueError(f"{path} is no IDX file: it starts with {raw[:4].hex()}")
    axes, dtype = raw[3], np.dtype(_IDX_TYPES[raw[2]])
    start = 4 + 4 * axes
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if len(raw) != start + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{path} is damaged: {len(raw)} bytes do not hold its {shape} values; fetch it again")
    return np.frombuffer(raw[start:], dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _bytes(path: pathlib.Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def _find(folder: pathlib.Path, file: str) -> pathlib.Path | None:
    """``file`` in ``folder``, with or without .gz, with a dot for the dash before idx as some copies have it."""
    options = (file, f"{file}.gz", file.replace("-idx", ".idx"), file.replace("-idx", ".idx") + ".gz")
    return next((folder / option for option in options if (folder / option).is_file()), None)


def find_idx(folder: pathlib.Path) -> bool:
    """Whether the four files of MNIST's layout lie in ``folder``."""
    return all(_find(folder, file) for file in _PARTS)


def find_cifar10(folder: pathlib.Path) -> bool:
    """Whether the six files of the binary version of CIFAR-10 lie in ``folder``."""
    return all((folder / file).is_file() for file in _CIFAR_FILES)


def read_idx_folder(
    folder: pathlib.Path, name: str, classes: tuple[str, ...] = (), source: str = "", license: str = ""
) -> Dataset:
    """Training and test files of MNIST's layout as one data set that remembers its published test set.

    Bytes stay bytes; other numbers become float32.
    """
    train_x, train_y, test_x, test_y = (read_idx(path) for file in _PARTS if (path := _find(folder, file)))
    pixels, labels = np.concatenate([train_x, test_x]), np.concatenate([train_y, test_y]).astype(np.int32)
    names = classes or tuple(str(label) for label in range(int(labels.max()) + 1))
    shape = (*pixels.shape[1:], 1)
    x = as_rows(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    return Dataset(name, x, labels, names, (), shape, len(test_y), source, license)


def read_cifar10(folder: pathlib.Path) -> Dataset:
    """The six binary files of CIFAR-10, its pixels as bytes: per image a label and 3·32·32 bytes, channel by channel.

    Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """
    raw = [np.frombuffer(_bytes(folder / file), np.uint8) for file in _CIFAR_FILES]
    if any(part.size == 0 or part.size % 3073 for part in raw):
        raise ValueError(f"{folder} is damaged: its files are no multiples of 3073 bytes; fetch them again")
    records = np.concatenate(raw).reshape(-1, 3073)
    x = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).reshape(len(records), -1)
    source = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"
    test = raw[-1].size // 3073
    y = records[:, 0].astype(np.int32)
    return Dataset("cifar10", x, y, _CIFAR_CLASSES, (), (32, 32, 3), test, source, "none stated")

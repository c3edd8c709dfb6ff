"""Image files as bytes of one shape: what is read, turned, made gray or colored, and resized."""

import os
import pathlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcore.data.normalization import blocks, read_blocks
from dlcore.numerics.errors import needed

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel


class Header(NamedTuple):
    """What a file says before its pixels are read: height and width as it is to be seen, and whether it has colors."""

    height: int
    width: int
    colored: bool


class Pixels(NamedTuple):
    r"""$z = (x - \mu) / \sigma$ of images [height, width, channels] of bytes, with one $\mu$ and $\sigma$ a channel."""

    name: str
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, x: Any, shape: tuple[int, ...]) -> "Pixels":
        """As the rows x [n, h w c] of a training part say, in memory or ``Streamed``."""
        counts = sum(_counts(rows, shape[-1]) for rows in read_blocks(x))
        mean, std = np.transpose([_moments(one) for one in np.asarray(counts)])
        return cls("image", tuple(shape), tuple(mean.tolist()), tuple(std.tolist()))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs: row, column and channel."""
        return tuple(",".join(map(str, place)) for place in np.ndindex(*self.shape))

    def scales(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each of d inputs."""
        mean, std = (np.tile(a, d // self.shape[-1]) for a in (self.mean, self.std))
        return mean, std

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Inputs float32 [n, d] of bytes [n, d]; raises ValueError for images of another shape."""
        d = int(np.prod(self.shape))
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(needed("images", f"{list(self.shape)}, {d} numbers", list(x.shape[1:]), "their files"))
        mean, std = self.scales(d)
        z = np.empty(x.shape, np.float32)
        for rows in blocks(*x.shape):
            z[rows] = (x[rows] - mean) / std
        return z

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """The pixels of inputs z [n, d]."""
        mean, std = self.scales(z.shape[1])
        return mean + std * z

    def read(self, files: Sequence[pathlib.Path]) -> np.ndarray:
        """Image files as rows of bytes [n, d]; raises ValueError, in one line, for the first that cannot be read."""
        return np.stack([pixels(file, self.shape).reshape(-1) for file in files])


def _counts(rows: np.ndarray, channels: int) -> np.ndarray:
    """How often each byte stands in each of the ``channels`` of rows [n, h w c]: [c, 256].

    Counts add up exactly: in whatever pieces the rows are read, the moments are the same to the last bit.
    """
    flat = rows.reshape(-1, channels)
    return np.stack([np.bincount(flat[:, c], minlength=256) for c in range(channels)])


def _moments(counts: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of bytes that stand there so often, 1 where they do not vary."""
    values = np.arange(256.0)
    mean = counts @ values / counts.sum()
    std = float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
    return float(mean), std if np.count_nonzero(counts) > 1 else 1.0


def image_files(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """(images, other files) in a folder and all below it, in the order of their names; hidden ones are not there."""
    seen = sorted(_walk(folder))
    images = [path for path in seen if path.suffix.lower() in SUFFIXES]
    return images, [path for path in seen if path.suffix.lower() not in SUFFIXES]


def _walk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if shown(name)]
        yield from (pathlib.Path(place, name) for name in files if shown(name))


def shown(name: str) -> bool:
    """Whether a file or folder is one that people see, and not what a system or an archive leaves."""
    return not name.startswith((".", "__")) and name not in ("Thumbs.db", "desktop.ini")


def header(path: pathlib.Path) -> Header:
    """What the file says of itself; raises ValueError, in one line, where it is no image that can be read."""
    with _opened(path) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # the tag of the orientation: by a quarter
        return Header(*((width, height) if turned else (height, width)), image.mode not in _GRAY)


def pixels(path: pathlib.Path, shape: Sequence[int]) -> np.ndarray:
    """An image file as bytes [height, width, channels]: upright, one channel gray or three of colors, over white.

    Another size is resized to this one, with the mean over what becomes one pixel. Of several pictures in one file the
    first counts; of 16 bits a pixel the upper eight.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _opened(path) as image:
        upright: Any = _eight_bits(ImageOps.exif_transpose(image))
        plain = _over_white(upright).convert("L" if channels == 1 else "RGB")
        sized = plain if plain.size == (width, height) else plain.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(sized, np.uint8).reshape(height, width, channels)


def _eight_bits(image: Any) -> Any:
    from PIL import Image

    if image.mode not in _WIDE:
        return image
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((np.clip(values, 0, 65535) >> 8).astype(np.uint8) if values.max(initial=0) > 255
                           else values.clip(0).astype(np.uint8))  # fmt: skip


def _over_white(image: Any) -> Any:
    from PIL import Image

    if not (image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info):
        return image
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)


class _opened:
    """``with _opened(path) as image``: whatever fails in between is a ValueError in one line that names the file."""

    def __init__(self, path: pathlib.Path):
        self._path, self._image = path, None

    def __enter__(self) -> Any:
        image_module = pillow()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", image_module.DecompressionBombWarning)
                self._image = image_module.open(self._path)
        except Exception as error:
            raise self._said(error) from error
        return self._image

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._image is not None:
            self._image.close()
        if isinstance(error, Exception):
            raise self._said(error) from error

    def _said(self, error: Exception) -> ValueError:
        reason = " ".join(str(error).split()).replace(f" {str(self._path)!r}", "")
        return ValueError(f"cannot read {self._path} as an image: {reason or type(error).__name__}")


def pillow() -> Any:
    """The module that reads images; raises RuntimeError, with what to install, where it is not there."""
    try:
        from PIL import Image
    except ImportError as error:
        raise RuntimeError(
            "images need Pillow, which is not installed; try pip install 'dlcore-jax[images]'"
        ) from error
    return Image

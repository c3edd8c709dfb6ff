"""What a data set is: examples, the names of their classes and features, and where they come from."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np


class Examples(NamedTuple):
    """Inputs x [n, d] and targets y: class numbers [n] or values [n, k]."""

    x: Any
    y: Any


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples on the host: x float32 [n, d]; y int32 [n] of classes 0 … c-1, or float32 [n, k] in regression.

    Images are rows too, ``image_shape`` = (height, width, channels) folds them back. Where a test set was published,
    it is the last ``published_test`` examples and ``split`` keeps it.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    published_test: int = 0
    source: str = ""
    licence: str = ""

    @property
    def task(self) -> str:
        """Either "classification", where there are classes, or "regression"."""
        return "classification" if self.classes else "regression"

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else f"{self.y.shape[-1]} target(s)"
        return f"Dataset({self.name!r}, {self.task}, x {list(self.x.shape)}, {what})"


def images(x: Any, image_shape: tuple[int, ...]) -> Any:
    """Rows x [n, h·w·c] as images [n, h, w, c]; raises ValueError where the sizes differ."""
    if np.shape(x)[1:] != (int(np.prod(image_shape)),):
        raise ValueError(f"needed x [n, {int(np.prod(image_shape))}], got {list(np.shape(x))}; try another image_shape")
    return x.reshape(-1, *image_shape)


def without_missing(dataset: Dataset) -> Dataset:
    """``dataset`` without the examples in which a feature or the target is missing (NaN, or label -1)."""
    missing = np.asarray(dataset.y == -1) if dataset.classes else np.isnan(dataset.y).any(axis=-1)
    whole = np.flatnonzero(~(np.isnan(dataset.x.reshape(len(dataset), -1)).any(axis=1) | missing))
    test = int((whole >= len(dataset) - dataset.published_test).sum())
    return dataclasses.replace(dataset, x=dataset.x[whole], y=dataset.y[whole], published_test=test)

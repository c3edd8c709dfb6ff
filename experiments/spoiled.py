"""Splits with a fault: shared examples, other statistics, other labels. What ``experiments.faults`` plants in data."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from dlcore import data
from dlcore.data import Examples, Split


def with_parts(split: Split, x: Any = None, y: Any = None, parts: str = "both") -> Split:
    """``split`` with x or y of its parts, or of one of them, made anew from the part."""

    def change(part):
        return Examples(*(part[i] if f is None else f(part) for i, f in enumerate((x, y))))

    some = {name: change(getattr(split, name)) for name in ("train", "validation") if parts in ("both", name)}
    return dataclasses.replace(split, **some)


def normalized(split: Split) -> Split:
    """By the training part."""
    return data.normalize(split)[0]


def one_class(split: Split, rng: Any) -> Split:
    """Whether it is the last class, yes or no."""
    last = np.max(split.train.y)
    return with_parts(split, y=lambda part: (np.asarray(part.y) == last).astype(np.int32))


def shared(noise: float, share: float) -> Callable[[Split, np.random.Generator], Split]:
    """A share of the validation part replaced by training examples and their labels, shaken by ``noise``."""

    def plant(split, rng):
        n, m = len(split.train.x), len(split.validation.x)
        which, where = rng.integers(0, n, m), rng.random(m) < share
        x, y = (np.array(a) for a in split.validation)
        shaken = np.asarray(split.train.x)[which] + noise * rng.normal(size=(m, x.shape[1]))
        x[where], y[where] = shaken[where], np.asarray(split.train.y)[which][where]
        return dataclasses.replace(split, validation=Examples(x.astype(split.train.x.dtype), y))

    return plant


def by_itself(split: Split) -> Split:
    """Every part by its own mean and standard deviation."""
    return with_parts(split, x=lambda part: np.asarray(data.fit_normalization(part.x)(np.asarray(part.x, np.float32))))


def both_parts(split: Split) -> Split:
    """Training and validation part by the statistics of both."""
    by = data.fit_normalization(np.concatenate([split.train.x, split.validation.x]))
    return data.normalize(split, by)[0]


def by_validation(split: Split) -> Split:
    """All by the statistics of the validation part."""
    by = data.fit_normalization(split.validation.x)
    return data.normalize(split, by)[0]


def one_wide(split: Split) -> Split:
    """One column in other units, nothing normalized but the rest."""
    wide = np.where(np.arange(split.train.x.shape[1]) == 1, 1e3, 1).astype(np.float32)
    scaled = with_parts(normalized(split), x=lambda part: part.x * wide)
    return Split(scaled.train, scaled.validation)


def repeated(split: Split, rng: Any) -> Split:
    """The first 12 examples again and again."""
    again = np.arange(len(split.train.x)) % 12
    return with_parts(split, *(lambda part, i=i: np.asarray(part[i])[again] for i in (0, 1)), parts="train")


def relabeled(change: Callable[[np.ndarray, int], np.ndarray], parts: str) -> Callable[[Split, Any], Split]:
    """Other labels, from the labels and the number of classes."""

    def plant(split, rng):
        c = int(np.max(split.train.y)) + 1
        return with_parts(split, y=lambda part: np.asarray(change(np.asarray(part.y), c), np.int32), parts=parts)

    return plant


def noisy_labels(share: float, parts: str) -> Callable[[Split, np.random.Generator], Split]:
    """A share of the labels drawn at random, or noise on the targets."""

    def plant(split, rng):
        def shaken(part):
            y = np.asarray(part.y)
            wrong = rng.random(y.shape) < share
            if not np.issubdtype(y.dtype, np.integer):
                return (y + 2 * share * rng.normal(size=y.shape)).astype(y.dtype)
            return np.where(wrong, rng.integers(0, y.max() + 1, y.shape), y).astype(np.int32)

        return with_parts(split, y=shaken, parts=parts)

    return plant


def few(split: Split, rng: Any) -> Split:
    """A tenth of the training examples, at least 24, and noise in their labels."""
    n = max(len(split.train.x) // 10, 24)
    small = with_parts(split, *(lambda part, i=i: np.asarray(part[i])[:n] for i in (0, 1)), parts="train")
    return noisy_labels(0.3, "train")(small, rng)

"""Data: sources, checks, splits with a sealed test set, normalisation, augmentation and batches."""

from dlcore.data.augmentation import (
    Augment,
    augment,
    cutout,
    flip,
    mixup,
    random_crop,
    random_cutout,
    random_flip,
    random_noise,
    random_rotation,
    rotate,
    shift,
)
from dlcore.data.batches import batch_count, batch_indices, one_hot
from dlcore.data.checks import Finding, check, duplicates, require
from dlcore.data.examples import Dataset, Examples, images, without_missing
from dlcore.data.image_files import read_idx
from dlcore.data.normalization import Normalization, fit_normalization, normalize
from dlcore.data.sources import load, names
from dlcore.data.splits import Opening, Sealed, Split, fold_numbers, k_folds, split

__all__ = [
    "Augment",
    "Dataset",
    "Examples",
    "Finding",
    "Normalization",
    "Opening",
    "Sealed",
    "Split",
    "augment",
    "batch_count",
    "batch_indices",
    "check",
    "cutout",
    "duplicates",
    "fit_normalization",
    "flip",
    "fold_numbers",
    "images",
    "k_folds",
    "load",
    "mixup",
    "names",
    "normalize",
    "one_hot",
    "random_crop",
    "random_cutout",
    "random_flip",
    "random_noise",
    "random_rotation",
    "read_idx",
    "require",
    "rotate",
    "shift",
    "split",
    "without_missing",
]

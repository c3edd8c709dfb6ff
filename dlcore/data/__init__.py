"""Data: sources, checks, splits with a sealed test set, normalisation and batches."""

from dlcore.data.batches import batch_count, batch_indices, one_hot
from dlcore.data.checks import Finding, check, duplicates, require
from dlcore.data.examples import Dataset, Examples, images, without_missing
from dlcore.data.image_files import read_idx
from dlcore.data.normalization import Normalization, fit_normalization, normalize
from dlcore.data.sources import load, names
from dlcore.data.splits import Opening, Sealed, Split, fold_numbers, k_folds, split

__all__ = [
    "Dataset",
    "Examples",
    "Finding",
    "Normalization",
    "Opening",
    "Sealed",
    "Split",
    "batch_count",
    "batch_indices",
    "check",
    "duplicates",
    "fit_normalization",
    "fold_numbers",
    "images",
    "k_folds",
    "load",
    "names",
    "normalize",
    "one_hot",
    "read_idx",
    "require",
    "split",
    "without_missing",
]

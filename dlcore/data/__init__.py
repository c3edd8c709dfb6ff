"""Data: sources, streams, checks, splits with a sealed test set, normalization and batches."""

from dlcore.data.arrays import from_arrays
from dlcore.data.batches import (
    Batch,
    Batches,
    batch_count,
    batch_indices,
    in_memory,
    one_hot,
    permutation_of_first,
    shuffle_rounds,
)
from dlcore.data.checks import Finding, check, check_parts, require
from dlcore.data.columns import Category, Number
from dlcore.data.cross_validation import Standardization, cut, fold_numbers, folds, k_folds, padded
from dlcore.data.describe import Balance, Summary, balance, preview, summaries, target_summaries
from dlcore.data.examples import (
    Column,
    Dataset,
    Examples,
    Padded,
    Schema,
    Weighted,
    check_weights,
    images,
    taken,
    weights_of,
    without_missing,
)
from dlcore.data.image_files import read_idx
from dlcore.data.leaks import single_feature_scores
from dlcore.data.normalization import Normalization, fit_normalization, normalize
from dlcore.data.options import TableOptions
from dlcore.data.preprocessing import Preprocessing, Target, prepare
from dlcore.data.repeats import duplicates, near_duplicates
from dlcore.data.sources import load, names
from dlcore.data.splits import Opening, Sealed, Split, split, train_validation
from dlcore.data.streams import Streamed, stream

__all__ = [
    "Balance",
    "Batch",
    "Batches",
    "Category",
    "Column",
    "Dataset",
    "Examples",
    "Finding",
    "Normalization",
    "Number",
    "Opening",
    "Padded",
    "Preprocessing",
    "Schema",
    "Sealed",
    "Split",
    "Standardization",
    "Streamed",
    "Summary",
    "TableOptions",
    "Target",
    "Weighted",
    "balance",
    "batch_count",
    "batch_indices",
    "check",
    "check_parts",
    "check_weights",
    "cut",
    "duplicates",
    "fit_normalization",
    "fold_numbers",
    "folds",
    "from_arrays",
    "images",
    "in_memory",
    "k_folds",
    "load",
    "names",
    "near_duplicates",
    "normalize",
    "one_hot",
    "padded",
    "permutation_of_first",
    "prepare",
    "preview",
    "read_idx",
    "require",
    "shuffle_rounds",
    "single_feature_scores",
    "split",
    "stream",
    "summaries",
    "taken",
    "target_summaries",
    "train_validation",
    "weights_of",
    "without_missing",
]

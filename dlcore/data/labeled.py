"""The labels of new data, in the numbers that a model was trained with."""

from typing import Any

import numpy as np

from dlcore.data.cells import MISSING, factorized, label_of, tidy
from dlcore.data.columns import Number
from dlcore.data.preprocessing import Preprocessing, Target, cells_of
from dlcore.data.tables import Table
from dlcore.numerics.errors import needed


def class_numbers(names: Any, classes: tuple[str, ...], missing: tuple[str, ...] = ()) -> np.ndarray:
    """The class numbers int32 [n] of class names [n], -1 where nothing is known.

    Whole numbers that are no names are class numbers themselves. Raises ValueError for a name that is no class.
    """
    import pandas as pd

    codes, found = factorized(pd.Series(np.asarray(names, object) if isinstance(names, list) else names))
    words, place = [tidy(label_of(word)) for word in found], {name: i for i, name in enumerate(classes)}
    unknown = MISSING | {word.lower() for word in missing}
    strange = [word for word in words if word not in place and word.lower() not in unknown]
    if strange and len(strange) == len(words) and all(_is_number_of(word, len(classes)) for word in words):
        return np.array([*map(int, words), -1], np.int32)[codes]
    if strange:
        got = f"{', '.join(map(repr, strange[:4]))}{' and more' * (len(strange) > 4)}"
        raise ValueError(needed("labels", f"the classes {', '.join(classes[:12])}", got))
    return np.array([*(place.get(word, -1) for word in words), -1], np.int32)[codes]


def _is_number_of(word: str, count: int) -> bool:
    return word.isdecimal() and int(word) < count


def targets_in(table: Table, by: Preprocessing, target: Target) -> np.ndarray:
    """Class numbers [n], -1 where missing, or quantities [n, k] in their units, NaN where missing, of a table.

    They are read as the columns of training were. Raises ValueError where the table has none, or other classes.
    """
    if absent := [name for name in target.names if name not in table.frame.columns] or not target.names:
        there = ", ".join(map(repr, list(table.frame.columns)[:12]))
        what = ", ".join(map(repr, absent)) if isinstance(absent, list) else "of the target"
        raise ValueError(f"needed the column {what} to compare with, got {there}; try a table with the right answers")
    columns = [table.frame[name] for name in target.names]
    if target.classes:
        return class_numbers(columns[0], target.classes, by.missing)
    return np.stack([cells_of(column, Number(str(column.name), 0.0, 1.0), by) for column in columns], axis=1)

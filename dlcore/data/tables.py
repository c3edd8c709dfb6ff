"""Tables of the user's own, from files and frames: what each column is, which one is learned, what is left out."""

import collections
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np

from dlcore.data.cells import Field, field_of, label_of, tidy
from dlcore.data.examples import Column, Dataset, check_weights, features_of, rows_of
from dlcore.data.files import readable
from dlcore.data.layouts import read_text_table
from dlcore.data.options import TableOptions, option
from dlcore.numerics.errors import needed
from dlcore.tree.names import nearest, nearest_first

_MOST_CLASSES = 20  # a numeric target with more different whole numbers than this is taken for a quantity
_TARGETS = ("target", "class", "label", "y")
_IDENTIFIER = re.compile(r"(?:^|.*[_\-. ])(?:id|uuid|guid|index|idx|rownames?|row)|.*[a-z](?:Id|ID)|ID", re.ASCII)
_COUNTER = re.compile(r"#|no\.?|nr\.?|n|num|number|obs|observation|case|sample|record|row", re.IGNORECASE)
_SAID = 20  # notes of one kind
_FEW_ROWS = 10  # 0, 1, 2 … in fewer rows than this is no sign of row numbers


class Table(NamedTuple):
    """A frame with one text name for every column, the columns without one in the source, and what was found."""

    frame: Any
    nameless: frozenset[str]
    decimal: str = "."
    notes: tuple[str, ...] = ()


def read_table_file(path: pathlib.Path, options: TableOptions) -> Dataset:
    """The table in a text or Parquet file; raises ValueError, in one line with its path."""
    try:
        return dataset_of(table_in(path, options), options, path.name.split(".")[0], str(path))
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def table_in(path: pathlib.Path, options: TableOptions, least: int = 2) -> Table:
    """The cells of a file of at least so many columns, not yet asked what they mean."""
    if ".parquet" in path.name.lower():
        return table_of(_parquet(path))
    frame, layout = read_text_table(path, options, least)
    names, notes = _unique(layout.names)
    frame.columns = names
    empty = [name for name, said in zip(names, layout.names, strict=True) if not said and frame[name].isna().all()]
    nameless = frozenset(name for name, said in zip(names, layout.names, strict=True) if not said)
    return Table(frame.drop(columns=empty), nameless, layout.decimal, (*layout.notes, *notes))


def _parquet(path: pathlib.Path) -> Any:
    import pandas as pd

    try:
        with readable(path, (OSError, ValueError)):
            return pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(f"cannot read {path}: Parquet needs a reader; try pip install pyarrow") from error


def table_of(frame: Any) -> Table:
    """A pandas or polars frame, or a dictionary of columns, as a table; the index of a frame is no column."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        columns = frame.columns if hasattr(frame, "columns") else list(frame)
        frame = pd.DataFrame({name: _values(frame[name]) for name in columns})
    said = [tidy(" ".join(map(str, c)) if isinstance(c, tuple) else c) for c in frame.columns]
    names, notes = _unique(["" if name.startswith("Unnamed: ") else name for name in said])
    nameless = frozenset(name for name, s in zip(names, said, strict=True) if not s or s.startswith("Unnamed: "))
    return Table(frame.set_axis(names, axis=1).reset_index(drop=True), nameless, ".", notes)


def _values(column: Any) -> Any:
    return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)


def _unique(said: Any) -> tuple[list[str], tuple[str, ...]]:
    """Names that differ: the second "a" is "a.2", a missing one is the column's number."""
    names: list[str] = []
    taken, twice = set(said), []
    for j, name in enumerate(said):
        base, k = name or f"column {j}", 1
        unique = base
        while unique in names or (k > 1 and unique in taken):
            k += 1
            unique = f"{base}.{k}"
        twice += [unique] * (k > 1)
        names.append(unique)
    note = f"columns of one name are told apart by a number: {', '.join(twice[:4])}"
    return names, (note,) if twice else ()


def dataset_of(table: Table, options: TableOptions, name: str, source: str = "") -> Dataset:
    """Examples from a table: the target found, columns that name rows rather than describe them left out."""
    frame, notes, source = table.frame, list(table.notes), source or name
    if frame.shape[1] < 2 or not len(frame):
        raise ValueError(f"needed at least two columns and a row in {source}, got {list(frame.shape)}")
    dropped = {_column(frame, column, "drop") for column in options.drop}
    fields = {c: field_of(frame[c], c, table.decimal, options.missing) for c in frame.columns if c not in dropped}
    weights = None if options.weights is None else _weights(frame, fields, options, notes)
    goals, reasons = _roles(table, fields, options, notes)
    notes += _left_out_notes(reasons)
    y, classes = _target([fields[goal] for goal in goals], options, notes, source)
    inputs = [f for c, f in fields.items() if c not in goals and c not in reasons]
    if not inputs:
        raise ValueError(_no_input(reasons, goals[0], source))
    notes += [f"column {f.name!r}: {f.note}" for f in [*inputs, *(fields[goal] for goal in goals)] if f.note][:_SAID]
    columns = tuple(Column(f.name, f.words) for f in inputs)
    x = np.stack([f.values for f in inputs], axis=1)
    known = np.asarray(y >= 0 if classes else ~np.isnan(y).any(axis=1))
    if not known.all():
        notes.append(f"{(~known).sum()} rows are left out: their target is missing")
    dataset = Dataset(name, x, y, classes, features_of(columns), source=source, columns=columns, target=tuple(goals),
                      notes=tuple(notes), decimal=table.decimal, missing=options.missing, weights=weights)  # fmt: skip
    return dataset if known.all() else rows_of(dataset, known)


def _weights(frame: Any, fields: dict[str, Field], options: TableOptions, notes: list[str]) -> np.ndarray:
    """The column that says how much each example counts; it is taken from the ``fields``: no input, and no target."""
    name = _column(frame, options.weights, "weights")
    if name in {_column(frame, column, "target") for column in options.target}:
        raise ValueError(f"column {name!r} cannot be the target and the weights; try another --weights")
    if name not in fields:
        raise ValueError(f"column {name!r} is dropped and cannot be the weights; try another --weights or --drop")
    field = fields.pop(name)
    if field.kind != "number":
        shown = repr(field.words[0]) if field.words else "dates"
        raise ValueError(needed(f"weights: column {name!r}", "numbers", shown, "another --weights"))
    check_weights(f"weights: column {name!r}", field.values, len(frame))
    notes.append(f"each example counts as column {name!r} says")
    return field.values


def _roles(
    table: Table, fields: dict[str, Field], options: TableOptions, notes: list[str]
) -> tuple[list[str], dict[str, str]]:
    """The targets, and why other columns are left out."""
    kept = {_column(table.frame, column, "keep") for column in options.keep}
    said = _said_targets(table.frame, fields, options)
    reasons = {
        c: why
        for j, (c, f) in enumerate(fields.items())
        if c not in kept and c not in said and (why := _left_out(f, j, c in table.nameless))
    }
    goals = said or [_guess_target(table.frame, fields, reasons, notes)]
    return goals, {c: why for c, why in reasons.items() if c not in goals}


def _left_out_notes(reasons: dict[str, str]) -> list[str]:
    notes = [f"column {c!r} is left out: {why} ({option('keep', c)} to keep it)" for c, why in reasons.items()]
    return [*notes[:_SAID], *[f"{len(notes) - _SAID} more columns are left out"] * (len(notes) > _SAID)]


def _no_input(reasons: dict[str, str], goal: str, source: str) -> str:
    first = next(iter(reasons), "")
    why = f"column {first!r} is left out: {reasons[first]}" if reasons else f"nothing but {goal!r} is left"
    hint = option("keep", first) if reasons else "fewer columns after --drop"
    return f"{source}: needed a column as input beside the target, got none: {why}; try {hint}"


def _column(frame: Any, column: Any, role: str) -> str:
    """The name of a column given by name or, where no column is called so, by number."""
    name, columns = tidy(column), list(frame.columns)
    if not isinstance(column, int) and name in columns:
        return name
    if re.fullmatch(r"-?\d+", name) and -len(columns) <= int(name) < len(columns):
        return columns[int(name)]
    first = columns[:200]
    hint = option(role, nearest(name, first)[0])
    raise ValueError(f"no column {column!r}; {nearest_first(name, first)}; try {hint}")


def _said_targets(frame: Any, fields: dict[str, Field], options: TableOptions) -> list[str]:
    goals = [_column(frame, column, "target") for column in options.target]
    if dropped := [goal for goal in goals if goal not in fields]:
        raise ValueError(f"column {dropped[0]!r} is dropped and cannot be the target; try another --target or --drop")
    return goals


def _guess_target(frame: Any, fields: dict[str, Field], reasons: dict[str, str], notes: list[str]) -> str:
    usable = [c for c in fields if c not in reasons] or list(fields)
    named = [c for c in usable if c.lower() in _TARGETS]
    goal = named[0] if len(named) == 1 else usable[-1]
    how = (
        "by its name" if len(named) == 1 else "the last column" if goal == frame.columns[-1] else "the last that can be"
    )
    notes.append(f"the target is {goal!r}, {how}; {option('target', next(iter(fields)))} to learn another")
    return goal


def _left_out(field: Field, position: int, nameless: bool) -> str:
    """Why a column is no input, or ""."""
    values, n = field.values, len(field.values)
    if np.isnan(values).all():
        return "it is empty"
    if field.kind == "date":
        return "it holds dates or times"
    if field.kind == "word":
        return _names_rows(field, n)
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        return ""
    called = _IDENTIFIER.fullmatch(field.name) is not None
    counts = n >= _FEW_ROWS and values[0] in (0, 1) and (np.diff(values) == 1).all()
    distinct = n >= _FEW_ROWS and (nameless or called) and len(np.unique(values)) == n
    if (counts and (nameless or called or _COUNTER.fullmatch(field.name))) or (distinct and nameless and position == 0):
        return "it numbers the rows"
    return "it is an identifier: a different number in every row" if distinct and called else ""


def _names_rows(field: Field, n: int) -> str:
    if len(field.words) <= max(n // 2, 20):
        return ""
    what = "it is free text" if np.mean([" " in word for word in field.words]) > 0.5 else "it names the rows"
    return f"{what}, {len(field.words)} different values in {n} rows"


def _target(
    goals: list[Field], options: TableOptions, notes: list[str], source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class numbers [n], -1 where missing, and the names, or values [n, k] and no names."""
    words = next((goal for goal in goals if goal.kind != "number"), None)
    if words is not None and (options.task == "regression" or len(goals) > 1):
        shown = repr(words.words[0]) if words.words else "dates"
        hint = f"{option('target', 'another')} or {option('task', 'classification')}"
        raise ValueError(
            f"{source}: needed numbers in the target {words.name!r} of a regression, got {shown}; try {hint}"
        )
    values = np.stack([goal.values for goal in goals], axis=1)
    whole = words is not None or (len(goals) == 1 and few_whole_numbers(values[:, 0]))
    if options.task == "regression" or (options.task is None and not options.classes and not whole):
        notes.append(_task_note(goals[0], options, "quantities: a regression", "classification"))
        return values, ()
    notes.append(_task_note(goals[0], options, "classes", "regression"))
    return _classes(goals[0], options, notes, source)


def _task_note(goal: Field, options: TableOptions, what: str, other: str) -> str:
    said = options.task is not None or goal.kind == "word"
    return f"the target {goal.name!r} holds {what}" + ("" if said else f" ({option('task', other)} if not)")


def few_whole_numbers(values: np.ndarray) -> bool:
    """Whether ``values`` [n] look like classes: at most 20 different whole numbers, three examples each on average."""
    known = values[~np.isnan(values)]
    different = np.unique(known)
    few = len(different) <= max(2, min(_MOST_CLASSES, len(known) // 3))
    return few and bool((different == np.floor(different)).all())


def _classes(goal: Field, options: TableOptions, notes: list[str], source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if goal.kind == "date":
        raise ValueError(
            f"{source}: needed classes or numbers in the target {goal.name!r}, got dates; try another --target"
        )
    numbers = np.unique(goal.values[~np.isnan(goal.values)])
    labels = goal.words or tuple(label_of(float(value)) for value in numbers)
    if len(labels) > max(len(goal.values) // 2, 20):
        what = f"target {goal.name!r} has {len(labels)} different values in {len(goal.values)} examples"
        hint = option("target", "another") if goal.words else option("task", "regression")
        raise ValueError(f"{source}: {what}: it names them rather than describes them; try {hint}")
    codes = np.where(np.isnan(goal.values), -1, goal.values if goal.words else np.searchsorted(numbers, goal.values))
    alike = [word for word, k in collections.Counter(word.lower() for word in labels).items() if k > 1]
    notes += [f"classes that differ only in capitals: {', '.join(alike[:4])}"] * bool(alike)
    return named_classes(codes.astype(np.int32), labels, options.classes, source)


def named_classes(
    y: np.ndarray, labels: tuple[str, ...], said: tuple[str, ...], source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """``y`` by the classes ``said``: the same labels in another order, or other names for them, one by one."""
    said = tuple(map(tidy, said))
    if not said:
        return y, labels
    if set(labels) <= set(said):
        places = np.array([said.index(label) for label in labels] + [-1], np.int32)
        return places[y], said
    if len(said) == len(labels):
        return y, said
    got = f"{len(labels)} labels {', '.join(labels[:6])}"
    raise ValueError(
        f"{source}: needed the {len(said)} classes {', '.join(said)}, got {got}; try {option('classes', labels[:6])}"
    )

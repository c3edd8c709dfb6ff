"""The folder of a study: what was asked, the data, and every call of the program as soon as it is done."""

import contextlib
import json
import os
import pathlib
import warnings
from collections.abc import Container, Mapping
from typing import Any, Self

import jax
import numpy as np

from dlcore.data.files import Path, alone, read, write
from dlcore.numerics.errors import needed
from dlcore.training import History, as_arrays, start
from dlcore.tree import differences, from_config, to_config
from dlcore.tuning.found import Found
from dlcore.tuning.kept_data import fingerprint, read_data, write_data
from dlcore.tuning.known import Resting, Row, Rows, Stream, together
from dlcore.tuning.search import Asked
from dlcore.tuning.spaces import assign

FORMAT = 1
_NAME = "study"


class StudyFolder:
    """``with StudyFolder("runs/x", asked) as kept``: ``kept.found`` is what is there, ``kept.note(rows)`` adds to it.

    Every file is written whole or not at all; of two processes in one folder the second is refused. Entering it raises
    ValueError where there is a study of something else, and says what differs; more assignments, seeds and epochs are
    no difference.
    """

    def __init__(self, path: Path, asked: Asked):
        self.path = pathlib.Path(os.path.abspath(path))
        self.found: Found = {}
        self._asked = asked
        self._numbers: list[int] = []  # of the assignments, in the order in which they were saved
        self._stack, self._count, self._lost = contextlib.ExitStack(), 0, False

    def __enter__(self) -> Self:
        now = _about(self._asked)  # refuses what has no name before anything is written
        _make(self.path)
        self._stack.enter_context(alone(self.path))
        about = self._about(now)
        places = {_text(one): i for i, one in enumerate(_space(now))}
        self._numbers = [places[_text(one)] for one in _space(about)]
        self._read_calls()
        return self

    def _about(self, now):
        """What is asked ``now`` together with what was."""
        if (self.path / f"{_NAME}.json").is_file():
            now = _merged(self.path, read(self.path / _NAME), now)
        else:
            write_data(self.path / "data", self._asked.data)
        write(self.path / _NAME, now)
        self._said, self.widths = now, now["widths"]
        return now

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @classmethod
    def asked(cls, path: Path, trusted: tuple[str, ...] = ()) -> Asked:
        """What the study in the folder is about; raises ValueError where there is none."""
        about = read(pathlib.Path(path, _NAME))
        if about.get("format") != FORMAT:
            raise ValueError(needed(str(path), f"a study of format {FORMAT}", about.get("format")))
        made = {name: from_config(about[name], trusted) for name in ("setup", "space", "halving")}
        key = jax.random.wrap_key_data(jax.device_put(np.asarray(about["key"], np.uint32)), impl=about["generator"])
        data = read_data(pathlib.Path(path, "data"))
        space = tuple(made["space"][i] for i in about["order"])
        return Asked(made["setup"], space, data, key, about["seeds"], made["halving"], about["keep"])

    def note(self, rows: Mapping[Row, Resting]) -> None:
        """Write rows of one epoch. A disk that fails is said once; the search goes on in memory."""
        if not rows or self._lost:
            return
        path = self.path / "calls" / f"{self._count:05d}"
        try:
            _write_call(path, rows, {number: i for i, number in enumerate(self._numbers)})
        except OSError as error:
            self._lost = True
            warnings.warn(f"{path}: cannot be written ({error.strerror}); what comes now is not kept", stacklevel=2)
        self._count += 1

    def lay(self, name: str, rows: int) -> None:
        """Keep how many rows of a program run at once: in other tiles last bits are others."""
        if name and not self._lost and self.widths.get(name) != rows:
            self.widths[name] = rows
            with contextlib.suppress(OSError):  # said by ``note``
                write(self.path / _NAME, self._said)

    def settle(self, found: Found) -> None:
        """Remove the files of states that ``found`` does not have any more."""
        kept = {(row, epoch) for row, at in found.items() for epoch, one in at.items() if one.state is not None}
        for path in (self.path / "calls").glob("*_states.json"):
            rows = read(path.with_suffix(""))["rows"]
            epoch = read(path.with_name(path.name.removesuffix("_states.json")))["epoch"]
            if not {(self._row(*row), epoch) for row in rows} & kept:
                for suffix in (".json", ".npz"):  # the one without which the other is not looked for
                    path.with_suffix(suffix).unlink(missing_ok=True)

    def _row(self, number, seed, fold):
        return Row(self._numbers[number], Stream(seed, fold))

    def _read_calls(self):
        """All rows that are there; a damaged file is warned of, and its rows are trained again."""
        for path in sorted((self.path / "calls").glob("*[0-9].json")):
            self._count = int(path.stem) + 1
            try:
                epoch, new = self._call(path.with_suffix(""))
            except ValueError as error:
                warnings.warn(f"{error}; its rows are trained again", stacklevel=3)
                continue
            for row, one in new.items():
                self.found.setdefault(row, {})[epoch] = one

    def _call(self, path):
        call, rows = read(path), {}
        history = History(**call["found"].pop("history"))
        found = Rows(history, **call["found"])
        states = self._states(path.with_name(f"{path.name}_states"))
        for i, place in enumerate(call["rows"]):
            one = jax.tree.map(lambda a, i=i: np.asarray(a)[i], found)
            rows[self._row(*place)] = Resting(call["epoch"], one, states.get(self._row(*place)))
        return call["epoch"], rows

    def _states(self, path):
        if not path.with_name(f"{path.name}.json").is_file():
            return {}
        saved = read(path)
        rows = [self._row(*row) for row in saved["rows"]]
        leaves = [saved["leaves"][str(i)] for i in range(len(saved["leaves"]))]
        like = self._like(rows[0].setup)
        kinds = jax.tree.leaves(like)
        return {
            row: jax.tree.structure(like).unflatten(
                [np.asarray(leaf[i], kind.dtype) for leaf, kind in zip(leaves, kinds, strict=True)]
            )
            for i, row in enumerate(rows)
        }

    def _like(self, configuration):
        asked = self._asked
        setup = as_arrays(assign(asked.setup, asked.space[configuration]))
        data = asked.data[0] if isinstance(asked.data, list) else asked.data
        return jax.eval_shape(start, setup, data, asked.key)._replace(key=(), epoch=())


def alike(found: Mapping[Row, Mapping[int, Resting]], but: Container[Row] = ()) -> list[dict[Row, Resting]]:
    """The rows, without those that are there already, in parts that ``note`` takes: of one epoch and one structure."""
    parts: dict[Any, dict[Row, Resting]] = {}
    for row in [row for row in found if row not in but]:
        for epoch, one in found[row].items():
            parts.setdefault((epoch, jax.tree.structure(one)), {})[row] = one
    return list(parts.values())


def _write_call(path, rows, saved):
    """States first, then what was found: a call is there once its JSON is."""
    path.parent.mkdir(exist_ok=True)
    places = {row: (saved[row.setup], *row.stream) for row in rows}
    states = {row: jax.tree.leaves(one.state) for row, one in rows.items() if one.state is not None}
    if states:
        leaves = {str(i): np.stack(column) for i, column in enumerate(zip(*states.values(), strict=True))}
        kept = {"rows": [places[row] for row in states], "leaves": leaves}
        write(path.with_name(f"{path.name}_states"), kept, compressed=False)
    found = together([one.found for one in rows.values()])
    epoch = next(iter(rows.values())).epoch
    write(path, {"rows": list(places.values()), "epoch": epoch, "found": found}, compressed=False)


def _about(asked: Asked) -> dict[str, Any]:
    """What a study is about, in what JSON knows."""
    return {
        "format": FORMAT,
        "setup": to_config(asked.setup),
        "space": to_config(list(asked.space)),
        "order": list(range(len(asked.space))),
        "key": np.asarray(jax.random.key_data(asked.key)).tolist(),
        "generator": str(jax.random.key_impl(asked.key)),
        "seeds": int(asked.seeds),
        "folds": asked.folds,
        "halving": to_config(asked.halving),
        "keep": asked.keep,
        "data": fingerprint(asked.data),
        "precision": str(jax.dtypes.canonicalize_dtype(float)),
        "widths": {},
    }


def _merged(path: pathlib.Path, saved: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """``now``, with the assignments in the order in which they were saved; raises ValueError for another study.

    Later assignments come last, so that the numbers in the files stay.
    """
    there, wanted = (list(map(_text, _space(about))) for about in (saved, now))
    if told := _another(saved, now) or _less(saved, now) or _lost(there, wanted) or _halved(saved, now):
        raise ValueError(needed(str(path), "the same study", f"another {told}", "another folder"))
    new = [one for one, text in zip(_space(now), wanted, strict=True) if text not in set(there)]
    whole = [*_space(saved), *new]
    place = {_text(one): i for i, one in enumerate(whole)}
    order, widths = [place[text] for text in wanted], saved.get("widths", {})
    return {**now, "space": {**now["space"], "$value": whole}, "order": order, "widths": widths}


def _another(saved, now):
    """What is another thing now than it was, "" where nothing is."""
    for name in ("format", "setup", "key", "generator", "folds", "halving", "data", "precision"):
        for where, before, after in differences(saved.get(name), now[name]):
            if (name, where) != ("setup", "epochs"):
                what = ".".join(part for part in (name, where) if part)
                return f"{name}: {what} is {before} there and {after} now"
    return ""


def _less(saved, now):
    if now["seeds"] < saved["seeds"]:
        return f"number of seeds: {saved['seeds']} there and {now['seeds']} now"
    before, after = saved["setup"]["epochs"], now["setup"]["epochs"]
    return f"number of epochs: {before} there and {after} now" if after < before else ""


def _lost(there, wanted):
    gone = [text for text in there if text not in set(wanted)]
    return f"space: without {gone[0]}, which is there" if gone else ""


def _halved(saved, now):
    """With a halving nothing can be added: who leaves depends on who is there."""
    size = [(len(_space(about)), about["seeds"], about["setup"]["epochs"]) for about in (saved, now)]
    if now["halving"] == to_config(None) or size[0] == size[1]:
        return ""
    return f"halving: (configurations, seeds, epochs) are {size[0]} there and {size[1]} now"


def _space(about):
    return about["space"]["$value"]


def _text(config):
    return json.dumps(config, sort_keys=True, default=str)


def _make(path: pathlib.Path) -> None:
    try:
        (path / "calls").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        got = f"one that cannot be made ({error.strerror})"
        raise ValueError(needed(str(path), "a folder for the study", got, "a folder you can write")) from error
    strange = {entry.name for entry in path.iterdir()} - {"calls", "lock", "data.npz", f"{_NAME}.json"}
    if strange and not (path / f"{_NAME}.json").is_file():
        raise ValueError(
            needed(str(path), "a new folder, or one of a study", f"one with {min(strange)}", "another name")
        )

"""Folders of images, one for each class: ``flowers/rose/1.jpg``, or ``flowers/train/rose/1.jpg`` beside ``test``."""

import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dlcore.data.examples import Dataset
from dlcore.data.options import option
from dlcore.data.pixels import Header, header, image_files, pixels, shown
from dlcore.data.streams import stream
from dlcore.numerics.errors import needed

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_LONGEST = 128  # pixels of a side, unless a size is said
_SAID = 3  # names in a note


class _Picture(NamedTuple):
    path: pathlib.Path
    part: str
    label: str


def read_image_folder(folder: pathlib.Path, size: tuple[int, int] | None = None, streamed: bool = False) -> Dataset:
    """The images below ``folder``, whose folders name their classes, as bytes [n, h w c] of one ``size`` (h, w).

    Folders ``train``, ``val`` and ``test``, where they are there, stay the parts that they are. Files that cannot be
    read are left out, and ``notes`` name them, what else is left out and how images were resized. ``streamed``: pixels
    are read as they are needed. Raises ValueError, in one line, for a class without an image, for images without
    classes and for a class that only a later part has.
    """
    notes: list[str] = []
    found = _pictures(folder, notes)
    heads = _heads(found, notes)
    found = [one for one in found if one.path in heads]
    _check(folder, found, _labels(folder))
    shape = _shape([heads[one.path] for one in found], size, notes)
    rows, kept = (None, found) if streamed else _read(found, shape, notes)
    _check(folder, kept, _labels(folder))
    order = sorted(range(len(kept)), key=lambda i: list(dict.fromkeys(_PARTS.values())).index(kept[i].part))
    classes = _in_order({one.label for one in kept})
    y = np.array([classes.index(kept[i].label) for i in order], np.int32)
    files = [kept[i].path for i in order]
    count = {part: sum(one.part == part for one in kept) for part in ("validation", "test")}
    return Dataset(
        name=folder.resolve().name,
        x=stream(_Files(files, shape), y) if rows is None else rows[order],
        y=y,
        classes=classes,
        image_shape=shape,
        published_test=count["test"],
        published_validation=count["validation"],
        source=str(folder),
        target=("class",),
        notes=tuple(notes),
    )


class _Files:
    """The pixels of image files as rows of bytes [n, h w c], read as they are asked for."""

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[pathlib.Path], size: tuple[int, ...]):
        self.files, self.size, self.shape = files, size, (len(files), math.prod(size))

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([pixels(self.files[i], self.size).reshape(-1) for i in indices.tolist()])


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and shown(path.name))


def _places(folder: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
    """(part, folder of classes) of every part; the folder itself where it has none."""
    named = [(_PARTS[path.name.lower()], path) for path in _folders(folder) if path.name.lower() in _PARTS]
    whole = "train" in dict(named) and any(map(_folders, (path for _, path in named)))
    return named if whole else [("train", folder)]


def _labels(folder: pathlib.Path) -> list[tuple[str, str]]:
    """(part, class) for every folder of a class, with or without images."""
    return [(part, path.name) for part, place in _places(folder) for path in _folders(place)]


def _pictures(folder: pathlib.Path, notes: list[str]) -> list[_Picture]:
    found, others, beside = [], [], []
    places = _places(folder)
    for part, place in places:
        for one in _folders(place):
            images, strange = image_files(one)
            found += [_Picture(path, part, one.name) for path in images]
            others += strange
        beside += [path for path in image_files(place)[0] if path.parent == place]
    if beside and not found:
        hint = f"{folder.name}/CLASS/{beside[0].name}"
        raise ValueError(needed(str(folder), "a folder for each class", "images alone", hint))
    strangers = [path for path in _folders(folder) if places[0][1] != folder and path not in dict(places).values()]
    for what, paths in {
        "files that are no images": others,
        "images beside the folders of classes": beside,
        "folders that are no part": [path for path in strangers if path not in [place for _, place in places]],
    }.items():
        if paths:
            notes.append(f"{what} are left out: {_listed(paths)}")
    return found


def _listed(paths: Sequence[pathlib.Path]) -> str:
    names = ", ".join(path.name for path in paths[:_SAID])
    return names + f" and {len(paths) - _SAID} more" * (len(paths) > _SAID)


def _heads(found: Sequence[_Picture], notes: list[str]) -> dict[pathlib.Path, Header]:
    heads, failed = {}, []
    for one in found:
        try:
            heads[one.path] = header(one.path)
        except ValueError as error:
            failed.append(str(error))
    _tell_failed(failed, notes)
    return heads


def _tell_failed(failed: list[str], notes: list[str]) -> None:
    notes += [f"left out: {line}" for line in failed[:_SAID]]
    notes += [f"left out: {len(failed) - _SAID} more files that cannot be read"] * (len(failed) > _SAID)


def _read(found: Sequence[_Picture], shape: tuple[int, ...], notes: list[str]) -> tuple[np.ndarray, list[_Picture]]:
    """Rows of bytes [n, d], and what they are; files whose pixels turn out to be damaged are left out."""
    rows, kept, failed = np.empty((len(found), int(np.prod(shape))), np.uint8), [], []
    for one in found:
        try:
            rows[len(kept)] = pixels(one.path, shape).reshape(-1)
            kept.append(one)
        except ValueError as error:
            failed.append(str(error))
    _tell_failed(failed, notes)
    return rows[: len(kept)], kept


def _check(folder: pathlib.Path, found: Sequence[_Picture], labels: Sequence[tuple[str, str]]) -> None:
    learned = {one.label for one in found if one.part == "train"}
    if empty := [label for part, label in labels if part == "train" and label not in learned]:
        hint = "images in it, or to remove the folder"
        what = "an image that can be read in the folder of every class"
        raise ValueError(needed(str(folder), what, f"none in {empty[0]!r}", hint))
    if later := [one for one in found if one.label not in learned]:
        got = f"{later[0].label!r} in the {later[0].part} part alone"
        raise ValueError(needed(str(folder), "classes that the training part has", got))
    if len(learned) < 2:
        hint = f"{folder.name}/CLASS/image.png"
        raise ValueError(needed(str(folder), "folders of two classes at least", ", ".join(learned) or "none", hint))


def _in_order(labels: set[str]) -> tuple[str, ...]:
    """By name; numbers by their size: 9 before 10."""
    return tuple(
        sorted(labels, key=lambda label: (not label.isdecimal(), int(label) if label.isdecimal() else 0, label))
    )


def _shape(heads: Sequence[Header], size: tuple[int, int] | None, notes: list[str]) -> tuple[int, int, int]:
    sizes = {(one.height, one.width) for one in heads}
    colored = sum(one.colored for one in heads)
    height, width = size or _usual(heads)
    if sizes != {(height, width)}:
        said = "" if size else f" ({option('size', (height, width))} to say another)"
        what = f"of {len(sizes)} sizes" if len(sizes) > 1 else "of {} x {} pixels".format(*next(iter(sizes)))
        notes.append(f"images {what} are resized to {height} x {width}{said}")
    if 0 < colored < len(heads):
        notes.append(f"{len(heads) - colored} gray images are read as colored, as {colored} others are")
    return height, width, 3 if colored else 1


def _usual(heads: Sequence[Header]) -> tuple[int, int]:
    """The medians of heights and widths, made smaller by one factor where a side would be too long."""
    height, width = (float(np.median([one[i] for one in heads])) for i in (0, 1))
    by = min(1.0, _LONGEST / max(height, width))
    return max(1, round(height * by)), max(1, round(width * by))

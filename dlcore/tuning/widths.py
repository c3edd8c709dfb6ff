"""How many rows run at once: as many as memory has room for and, in a long study, as are quickest by the clock.

Widths that were found are remembered, for a program and a machine, in the user's folder of caches.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import platform
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore.data.files import read, write
from dlcore.numerics.formats import PyTree
from dlcore.tree import to_config
from dlcore.tuning.layout import Plan
from dlcore.tuning.memory import SHARE, fitting, free_memory, out_of_memory
from dlcore.tuning.programs import Program
from dlcore.tuning.rows import Group, calls_of

LONG = 60.0  # seconds that rows have to take before other widths are tried at all
WORTH = 10  # times what the trials take, at least
GAIN = 0.95  # of the time before: a width that is not quicker by that is not taken


class Trial(NamedTuple):
    """What a program takes: ``bytes`` on a device, ``data`` of them once for all rows, of ``free`` ones.

    ``seconds`` are those of an epoch of a call and ``compiling`` those of the compiler.
    """

    plan: Plan
    bytes: int
    data: int
    free: int | None
    seconds: float
    compiling: float

    @property
    def whole(self) -> float:
        """Seconds of an epoch of all rows."""
        return self.seconds * self.plan.calls


def settled(group: Group, data: PyTree, devices: Sequence[Any], first: Trial | None = None) -> Trial:
    """The quickest tiles for ``group`` from its first epoch on, from now on remembered."""
    group = group._replace(epoch=None)
    best = _quickest(group, data, devices, first or tried(group, data, devices))
    remember(program_name(group, data, devices), best.plan.rows)
    return best


def tried(group: Group, data: PyTree, devices: Sequence[Any]) -> Trial:
    """The ``group`` in narrower tiles where memory asks for it, and what the first call takes: two epochs of it."""
    while True:
        free = free_memory(devices[: group.plan.devices])
        began, program = time.perf_counter(), Program(group, data, devices)
        places, state = program.begin(next(calls_of(group)))
        taken = program.bytes(places, state)
        compiling = time.perf_counter() - began
        width = fitting(group.plan.rows, taken, program.data_bytes, free)
        if width == group.plan.rows:
            break
        group = group.wide(width, len(devices))
    state, _ = program.advance(places, state, 0, 1)
    began = time.perf_counter()
    program.advance(places, state, 1, 1)
    return Trial(group.plan, taken, program.data_bytes, free, time.perf_counter() - began, compiling)


def _quickest(group, data, devices, first) -> Trial:
    """The best of ``first`` and of twice and half as many rows at once, and so on as long as it gets quicker."""
    for factor in (2.0, 0.5):
        best = first
        for trial in _others(group, data, devices, first, factor):
            if trial.whole > GAIN * best.whole:
                break
            best = trial
        if best is not first:
            return best
    return first


def _others(group, data, devices, first, factor) -> Iterator[Trial]:
    """Trials of ever wider or narrower tiles, as far as there are rows and memory for them."""
    plan, row = first.plan, (first.bytes - first.data) / first.plan.rows
    while True:
        other = group.wide(int(plan.rows * factor), len(devices))
        wider = other.plan.rows > plan.rows if factor > 1 else 1 <= other.plan.rows < plan.rows
        if not wider or (first.free is not None and first.data + row * other.plan.rows > SHARE * first.free):
            return
        plan = other.plan
        try:
            yield tried(other, data, devices)
        except jax.errors.JaxRuntimeError as error:
            if out_of_memory(error):
                return
            raise


def long(seconds: float, compiling: float) -> bool:
    """Whether rows that take ``seconds`` are worth trials, of which each compiles a program."""
    return seconds > max(LONG, WORTH * 2 * compiling)


def program_name(group: Group, data: PyTree, devices: Sequence[Any]) -> str:
    """What a program and its machine are called: the setup without its numbers, the data's shapes, the devices.

    "" for a setup with a function that has no name.
    """
    shapes = [np.shape(leaf) for leaf in (*group.stacked, *group.fixed)]
    setup = group.kind.structure.unflatten([0.0] * len(group.kind.varying))
    try:
        about = to_config(setup)
    except TypeError:
        return ""
    examples = [(np.shape(leaf), str(leaf.dtype)) for leaf in jax.tree.leaves(data)]
    text = json.dumps([about, shapes, examples, group.kind.folded, _machine(devices)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _machine(devices):
    kinds = sorted(f"{device.platform} {device.device_kind}" for device in devices)
    return [*kinds, platform.machine(), os.cpu_count(), jax.__version__]


_known: dict[str, int] = {}  # what this process has remembered


def recall(name: str) -> int | None:
    """The width that is remembered for a program."""
    return {**_read(), **_known}.get(name) if name else None


def remember(name: str, width: int) -> None:
    """Keep the width of a program; where there is no folder for it, as long as this process lives."""
    if name:
        _known[name] = width
        with contextlib.suppress(OSError):
            _path().parent.mkdir(parents=True, exist_ok=True)
            write(_path(), {**_read(), name: width})


def _read() -> dict[str, int]:
    try:
        return read(_path())
    except ValueError:
        return {}


def _path() -> pathlib.Path:
    """Without its suffix."""
    caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(caches, "dlcore", "widths")

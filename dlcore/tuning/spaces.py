"""Spaces of setups: lists of assignments, each a dictionary from the path of a place in the setup to its value."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from dlcore.pytrees import get, replace

T = TypeVar("T")
Assignment = dict[str, Any]


def grid(axes: Mapping[str, Iterable[Any]]) -> list[Assignment]:
    """Every combination of the values of ``axes``, a list by path; the last path varies fastest."""
    for path, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"grid: needed a list of values for {path!r}, got {values!r}; try [{values!r}]")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def assign(setup: T, assignment: Mapping[str, Any]) -> T:
    """``setup`` with every value of ``assignment`` at its path; raises ValueError for a path that does not exist."""
    for path, value in assignment.items():
        get(setup, path)
        setup = replace(setup, path, value)
    return setup


def axes_of(assignments: Iterable[Assignment]) -> dict[str, list[Any]]:
    """The different values of every path, in the order of their first appearance."""
    axes: dict[str, list[Any]] = {}
    for assignment in assignments:
        for path, value in assignment.items():
            if value not in axes.setdefault(path, []):
                axes[path].append(value)
    return axes


def refine(axes: Mapping[str, list[float]], best: Assignment, points: int = 3) -> dict[str, list[float]]:
    """Finer axes around ``best``: ``points`` values from half way to its lower to half way to its upper neighbour.

    The steps are geometric where all values are positive. At the edge of its range a value gets room beyond it. Where
    a range has a zero, "none of it" is a choice of its own: it stays, beside the finer values around the best positive
    one, or half of the smallest.
    """
    return {path: _around(sorted(set(values)), best[path], points) for path, values in axes.items()}


def _around(values, best, points):
    positive = [v for v in values if v > 0]
    if len(values) < 2:
        return values
    if values[0] == 0 and best == 0:
        return [0.0, positive[0] / 2]
    geometric = values[0] >= 0
    line, here = (np.log(positive), np.log(best)) if geometric else (np.asarray(values, float), best)
    if len(line) < 2:
        return values
    steps = [np.min(side, initial=np.inf) for side in (here - line[line < here], line[line > here] - here)]
    below, above = (min(steps) if step == np.inf else step for step in steps)
    half = points // 2 + 1
    finer = here + np.concatenate([np.linspace(-below / 2, 0, half), np.linspace(0, above / 2, half)[1:]])
    found = [float(f"{v:.3g}") for v in (np.exp(finer) if geometric else finer)]
    return [0.0, *found] if values[0] == 0 else found

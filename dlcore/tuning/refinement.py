"""Coarse to fine: axes with finer values around the best, inside the ranges that the numbers declare."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dlcore.numerics.errors import needed
from dlcore.tree import Range
from dlcore.tuning.spaces import Assignment, identity, plain, range_of

ANY = Range()


def refine(
    axes: Mapping[str, Iterable[Any]], best: Assignment, points: int = 3, *, setup: Any = None
) -> dict[str, list[Any]]:
    """Finer axes around ``best``: ``points`` values from half way to its lower to half way to its upper neighbor.

    The best value is one of them, and none is there twice. At the edge of its axis a value gets room beyond it, inside
    the range that the field of ``setup`` declares. Steps are geometric where that field says so, or where none says
    otherwise and all values are positive. Where a range has a zero, "none of it" is a choice of its own: it stays,
    beside the finer values around the best positive one, or half of the smallest. Whole numbers stay whole; of what is
    no number the best alone stays.
    """
    if missing := [path for path in axes if path not in best]:
        raise ValueError(
            needed("refine: best", f"a value at {missing[0]}", repr(dict(best)), "study.space[study.best]")
        )
    return {path: _refined(list(values), best[path], points, range_of(setup, path)) for path, values in axes.items()}


def is_number(value: Any) -> bool:
    """Whether ``value`` is one number, of Python, NumPy or JAX; True and False are choices."""
    return isinstance(plain(value), (int, float)) and not isinstance(plain(value), bool)


def _refined(values, best, points, declared):
    if not all(map(is_number, values)):
        return [best]
    numbers, best = sorted({identity(v): plain(v) for v in values}.values()), plain(best)
    positive, allowed = [v for v in numbers if v > 0], declared or ANY
    whole = allowed.whole or all(isinstance(v, int) for v in numbers)
    zero = numbers[:1] if numbers[0] == 0 else []
    if zero and best == 0 and positive:
        return _distinct([positive[0] / 2], best, whole)
    geometric = numbers[0] >= 0 and (declared is None or declared.log or bool(zero))
    line = positive if geometric else numbers
    if len(line) < 2:
        return numbers
    low, high = _ends(np.asarray(line, float), best, geometric, allowed)
    finer = _distinct(_between(low, best, high, points, geometric), best, whole)
    return zero + [v for v in finer if allowed.holds(v)]


def _ends(line, best, geometric, allowed):
    """Half way to the neighbors of ``best``; beyond an edge as far as on its other side, inside the range."""
    scale, back = (np.log, np.exp) if geometric else (np.asarray, np.asarray)
    here, places = scale(best), scale(line)
    steps = [np.min(side, initial=np.inf) for side in (here - places[places < here], places[places > here] - here)]
    below, above = (min(steps) if step == np.inf else step for step in steps)
    low, high = float(back(here - below / 2)), float(back(here + above / 2))
    low = max(low, allowed.low) if low > allowed.above else (best + allowed.above) / 2
    return low, min(high, allowed.high) if high < allowed.below else (best + allowed.below) / 2


def _between(low, best, high, points, geometric):
    space, half = (np.geomspace if geometric else np.linspace), points // 2 + 1
    below = space(low, best, half)[:-1] if low < best else []
    return [*below, *(space(best, high, half)[1:] if high > best else [])]


def _distinct(values, best, whole):
    """``values`` and ``best`` in order, none twice, with as few digits as that takes, three at least."""
    if whole:
        return sorted({best, *map(round, values)})
    rounded = ([float(f"{v:.{digits}g}") for v in values] for digits in range(3, 18))
    apart = (short for short in rounded if len({*short, best}) == len(values) + 1 and _keeps_sides(values, short, best))
    return sorted([*next(apart), best])


def _keeps_sides(values, short, best):
    return all((a < best) == (b < best) for a, b in zip(values, short, strict=True))

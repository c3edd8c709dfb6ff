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


def edges(axes: Mapping[str, Iterable[Any]], best: Assignment, *, setup: Any = None) -> dict[str, str]:
    """The paths whose value in ``best`` is the "lower" or "upper" end of an axis of numbers: the best may lie beyond.

    There is no beyond at an end of the range that the field of ``setup`` declares, nor below 0 where an axis starts
    there.
    """
    found = {
        path: _edge(list(values), best[path], range_of(setup, path)) for path, values in axes.items() if path in best
    }
    return {path: side for path, side in found.items() if side}


def beyond(axes: Mapping[str, Iterable[Any]], best: Assignment, *, setup: Any = None) -> dict[str, Any]:
    """For each of the ``edges`` the next value outside its axis, as far as the last two are apart.

    By a factor where ``refine`` takes one; inside the range that the field of ``setup`` declares.
    """
    found = edges(axes, best, setup=setup)
    made = {
        path: _next(_numbers(axes[path]), plain(best[path]), side, range_of(setup, path))
        for path, side in found.items()
    }
    return {path: value for path, value in made.items() if value is not None}


def is_number(value: Any) -> bool:
    """Whether ``value`` is one number, of Python, NumPy or JAX; True and False are choices."""
    return isinstance(plain(value), (int, float)) and not isinstance(plain(value), bool)


def _refined(values, best, points, declared):
    if not all(map(is_number, values)):
        return [best]
    numbers, best = _numbers(values), plain(best)
    positive, allowed = [v for v in numbers if v > 0], declared or ANY
    whole = _is_whole(numbers, allowed)
    zero = numbers[:1] if numbers[0] == 0 else []
    if zero and best == 0 and positive:
        return _distinct([positive[0] / 2], best, whole)
    geometric = _is_geometric(numbers, declared)
    line = positive if geometric else numbers
    if len(line) < 2:
        return numbers
    low, high = _ends(np.asarray(line, float), best, geometric, allowed)
    finer = _distinct(_between(low, best, high, points, geometric), best, whole)
    return zero + [v for v in finer if allowed.holds(v)]


def _edge(values, value, declared):
    if len(values) < 2 or not all(map(is_number, values)):
        return ""
    numbers, value = _numbers(values), plain(value)
    side = {numbers[0]: "lower", numbers[-1]: "upper"}.get(value, "")
    end = (declared or ANY).low if side == "lower" else (declared or ANY).high
    return "" if value == end or (side == "lower" and value == 0) else side


def _next(numbers, value, side, declared):
    """The value beyond the end ``value`` of its axis; half way to the end of the range, None where there is no room."""
    allowed, geometric = declared or ANY, _is_geometric(numbers, declared)
    line = [v for v in numbers if v > 0] if geometric else numbers
    line = line if len(line) > 1 else [value / 10, value]  # 0 and one positive value
    end = _ends(np.asarray(line, float), value, geometric, allowed, share=1.0)[side == "upper"]
    whole = _is_whole(numbers, allowed)
    end = (value + end) / 2 if end in (allowed.low, allowed.high) and not whole else end
    new = [v for v in _distinct([end], value, whole) if v != value]
    return new[0] if new and allowed.holds(new[0]) else None


def _numbers(values):
    return sorted({identity(v): plain(v) for v in values}.values())


def _is_whole(numbers, allowed):
    return allowed.whole or all(isinstance(v, int) for v in numbers)


def _is_geometric(numbers, declared):
    return numbers[0] >= 0 and (declared is None or declared.log or numbers[0] == 0)


def _ends(line, best, geometric, allowed, share=0.5):
    """A ``share`` of the way to the neighbors of ``best``; beyond an edge as far as on its other side, in the range."""
    scale, back = (np.log, np.exp) if geometric else (np.asarray, np.asarray)
    here, places = scale(best), scale(line)
    steps = [np.min(side, initial=np.inf) for side in (here - places[places < here], places[places > here] - here)]
    below, above = (min(steps) if step == np.inf else step for step in steps)
    low, high = float(back(here - share * below)), float(back(here + share * above))
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

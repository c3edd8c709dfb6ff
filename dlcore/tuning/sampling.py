"""Samples of a space: points that fill the box of its axes evenly, each coordinate mapped to the values of its axis."""

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlcore.numerics.errors import needed
from dlcore.probability import Uniform
from dlcore.tree import Range
from dlcore.tuning.spaces import Space, identity, plain, range_of

METHODS = ("sobol", "halton", "random")


@dataclasses.dataclass(frozen=True)
class LogUniform:
    r"""$\text{low}^{1 - u} \, \text{high}^u$: every factor is as probable as its equals. Both ends are positive."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Integers:
    """The whole numbers from ``low`` to ``high``, both among them, each as probable as any other."""

    low: int
    high: int


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of ``values``, each as probable as any other."""

    values: Sequence[Any]


def sample(axes: Mapping[str, Any], n: int, method: str = "sobol", *, seed: int = 0, setup: Any = None) -> Space:
    """``n`` different assignments, each a point of a sequence that fills the box of all axes.

    An axis is ``Uniform``, ``LogUniform``, ``Integers`` or ``Choice``; a list is a ``Choice``; a tuple (low, high) has
    the scale that the field of ``setup`` declares at the path, and ends that are not given are those of its range.
    ``method`` is the sequence: scrambled Sobol' or Halton points by SciPy, or independent ones. The sample of n is the
    first part of the sample of 2n. Bergstra & Bengio 2012 say why to sample rather than to lay a grid.

    Raises ValueError for a range without ends, or in the wrong order, and for more points than there are.

    >>> from dlcore.tuning import LogUniform, sample
    >>> space = sample({"optimizer.learning_rate": LogUniform(1e-4, 1e-1), "epochs": [10, 20]}, 8)
    >>> len(space), sorted(point["epochs"] for point in space)
    (8, [10, 10, 10, 10, 20, 20, 20, 20])
    """
    if method not in METHODS:
        raise ValueError(needed("sample: method", f"one of {', '.join(METHODS)}", repr(method)))
    known = {path: _axis(path, axis, None if setup is None else range_of(setup, path)) for path, axis in axes.items()}
    most = math.prod(_count(axis) for axis in known.values())
    if not known or not isinstance(n, int) or not 1 <= n <= most:
        what = f"a whole number of points from 1 to {most:g}" if known else "at least one axis"
        raise ValueError(needed("sample", what, f"{n} points of {len(known)} axes"))
    found: dict[Any, dict[str, Any]] = {}
    drawn = n
    while len(found) < n:  # axes of few values meet the same point twice
        points = _points(method, len(known), drawn, seed)
        every = ({path: _value(axis, u) for (path, axis), u in zip(known.items(), row, strict=True)} for row in points)
        found = {identity(point): point for point in reversed(list(every))}
        drawn *= 2
    return Space(list(reversed(found.values()))[:n])


def _points(method: str, axes: int, n: int, seed: int) -> np.ndarray:
    """The first ``n`` points of the sequence [n, axes], each coordinate in [0, 1)."""
    rng = np.random.default_rng(seed)
    if method == "random":
        return rng.random((n, axes))
    from scipy.stats import qmc

    sequence = {"sobol": qmc.Sobol, "halton": qmc.Halton}[method](axes, scramble=True, seed=rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # SciPy asks for powers of two; the first n of them are n points
        return sequence.random(n)


def _axis(path: str, axis: Any, declared: Range | None) -> Uniform | LogUniform | Integers | Choice:
    """``axis`` in one of the four forms, with both ends; raises ValueError or TypeError for what is none."""
    if isinstance(axis, (Choice, list)):
        values = [plain(value) for value in (axis if isinstance(axis, list) else axis.values)]
        if not values or len({identity(value) for value in values}) != len(values):
            raise ValueError(needed(f"sample: {path}", "different values, at least one", repr(axis)))
        return Choice(values)
    if isinstance(axis, tuple) and len(axis) == 2:
        axis = _declared(*axis, declared or Range())
    if not isinstance(axis, (Uniform, LogUniform, Integers)):
        hint = "LogUniform(1e-4, 1e-1), or a list of values"
        raise TypeError(needed(f"sample: {path}", "Uniform, LogUniform, Integers, Choice", repr(axis), hint))
    kind, low, high = type(axis), plain(axis.low), plain(axis.high)
    holds = {Uniform: True, LogUniform: low > 0, Integers: float(low).is_integer() and float(high).is_integer()}[kind]
    if not (math.isfinite(low) and math.isfinite(high) and low < high and holds):
        what = {Uniform: "two ends", LogUniform: "two positive ends", Integers: "two whole ends"}[kind]
        raise ValueError(
            needed(f"sample: {path}", f"{what}, low < high", f"{low} and {high}", f"{kind.__name__}(low, high)")
        )
    return kind(low, high)


def _declared(low, high, declared):
    """From ``low`` to ``high``, where not given the ends of the range, on its scale."""
    kind = Integers if declared.whole else LogUniform if declared.log else Uniform
    low = max(declared.low, declared.above) if low is None else low
    return kind(low, min(declared.high, declared.below) if high is None else high)


def _count(axis):
    """How many different values there are."""
    if isinstance(axis, Choice):
        return len(axis.values)
    return int(axis.high) - int(axis.low) + 1 if isinstance(axis, Integers) else math.inf


def _value(axis, u):
    """The value at ``u`` in [0, 1), whose distribution is that of the axis where u is uniform."""
    if isinstance(axis, Uniform):
        return float(axis.low + u * (axis.high - axis.low))
    if isinstance(axis, LogUniform):
        return math.exp((1 - u) * math.log(axis.low) + u * math.log(axis.high))
    i = min(int(u * _count(axis)), _count(axis) - 1)
    return int(axis.low) + i if isinstance(axis, Integers) else axis.values[i]

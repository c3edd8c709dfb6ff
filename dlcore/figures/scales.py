"""The scale of a hyperparameter: where its values stand on an axis of a figure, and what is written there."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcore.console.numbers import short
from dlcore.figures.style import AS_WRITTEN, decimal_log
from dlcore.tuning.refinement import is_number
from dlcore.tuning.spaces import identity, plain

MOST = 12  # values that are each written at an axis
_LETTERS = 48  # side by side below axes of the full width
_TURNED = 2  # letters between values that are turned, at least
_LONGEST = 14  # letters of a value
_WIDE = 5  # times the smallest number from which on numbers may be spread by their logarithm
_MARGIN = 0.07  # of the axis, beyond its first and last value


class Scale(NamedTuple):
    """Different ``values``, numbers in their order; ``kind`` says how they are spread.

    "log" by their logarithm; "zero" too, with a place for 0 about a decade below the smallest above it; "linear" as
    they are; "named" one after the other, for what is no number.
    """

    values: list[Any]
    kind: str

    @property
    def places(self) -> np.ndarray:
        """Where each value stands, in the units of the axis."""
        return np.asarray(range(len(self.values)) if self.kind == "named" else self.values, float)

    @property
    def dense(self) -> bool:
        """Whether there are too many numbers to write each of them, as a sample has."""
        return self.kind != "named" and len(self.values) > MOST

    @property
    def smallest(self) -> float:
        """The smallest number above 0; 1 without one."""
        return float(min((value for value in self.values if self.kind != "named" and value > 0), default=1.0))

    def spread(self, places: Any) -> np.ndarray:
        """``places`` [...] in distances as they are drawn."""
        x = np.asarray(places, float)
        return self._transform.transform(x.ravel()).reshape(x.shape)

    def back(self, spread: Any) -> np.ndarray:
        """The inverse of ``spread``."""
        u = np.asarray(spread, float)
        return self._transform.inverted().transform(u.ravel()).reshape(u.shape)

    @property
    def _transform(self) -> Any:
        from matplotlib.scale import LogTransform, SymmetricalLogTransform
        from matplotlib.transforms import IdentityTransform

        if self.kind == "log":
            return LogTransform(10)
        return SymmetricalLogTransform(10, self.smallest, 1) if self.kind == "zero" else IdentityTransform()

    def marks(self) -> tuple[np.ndarray, list[str]]:
        """Places to mark, and what is written there: every value, of very many some, of a sample round numbers."""
        if self.dense:
            return self.round_marks()
        some = few(len(self.values))
        return self.places[some], [cut_short(short(self.values[i], 3)) for i in some]

    def round_marks(self) -> tuple[np.ndarray, list[str]]:
        """Round numbers between the least and the largest value, as ``marks``; for what is no number, its marks."""
        if self.kind == "named":
            return self.marks()
        places = self._round()
        return places, [short(float(place), 3) for place in places]

    def _round(self):
        from matplotlib.ticker import LogLocator, MaxNLocator

        low, high = self.smallest if self.kind == "zero" else self.places.min(), self.places.max()
        subs = (1, 2, 5) if self.kind != "linear" and high < 100 * low else (1,)
        locator = MaxNLocator(5) if self.kind == "linear" else LogLocator(subs=subs, numticks=6)
        ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
        return np.array([0.0, *ticks] if self.kind == "zero" else ticks)

    def write(self, axis: Any, share: float = 1.0) -> None:
        """Give the x ``axis`` this scale and its marks, turned where they would run into each other.

        ``share`` is the part of a figure's width that the axes have.
        """
        ax = axis.axes
        if self.kind == "log":
            ax.set_xscale("log")
            decimal_log(axis, self.values)
        elif self.kind == "zero":
            ax.set_xscale("symlog", linthresh=self.smallest, linscale=1)
            ax.minorticks_off()
        (places, letters), (low, high) = self.marks(), self.limits()
        u = (self.spread(places) - low) / (high - low) * _LETTERS * share
        lengths = np.array([len(text) for text in letters])
        turn = (np.diff(u) < (lengths[1:] + lengths[:-1]) / 2 + 1).any()
        shown = _far(u, _TURNED)
        turned = {"rotation": 45, "rotation_mode": "anchor", "ha": "right"} if turn else {}
        ax.set_xticks(places[shown], [letters[i] for i in shown], **turned, **AS_WRITTEN)
        ax.set_xlim(*self.back([low, high]))

    def limits(self) -> tuple[float, float]:
        """Where axes begin and end that show all places with some margin, spread."""
        u = self.spread(self.places)
        margin = _MARGIN * (u.max() - u.min()) or 1.0
        return u.min() - margin, u.max() + margin


def scale_of(values: Iterable[Any]) -> Scale:
    """The scale for ``values``, each different one once."""
    distinct = list({identity(value): plain(value) for value in values}.values())
    if len(distinct) < 2 or not all(map(is_number, distinct)):
        return Scale(distinct, "named")
    numbers = sorted(distinct)
    linear, logarithmic = Scale(numbers, "linear"), Scale(numbers, "log" if numbers[0] > 0 else "zero")
    if numbers[0] < 0 or numbers[-1] < _WIDE * linear.smallest:
        return linear
    return min(logarithmic, linear, key=_unevenness)


def _unevenness(scale: Scale) -> float:
    """How far the values are from even distances, at most."""
    u = scale.spread(scale.places)
    return float(np.abs((u - u[0]) / (u[-1] - u[0]) - np.linspace(0, 1, len(u))).max())


def places_of(scale: Scale, values: Sequence[Any]) -> np.ndarray:
    """Where ``values`` [n] stand; NaN for one that the scale does not have."""
    there = dict(zip(map(identity, scale.values), scale.places, strict=True))
    return np.array([there.get(identity(value), np.nan) for value in values], float)


def few(n: int) -> list[int]:
    """At most ``MOST`` of n, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, MOST))})


def _far(u: np.ndarray, gap: float) -> list[int]:
    """Those of rising ``u`` that are at least ``gap`` behind the one before."""
    found: list[int] = []
    for i, at in enumerate(u):
        if not found or at - u[found[-1]] >= gap:
            found.append(i)
    return found


def cut_short(text: str) -> str:
    """``text``, of a long one the beginning."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""Fewer and fewer configurations for more and more epochs: successive halving and Hyperband."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import check_count, needed


class Bracket(NamedTuple):
    """Configurations that compete, by their numbers, and the epochs after which the worst of them leave."""

    configurations: tuple[int, ...]
    epochs: tuple[Any, ...]
    keep: float

    def survivors(self, alive: int) -> int:
        """How many of ``alive`` configurations stay."""
        return max(1, int(alive * self.keep + 1e-9))


@dataclasses.dataclass(frozen=True)
class Halving:
    r"""Successive halving: after ``first`` epochs the best ``keep`` of the configurations go on, and so forth.

    Rungs are at $r \eta^j$ epochs, r = ``first`` and $\eta$ = 1/``keep``, as far as they are below the epochs of the
    setup; each keeps $\lfloor n / \eta \rfloor$ of n configurations, one at least. Jamieson & Talwalkar 2016, Non-
    stochastic best arm identification and hyperparameter optimization.
    """

    first: int = 3
    keep: float = 1 / 3

    def __post_init__(self):
        check_count("Halving.first", self.first)
        _check_share("Halving.keep", self.keep)

    def brackets(self, count: int, epochs: int) -> list[Bracket]:
        """All ``count`` configurations in one."""
        return [Bracket(tuple(range(count)), _rungs(self.first, self.keep, epochs), self.keep)]


@dataclasses.dataclass(frozen=True)
class Hyperband:
    r"""Several brackets of successive halving, from many configurations with few epochs to few with all of them.

    Bracket s = $s_{max}$ … 0 begins with $R \eta^{-s}$ epochs, R those of the setup, and gets a share of the
    configurations in proportion to $\lceil (s_{max} + 1) \eta^s / (s + 1) \rceil$, drawn by a fixed seed. $s_{max}$
    is the largest for which that is ``first`` epochs at least. Li et al. 2018, Hyperband, algorithm 1.
    """

    first: int = 1
    keep: float = 1 / 3

    def __post_init__(self):
        check_count("Hyperband.first", self.first)
        _check_share("Hyperband.keep", self.keep)

    def brackets(self, count: int, epochs: int) -> list[Bracket]:
        """The brackets that have a configuration, the one with most rungs first."""
        most = max(s for s in range(64) if s == 0 or epochs * self.keep**s >= self.first * (1 - 1e-9))
        shares = np.array([np.ceil((most + 1) / (s + 1) * self.keep**-s - 1e-9) for s in range(most, -1, -1)])
        ends = np.round(np.cumsum(shares) / shares.sum() * count).astype(int)
        shuffled = np.random.default_rng(0).permutation(count)
        parts = zip(np.split(shuffled, ends[:-1]), range(most, -1, -1), strict=True)
        return [
            Bracket(tuple(sorted(map(int, some))), _rungs(max(1, round(epochs * self.keep**s)), self.keep, epochs),
                    self.keep)
            for some, s in parts if len(some)
        ]  # fmt: skip


def _rungs(first, keep, epochs):
    rungs, at = [], float(first)
    while round(at) < epochs:
        rungs.append(round(at))
        at /= keep
    return (*dict.fromkeys(rungs), epochs)


def _check_share(name, share):
    if not 0 < share < 1:
        raise ValueError(needed(name, "a share between 0 and 1", repr(share), "1/3"))


def check_halving(halving: Any, space: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError or TypeError unless a sweep of ``space`` can have ``halving``, which may be None."""
    if halving is not None and not isinstance(halving, (Halving, Hyperband)):
        raise TypeError(needed("sweep: halving", "Halving or Hyperband", repr(halving), "Halving()"))
    if halving is not None and any("epochs" in assignment for assignment in space):
        raise ValueError(needed("sweep: space", "no epochs beside a halving, which deals them out", "epochs"))

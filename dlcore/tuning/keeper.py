"""Whose states to keep while a study is made: those of the best, and of who may still be among them."""

from collections.abc import Mapping

from dlcore.training import Criterion
from dlcore.training.metrics import LOSS
from dlcore.tuning.known import Row, Rows, judged, mean_loss, together


class Keeper:
    """Says whose states to keep: of the ``keep`` best configurations, and of those that may still be among them.

    Only what has trained to its end is seen. ``keep`` is a number, "all" or "none".
    """

    def __init__(self, streams: int, keep: int | str, by: Criterion = LOSS):
        self._streams, self._keep, self._by = streams, keep, by
        self._seen: dict[int, dict[Row, Rows]] = {}
        self._best: list[tuple[float, int]] = []
        self._open: set[int] = set()

    def see(self, found: Mapping[Row, Rows]) -> None:
        """Take notice of rows that have ended."""
        for row, one in found.items():
            self._seen.setdefault(row.setup, {})[row] = one
        for i in {row.setup for row in found}:
            rows = together([self._seen[i][row] for row in sorted(self._seen[i])])
            whole, sound = len(self._seen[i]) == self._streams, not rows.diverged.any()
            (self._open.discard if whole or not sound else self._open.add)(i)
            if whole and sound and isinstance(self._keep, int):
                cost = float(mean_loss(judged(rows, self._by).loss))
                self._best = sorted([*self._best, (cost, i)])[: self._keep]

    def wants(self, row: Row) -> bool:
        """Whether the state of a row that was seen is to be kept."""
        seen = row in self._seen.get(row.setup, ())
        if isinstance(self._keep, str):
            return seen and self._keep == "all"
        return seen and (row.setup in self._open or any(row.setup == i for _, i in self._best))

    @property
    def hopeful(self) -> set[Row]:
        """All rows whose states are to be kept."""
        setups = self._seen if self._keep == "all" else {*self._open, *(i for _, i in self._best)}
        return {row for i in setups for row in self._seen.get(i, ()) if self.wants(row)}

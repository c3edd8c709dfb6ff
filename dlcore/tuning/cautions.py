"""What a study cannot say, or not yet."""

from collections.abc import Iterator
from typing import Any

from dlcore.tree.names import at_or_below
from dlcore.tuning.refinement import edges
from dlcore.tuning.spaces import axes_of, plain

ALL_DIVERGED = "every configuration diverged; try lower learning rates"
_SIDES = {"lower": "below", "upper": "above"}


def cautions(study: Any) -> list[str]:
    """A line for each."""
    return [*_edges(study), *_losses(study)] if study.sound else [ALL_DIVERGED]


def _edges(study: Any) -> Iterator[str]:
    """Every number whose best value lies at the edge of its axis: the best may lie beyond.

    There is no beyond at an end of the range that the number declares, nor below 0 where an axis starts there.
    """
    best = study.space[study.best]
    for path, side in edges(axes_of(study.space), best, setup=study.setup).items():
        value = plain(best[path])
        yield f"{path}: the best value {value:g} is the {side} edge of its axis; try values {_SIDES[side]} it"


def _losses(study: Any) -> Iterator[str]:
    """Losses of other kinds, or with other numbers, measure other things."""
    varied = [path for path, values in axes_of(study.space).items() if at_or_below("loss", path) and len(values) > 1]
    if varied and study.by.name is None:
        told = " and ".join(varied)
        yield f"losses that differ in {told} cannot be compared; try to choose by a metric: sweep(..., by=accuracy)"

"""Which mistakes are worth a look: of every class the examples that were surely told as another."""

from typing import Any, NamedTuple

import numpy as np

from dlcore.numerics.errors import needed


class ClassMistakes(NamedTuple):
    """Of the ``n`` examples of class ``label`` those that are wrong, and the places of some of them, the surest first.

    Where an example has a map of labels, it is of every class of its map, and wrong in it if one place of it is.
    """

    label: int
    n: int
    wrong: int
    examples: np.ndarray


def surest_mistakes(
    prediction: Any, y: Any, sure: Any = None, *, most: int = 6, classes: int = 10
) -> tuple[ClassMistakes, ...]:
    r"""Of every class the ``most`` surest of the examples that were told as another, classes by their numbers.

    Class numbers ``prediction`` and y, [n] or maps [n, ...]; ``sure`` of the same shape: the probabilities of what was
    predicted, None where nobody knows them. Of more than ``classes`` with mistakes those with the most come back.

    Example i is sure of its mistake in class c by $\frac1{|P|} \sum_{p \in P,\, \hat y_p \ne c} s_p$ over the places
    $P$ of its map that are of class c: of a single label that is the probability of the wrong answer, and without
    probabilities the share of what is wrong. Equals stay in their order. Raises ValueError for other shapes.
    """
    prediction, y = np.asarray(prediction), np.asarray(y)
    sure = np.ones(y.shape) if sure is None else np.nan_to_num(np.asarray(sure, np.float64))
    if not prediction.shape == y.shape == sure.shape or y.ndim == 0:
        shapes = ", ".join(str(list(a.shape)) for a in (prediction, y, sure))
        raise ValueError(needed("surest_mistakes", "predictions, labels and probabilities of one shape", shapes))
    said, is_, sure = (a.reshape(len(y), -1) for a in (prediction, y, sure))
    found = [one for label in np.unique(y) if (one := _of_class(int(label), said, is_, sure, most)).wrong]
    kept = sorted(found, key=lambda one: -one.wrong)[:classes]
    return tuple(sorted(kept, key=lambda one: one.label))


def _of_class(label, prediction, y, sure, most):
    """The mistakes of the class, rows [n, places] each."""
    here = y == label
    missed = here & (prediction != label)
    wrong = np.flatnonzero(missed.any(1))
    level = np.where(missed, sure, 0).sum(1)[wrong] / here[wrong].sum(1)
    surest = wrong[np.argsort(-level, kind="stable")[:most]]
    return ClassMistakes(label, int(here.any(1).sum()), len(wrong), surest)

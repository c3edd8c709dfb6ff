r"""Metrics of classes from three counts for each: examples that are predicted to be of it, that are, and both at once.

Outputs and labels are those of ``accuracy``: [n, ..., c] beside class numbers [n, ...], of pixels too; one logit of yes
or no, which are two classes; or logits [n, ..., k] beside whole numbers 0 and 1 of that shape, yes or no k times, which
are k classes that exclude nothing. scikit-learn's functions of these names give the same numbers.
"""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, at_least_f32
from dlcore.training.metrics import SetMetric, are_several, class_indices, of_class
from dlcore.tree.fields import hyperparams, static


class Tally(NamedTuple):
    """Weights of the examples, or pixels, of each class [c]: ``hit`` of it and predicted to be. ``named``: classes
    that count where nothing is of them, too.
    """

    hit: Any
    predicted: Any
    true: Any
    named: Any


def tally(name: str, outputs: Array, y: Array, weights: Array) -> Tally:
    """The tally of some examples, each counted ``weights`` [n] times."""
    several = are_several(outputs, y)
    if several:
        predicted, true = outputs > 0, y.astype(jnp.int32) > 0
    else:
        *numbers, c = class_indices(name, outputs, y)
        predicted, true = (of_class(a, c) for a in numbers)
    dtype = at_least_f32(outputs.dtype)

    marks = jnp.stack([predicted & true, predicted, true], 1)  # [n, 3, ..., c]
    # of every example first: its pixels are counted without rounding
    by_example = jnp.sum(marks, tuple(range(2, marks.ndim - 1)), dtype=dtype)
    sums = jnp.sum(weights.astype(dtype)[:, None, None] * by_example, 0)
    return Tally(sums[0], sums[1], sums[2], jnp.full(sums.shape[-1:], several))


def _whole(parts: Tally) -> Tally:
    hit, predicted, true = (jnp.sum(part, 0) for part in parts[:3])
    return Tally(hit, predicted, true, jnp.any(parts.named, 0))


def _ratio(a, b):
    """a / b, and 0 where nothing is there: as scikit-learn's ``zero_division`` has it."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)


@hyperparams
class ByClass(SetMetric):
    """A ratio of counts of each class; 0 for a class of which there is nothing to divide by.

    ``average`` is "macro", the mean over the classes that are there or predicted; "weighted", by how often each is
    there; "micro", the ratio of the counts of all together; or the number of a class, alone: 1 is "yes".
    """

    average: str | int = static(default="macro")

    @staticmethod
    @abc.abstractmethod
    def ratio(tally: Tally) -> tuple[Array, Array]:
        """What is divided, and by what."""

    def count(self, outputs, y, weights):
        counts = tally(type(self).__name__, outputs, y, weights)
        _check_average(self.average, counts.true.size)
        return counts

    def value(self, counted):
        whole = _whole(counted)
        if self.average == "micro":
            return _ratio(*map(jnp.sum, self.ratio(whole)))
        each = _ratio(*self.ratio(whole))
        if isinstance(self.average, int):
            return each[self.average]
        there = (whole.true + whole.predicted > 0) | whole.named
        weights = whole.true if self.average == "weighted" else there.astype(each.dtype)
        return _ratio(jnp.sum(weights * each), jnp.sum(weights))


def _check_average(average, c):
    if average in ("macro", "micro", "weighted") or (type(average) is int and 0 <= average < c):
        return
    what = f"'macro', 'micro', 'weighted' or the number of a class, 0 to {c - 1}"
    raise ValueError(needed("average", what, repr(average), "'macro'"))


@hyperparams
class Precision(ByClass):
    r"""$|T \cap P| / |P|$: how much of what is predicted to be of a class, P, is of it, T."""

    @staticmethod
    def ratio(tally):
        return tally.hit, tally.predicted


@hyperparams
class Recall(ByClass):
    r"""$|T \cap P| / |T|$: how much of what is of a class, T, is predicted to be, P."""

    @staticmethod
    def ratio(tally):
        return tally.hit, tally.true


@hyperparams
class F1(ByClass):
    r"""$2 |T \cap P| / (|T| + |P|)$, the harmonic mean of precision and recall. Of pixels it is Dice's index."""

    @staticmethod
    def ratio(tally):
        return 2 * tally.hit, tally.true + tally.predicted


@hyperparams
class Jaccard(ByClass):
    r"""$|T \cap P| / |T \cup P|$; of pixels the mean intersection over union."""

    @staticmethod
    def ratio(tally):
        return tally.hit, tally.true + tally.predicted - tally.hit


@hyperparams
class BalancedAccuracy(SetMetric):
    """The mean of the recall of the classes that are there."""

    def count(self, outputs, y, weights):
        return _of_one_class("BalancedAccuracy", outputs, y, weights)

    def value(self, counted):
        whole = _whole(counted)
        there = (whole.true > 0).astype(whole.hit.dtype)
        return _ratio(jnp.sum(_ratio(whole.hit, whole.true)), jnp.sum(there))


@hyperparams
class MatthewsCorrelation(SetMetric):
    r"""The correlation of predicted and true classes; 0 where either is always the same. Gorodkin 2004, eq. 8.

    $\frac{h - \sum_k t_k p_k}{\sqrt{(1 - \sum_k t_k^2)(1 - \sum_k p_k^2)}}$ of the shares of hits, and of the classes.
    """

    def count(self, outputs, y, weights):
        return _of_one_class("MatthewsCorrelation", outputs, y, weights)

    def value(self, counted):
        whole = _whole(counted)
        total = jnp.sum(whole.true)
        t, p, h = (a / total for a in (whole.true, whole.predicted, jnp.sum(whole.hit)))
        spread = jnp.sqrt((1 - jnp.sum(t * t)) * (1 - jnp.sum(p * p)))
        return _ratio(h - jnp.sum(t * p), spread)


def _of_one_class(name, outputs, y, weights):
    if are_several(outputs, y):
        got = f"labels {list(y.shape)} of yes or no"
        raise ValueError(needed(name, "one class for each example", got, "Recall() or F1()"))
    return tally(name, outputs, y, weights)


@hyperparams
class AUC(SetMetric):
    r"""The area under the ROC curve, $P(s_+ > s_-) + \frac12 P(s_+ = s_-)$: Mann & Whitney 1947, ties exact.

    Of several classes the mean over the classes, each against the rest by its probability; of yes or no the one of yes.
    A class that is in no example, or in all, has no curve and does not count; NaN where none has one. The scores of all
    examples are kept until the end of the set, [n, c] numbers.
    """

    def count(self, outputs, y, weights):
        scores, yes = _scores(outputs, y)
        places = scores.reshape(len(scores), -1, scores.shape[-1])
        weights = jnp.broadcast_to(weights.astype(scores.dtype)[:, None, None], places.shape)
        of_yes = yes.reshape(places.shape)
        return tuple(
            a.reshape(-1, a.shape[-1]) for a in (places, jnp.where(of_yes, weights, 0), jnp.where(of_yes, 0, weights))
        )

    def value(self, counted):
        areas = jax.vmap(_area, 1)(*(a.reshape(-1, a.shape[-1]) for a in counted))
        known = ~jnp.isnan(areas)
        broken = jnp.any(jnp.isnan(counted[0]) & (counted[1] + counted[2] > 0))
        mean = jnp.sum(jnp.where(known, areas, 0)) / jnp.sum(known, dtype=areas.dtype)
        return jnp.where(broken, jnp.nan, mean)


def _scores(outputs, y):
    """(scores, whether it is so) [..., c]: of one class alone where there are two."""
    wide = outputs.astype(at_least_f32(outputs.dtype))
    if are_several(outputs, y):
        return wide, y.astype(jnp.int32) > 0
    _, true, c = class_indices("AUC", outputs, y)
    if c == 2:
        s = wide.reshape(true.shape) if wide.size == true.size else wide[..., 1] - wide[..., 0]
        return s[..., None], true[..., None] == 1
    return jax.nn.log_softmax(wide, -1), of_class(true, c)


def _area(s, yes, no):
    """The area of scores s [n] with the weights [n] of what is so, and of what is not; NaN without one of them."""
    s, yes, no = jax.lax.sort((s, yes, no), num_keys=1)
    below = jnp.cumsum(no)
    i = jnp.arange(s.size)
    new = jnp.concatenate([jnp.ones(1, bool), s[1:] != s[:-1]])
    first = jax.lax.cummax(jnp.where(new, i, 0))  # of the equal ones
    last = jax.lax.cummin(jnp.where(jnp.concatenate([new[1:], jnp.ones(1, bool)]), i, s.size - 1), reverse=True)
    before = below[first] - no[first]
    won = yes * (before + below[last]) / 2
    pairs = jnp.sum(yes) * below[-1]
    return jnp.where(pairs > 0, jnp.sum(won) / jnp.where(pairs > 0, pairs, 1), jnp.nan)

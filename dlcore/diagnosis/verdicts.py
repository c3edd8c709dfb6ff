"""What every diagnosis returns, and the exact values that curves are compared with."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

GOOD, WARNING, BAD = "good", "warning", "bad"
Evidence = tuple[str, ...]
_SPREAD = 2.0  # standard deviation of the losses of single examples, in units of their mean


class Verdict(NamedTuple):
    """What is the matter (``kind``), the numbers that say so, why, what to try next: "good", a "warning" or "bad"."""

    kind: str
    evidence: tuple[str, ...]
    reason: str
    try_next: tuple[str, ...]
    severity: str


class VerdictRule(NamedTuple):
    """A verdict with the sign by which it is known: that gives the evidence, or None where it is not seen."""

    kind: str
    severity: str
    sign: Callable[[Any], Evidence | None]
    reason: str
    try_next: tuple[str, ...]


def following(rules: Iterable[VerdictRule], *seen: Any, done: Collection[str] = ()) -> Iterator[Verdict]:
    """The verdicts of all ``rules`` whose sign is there in most of what is ``seen``, without advice that was ``done``.

    The evidence is that of the first in which it is, with in how many of several.
    """
    for rule in rules:
        found = [evidence for evidence in map(rule.sign, seen) if evidence is not None]
        if 2 * len(found) > len(seen):
            share = (f"so in {len(found)} of {len(seen)} members",) * (len(seen) > 1)
            advice = tuple(advice for advice in rule.try_next if advice not in done)
            yield Verdict(rule.kind, (*found[0], *share), rule.reason, advice, rule.severity)


def softmax_floor(c: int) -> float:
    r"""$\ln(1 + (c-1)/e)$: no cross entropy of c classes falls below it where its logits are probabilities.

    The best such "logits" are one-hot rows, whose softmax is $e/(e + c - 1)$ at the class.
    """
    return math.log1p((_at_least_two(c) - 1) / math.e)


def softmax_twice_bound(accuracy: Any, c: int) -> Any:
    r"""The least cross entropy at ``accuracy`` a where logits are probabilities: $a \ln(1 + (c-1)/e) + (1-a)\,w$.

    $w = \ln(2 + (c-2)/\sqrt e)$ is the least loss of a wrong example: the right class shares the top at 1/2.
    """
    wrong = math.log(2 + (_at_least_two(c) - 2) / math.sqrt(math.e))
    return accuracy * softmax_floor(c) + (1 - accuracy) * wrong


def fano_bound(accuracy: Any, c: int) -> Any:
    r"""The largest cross entropy of calibrated predictions: $H(a) + (1-a) \ln(c-1)$. Fano 1961; Cover & Thomas, 2.10.

    A loss above it at ``accuracy`` a: the predictions are less certain than they are right (or surely wrong).
    """
    a = np.clip(accuracy, 1 / _at_least_two(c), 1)
    e = 1 - a
    entropy = -a * np.log(a) - e * np.log(np.where(e > 0, e, 1))
    return entropy + e * math.log(c - 1)


def label_entropy(y: Any, weights: Any = None) -> float:
    r"""$-\sum_k q_k \ln q_k$ with the shares $q_k$ of the classes in y [n]: the cross entropy of the best constant.

    With ``weights`` [n] the shares are those of the weights.
    """
    from scipy.stats import entropy

    _, numbers = np.unique(np.asarray(y), return_inverse=True)
    return float(entropy(np.bincount(numbers.reshape(-1), weights)))


def target_variance(y: Any, weights: Any = None) -> float:
    r"""$\frac1n \sum_i \lVert y_i - \bar y \rVert^2$ of y [n, k]: the mean squared error of the best constant.

    With ``weights`` [n] both means are means by weight.
    """
    y = np.asarray(y, np.float64)
    mean = np.average(y, axis=0, weights=weights, keepdims=True)
    return float(np.average(((y - mean) ** 2).reshape(len(y), -1).sum(axis=1), weights=weights))


def accuracy_error(accuracy: float, n: float) -> float:
    r"""Standard error $\sqrt{a(1-a)/n}$ of an accuracy over n examples, with a pulled in by half an example.

    The pull (Agresti & Coull's, to first order) keeps it from being 0 where all n are right.
    """
    a = (accuracy * n + 0.5) / (n + 1)
    return math.sqrt(a * (1 - a) / n)


def loss_error(loss: float, n: float) -> float:
    r"""Standard error $2 |\bar\ell| / \sqrt n$ of a mean loss over n examples whose own losses are not known.

    They are taken to be spread as usual: by twice their mean.
    """
    return _SPREAD * abs(loss) / math.sqrt(n)


def _at_least_two(c: int) -> int:
    if c < 2:
        raise ValueError(f"needed at least 2 classes, got {c}; try c=len(dataset.classes)")
    return c

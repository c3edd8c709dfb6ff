"""What a setup's neighbors say: the extra trainings that decide where two curves cannot."""

from collections.abc import Collection, Sequence

import numpy as np

from dlcore.diagnosis.verdicts import BAD, GOOD, WARNING, Evidence, Verdict, VerdictRule, following
from dlcore.tuning.changes import (
    AS_IT_IS,
    BASELINES,
    HALF,
    LARGER_RATE,
    NO_DROPOUT,
    NO_PENALTY,
    SMALLER_RATE,
    Changes,
)

_DOUBT = 2.0  # standard errors within which two are alike
_CHANCE = 0.01  # that a change without effect is called one, by a single of them
_MATTERS = 0.05  # of what is compared: a smaller gain is none to act on


def judge_changes(changes: Changes, *, done: Collection[str] = ()) -> list[Verdict]:
    """What trainings of a setup and of its neighbors decide: rate too low or high, too much regularization, more data.

    A gain counts where Student's t test of the paired differences says so with an error of one in a hundred, one-sided,
    and where it is a twentieth of what is compared; of a single seed nothing is said.
    """
    return list(following(CHANGE_RULES, changes, done=done))


def _gains(changes: Changes, names: Sequence[str]) -> Evidence | None:
    """The first of ``names`` that is a gain."""
    for name in names:
        if _counts(changes, name, 1):
            return (_said(changes, name, "better"),)
    return None


def _counts(changes: Changes, name: str, sign: int) -> bool:
    from scipy.stats import t

    mean, error = changes.gain(name)
    seeds = changes.study.score.shape[1]
    if not np.isfinite(mean) or seeds < 2:
        return False
    return bool(sign * mean > max(t.ppf(1 - _CHANCE, seeds - 1) * error, _MATTERS * abs(float(changes.study.mean[0]))))


def _said(changes: Changes, name: str, how: str) -> str:
    (mean, error), study = changes.gain(name), changes.study
    after, before = (float(study.mean[changes.names.index(one)]) for one in (name, AS_IT_IS))
    return f"{name}: {study.by} {after:.4g}, {AS_IT_IS} {before:.4g}: {how} by {abs(mean):.3g} ± {error:.2g}"


def _nothing_learned(changes: Changes) -> Evidence | None:
    """A baseline that is not worse."""
    return tuple(_told(changes, name) for name in BASELINES if _as_good(changes, name)) or None


def _as_good(changes: Changes, name: str) -> bool:
    """Worse neither by two standard errors nor by enough to matter: that it was not shown to be worse is not enough."""
    mean, error = changes.gain(name)
    known = changes.study.score.shape[1] > 1 and bool(np.isfinite(mean))
    return known and -mean <= max(_DOUBT * error, _MATTERS * abs(float(changes.study.mean[0])))


def _told(changes: Changes, name: str) -> str:
    return _said(changes, name, "better" if changes.gain(name)[0] > 0 else "worse")


def _smaller_rate(changes: Changes) -> Evidence | None:
    return _gains(changes, [SMALLER_RATE])


def _larger_rate(changes: Changes) -> Evidence | None:
    return _gains(changes, [LARGER_RATE])


def _less_regularization(changes: Changes) -> Evidence | None:
    return _gains(changes, [NO_PENALTY, NO_DROPOUT])


def _half_is_worse(changes: Changes) -> Evidence | None:
    return (_said(changes, HALF, "worse"),) if _counts(changes, HALF, -1) else None


def _half_will_do(changes: Changes) -> Evidence | None:
    return (_told(changes, HALF),) if _as_good(changes, HALF) and not _counts(changes, HALF, -1) else None


def _none_is_better(changes: Changes) -> Evidence | None:
    tried = [name for name in changes.names if name not in (AS_IT_IS, HALF, *BASELINES)]
    if not tried or changes.study.score.shape[1] < 2 or any(_counts(changes, name, 1) for name in tried):
        return None
    return (f"tried: {', '.join(tried)}",)


CHANGE_RULES = (
    VerdictRule(
        "nothing learned from the inputs",
        BAD,
        _nothing_learned,
        "shuffled labels, or no inputs at all, do as well on examples that were not trained on",
        (
            "look at a few examples with their labels: do they belong together?",
            "other features, or more examples: perhaps the inputs say nothing about the target",
        ),
    ),
    VerdictRule(
        "learning rate too high",
        WARNING,
        _smaller_rate,
        "a smaller learning rate does better, and nothing else was changed",
        ("a learning rate 3 times smaller", "a decaying schedule"),
    ),
    VerdictRule(
        "learning rate too low",
        WARNING,
        _larger_rate,
        "a larger learning rate does better, and nothing else was changed",
        ("a learning rate 3 times larger", "more epochs"),
    ),
    VerdictRule(
        "too much regularization",
        WARNING,
        _less_regularization,
        "without it the model does better on examples that it has not seen",
        ("less weight decay and dropout",),
    ),
    VerdictRule(
        "more data help",
        GOOD,
        _half_is_worse,
        "what the second half of the examples brought, another doubling may bring a part of",
        ("more data, or augmentation",),
    ),
    VerdictRule(
        "more data hardly help",
        GOOD,
        _half_will_do,
        "half of the examples do as well, as far as so many seeds can tell",
        ("another model, or other features, rather than more examples",),
    ),
    VerdictRule("no neighbor is better", GOOD, _none_is_better, "no single change of those tried makes it better", ()),
)

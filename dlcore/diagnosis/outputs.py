"""Signs in what a network gives, beside what its loss takes and what the labels say."""

from typing import Any

import numpy as np

from dlcore.diagnosis.probes import Probe
from dlcore.diagnosis.verdicts import Evidence

_SAME = 1e-3  # what rounding leaves of two equal numbers
_LEARNED = 0.6  # of the loss of a constant prediction: below it something was learned
_RIGHT = 0.75  # of the answers, once the labels are renamed
_BETTER = 0.1  # more right answers after renaming than before: no chance
_PRESSED = 0.02  # from the end of its range: an activation that is pressed against it
_SPREAD_OUT = 0.3  # the highest output where the lowest is pressed against 0: not one of a fresh network near 0
_VARIED = 1e-2  # the standard deviation of an output: what hardly varies lies between 0 and 1 by chance
_SEEN = 0.05  # of the examples: a class that is no exception


def _near(a: Any, b: float) -> bool:
    return bool(np.all(np.abs(np.asarray(a, float) - b) < _SAME))


def takes_logits(p: Probe) -> bool:
    """Whether the same number more for all classes changes nothing: the loss has a softmax, or margins, of its own."""
    return p.train.spread.size > 1 and _near(p.loss.shift, 0)


def takes_log_probabilities(p: Probe) -> bool:
    """Whether the loss is minus the output of the label."""
    return p.train.spread.size > 1 and _near(p.loss.shift, -1)


def takes_probabilities(p: Probe) -> bool:
    """Whether twice the probability is ln 2 less, or refused."""
    scale = np.asarray(p.loss.scale, float)
    refused = np.isnan(scale).all() and np.isfinite(p.loss.value).all()
    return p.train.spread.size > 1 and bool(refused or _near(scale, -np.log(2)))


def _ends(p):
    return f"outputs from {min(p.train.low, p.validation.low):.3g} to {max(p.train.high, p.validation.high):.3g}"


def _within(p, low, high):
    return all(low - 1e-6 <= part.low and part.high <= high + 1e-6 for part in (p.train, p.validation))


def _sum_to_one(p):
    return all(_near(part.sums, 1) for part in (p.train, p.validation))


def mixed(p: Probe) -> Evidence | None:
    """A loss of an example that changes with the others beside it."""
    if not p.loss.mixing > _SAME * max(1.0, float(np.nanmax(np.abs(p.loss.value)))):
        return None
    return (f"the loss of an example alone and among {len(p.loss.value)} differ by {p.loss.mixing:.3g}",)


def probabilities_as_logits(p: Probe) -> Evidence | None:
    """Rows of probabilities, and a loss that takes logits."""
    if not (takes_logits(p) and _within(p, 0, 1) and _sum_to_one(p)):
        return None
    return (f"{_ends(p)}, every row adds up to 1; adding 1 to all outputs does not change the loss",)


def sigmoids_as_logits(p: Probe) -> Evidence | None:
    """Outputs between 0 and 1 that do not add up to 1, and a loss that takes logits."""
    if not (takes_logits(p) and _within(p, 0, 1) and not _sum_to_one(p) and max(p.train.spread) > _VARIED):
        return None
    low, high = p.train.sums
    if p.train.low == 0:
        return None
    return (f"{_ends(p)}, rows add up to {low:.3g} to {high:.3g}; adding 1 to all outputs does not change the loss",)


def probability_as_logit(p: Probe) -> Evidence | None:
    """One output between 0 and 1, and a loss that takes the logit of yes."""
    if not (_near(p.loss.flip, 0) and _within(p, 0, 1) and max(p.train.spread) > _VARIED):
        return None
    return (f"{_ends(p)}; the loss of -s less that of s is s: it takes logits",)


def logs_as_probabilities(p: Probe) -> Evidence | None:
    """Log-probabilities, and a loss that takes probabilities."""
    if not (takes_probabilities(p) and p.train.high <= 0 and _near(p.train.log_sums, 0)):
        return None
    return (f"{_ends(p)}, their exponentials add up to 1; the loss takes the logarithm itself",)


def logits_as_probabilities(p: Probe) -> Evidence | None:
    """Outputs that are no probabilities, and a loss that takes those."""
    known = logs_as_probabilities(p) is not None or (_within(p, 0, 1) and _sum_to_one(p))
    return None if known or not takes_probabilities(p) else (f"{_ends(p)}, rows add up to {_range(p.train.sums)}",)


def logits_as_logs(p: Probe) -> Evidence | None:
    """Outputs that are no log-probabilities, and a loss that takes those."""
    if not takes_log_probabilities(p) or _near(p.train.log_sums, 0):
        return None
    return (f"{_ends(p)}, the exponentials of a row add up to e to the {_range(p.train.log_sums)}",)


def _range(ends):
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def cut_off(p: Probe) -> Evidence | None:
    """Outputs that end where the targets, or logits, do not: an activation stands behind the last layer."""
    low, high = (f(getattr(p.train, end), getattr(p.validation, end)) for f, end in ((min, "low"), (max, "high")))
    if takes_logits(p):
        return (f"{_ends(p)}: none is below 0, and the least are exactly 0",) if low == 0 < high else None
    if p.train.confusion is not None or takes_probabilities(p) or not max(p.train.spread) > 0:
        return None
    least, most = p.needs
    below = (low == 0 or (0 < low < _PRESSED and high <= 1)) and high > _SPREAD_OUT and least < -0.1 * (most - least)
    both = low < _PRESSED - 1 and high > 1 - _PRESSED and _within(p, -1, 1) and (least < -1.1 or most > 1.1)
    return (f"{_ends(p)}, targets from {least:.3g} to {most:.3g}",) if below or both else None


def noisy(p: Probe) -> Evidence | None:
    """Another answer for the same example at another place of the batch."""
    if not p.place > _SAME:
        return None
    return (f"the same examples in another order: outputs differ by up to {p.place:.3g} standard deviations",)


def by_company(p: Probe) -> Evidence | None:
    """Another answer for the same example among other examples, though not in another order."""
    if p.place > _SAME or not p.company > _SAME:
        return None
    return (f"half of the examples without the others: outputs differ by up to {p.company:.3g} standard deviations",)


def _wide(p):
    """What a difference of outputs is compared with: a target's range, or 1 for logits."""
    return 1.0 if p.train.confusion is not None else max(float(p.needs[1] - p.needs[0]), 1e-12)


def all_constant(p: Probe) -> Evidence | None:
    """The same outputs for all examples."""
    spread = float(max(p.train.spread))
    return (f"the outputs vary by a standard deviation of {spread:.3g}",) if spread < _SAME * _wide(p) else None


def unit_constant(p: Probe) -> Evidence | None:
    """One output that is the same for all examples while others vary."""
    still = np.flatnonzero(np.asarray(p.train.spread) < 1e-6 * max(p.train.spread))
    if all_constant(p) or not still.size:
        return None
    return (f"output {', '.join(map(str, still[:5]))} of {p.train.spread.size} is the same for all examples",)


def _learned(p):
    """Whether the run lowered its own training loss clearly below that of a constant prediction."""
    losses = np.asarray(p.train_loss, float)
    known = losses[np.isfinite(losses)]
    return known.size > 0 and known.min() < _LEARNED * float(np.nanmax(p.constant))


def renamed(p: Probe) -> Evidence | None:
    """Answers that are right once the labels are renamed."""
    return next((found for part in ("train", "validation") if (found := _renamed(p, part))), None)


def _renamed(p, part):
    from scipy.optimize import linear_sum_assignment

    confusion = getattr(p, part).confusion
    if confusion is None or not _learned(p):
        return None
    labels, answers = linear_sum_assignment(-np.asarray(confusion))
    n = confusion.sum()
    own, best = np.trace(confusion) / n, confusion[labels, answers].sum() / n
    if best < _RIGHT or best - own < max(_BETTER, 4 * np.sqrt(best * (1 - best) / n)):
        return None
    pairs = [f"{a} for {b}" for a, b in zip(answers, labels, strict=True) if a != b and confusion[b].sum()]
    what = "training" if part == "train" else "validation"
    return (f"{what} accuracy {own:.1%}, and {best:.1%} with answer {', '.join(pairs[:5])}",)


def misaligned(p: Probe) -> Evidence | None:
    """Answers that are right for the row before or after."""
    for name, part in (("training", p.train), ("validation", p.validation)):
        if part.rolled is None or not _learned(p):
            continue
        before, own, after = map(float, part.rolled)
        if max(before, after) > _RIGHT and max(before, after) > own + 2 * _BETTER:
            which = "before" if before > after else "after"
            return (f"{name} accuracy {own:.1%}, and {max(before, after):.1%} beside the label of the row {which}",)
    return None


def never_said(p: Probe) -> Evidence | None:
    """A class that examples have and that is never the answer."""
    if p.train.confusion is None or not _learned(p) or all_constant(p):
        return None
    confusion = np.asarray(p.train.confusion)
    missing = np.flatnonzero((confusion.sum(1) > _SEEN * confusion.sum()) & (confusion.sum(0) == 0))
    if not missing.size:
        return None
    shares = ", ".join(f"{k} ({confusion[k].sum()} examples)" for k in missing[:5])
    return (f"never predicted on the training part: class {shares}",)


def never_asked(p: Probe) -> Evidence | None:
    """An output that no example has for a label."""
    if p.train.confusion is None:
        return None
    counts = np.asarray(p.train.confusion).sum(1) + np.asarray(p.validation.confusion).sum(1)
    empty = np.flatnonzero(counts == 0)
    return (f"no example has label {', '.join(map(str, empty[:5]))} of {len(counts)}",) if empty.size else None

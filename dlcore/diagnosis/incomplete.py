"""The signs that curves do not say enough for a verdict on a training: what is missing in them."""

import numpy as np

from dlcore.diagnosis.case import Case
from dlcore.diagnosis.verdicts import Evidence

_ROUNDING = 1e-6  # what rounding leaves of equal losses, and of a loss of 0
_SAME = 0.02  # of the loss of a constant prediction


def unseen(case: Case) -> Evidence | None:
    """A sound training whose losses on validation examples are no numbers."""
    running, train, validation = case.curves[:3]
    first = case.curves.first_nonfinite
    sound = np.isfinite(running).all() and np.isfinite(train).all() and (first is None or first < 0)
    bad = ~np.isfinite(validation)
    if not sound or not bad.any():
        return None
    return (f"validation loss not finite in {bad.sum()} of {len(bad)} epochs, training losses in none",)


def below_zero(case: Case) -> Evidence | None:
    """A loss that goes below 0, by more than rounding: no share of it says how much is left."""
    losses = np.stack(case.curves[:3])
    if not losses.size or losses.min() >= -_ROUNDING * np.abs(losses).max():
        return None
    return (f"losses from {losses.max():.4g} to {losses.min():.4g}",)


def at_rest(case: Case) -> Evidence | None:
    """The same training loss after every epoch, and not that of a constant prediction."""
    train, known = case.curves.train_loss, case.baseline
    alike = float(np.ptp(train)) <= _ROUNDING * float(np.abs(train).max())
    if not alike or (known is not None and abs(train[0] - known) <= _SAME * known):
        return None
    return (f"training loss {train[0]:.4g} after each of {len(train)} epochs",)

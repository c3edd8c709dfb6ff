"""Signs inside a network, layer by layer, and in the course of its training."""

import jax.numpy as jnp
import numpy as np

from dlcore.backprop import growth_rate
from dlcore.diagnosis.probes import Probe
from dlcore.diagnosis.verdicts import Evidence

FRESH, TRAINED = 0, 1
_MOST = 0.5  # of the units of a layer
_FADED = 1e-3  # from the last hidden layer to the first, or the other way round
_SHIFTED, _STRETCHED = 0.5, np.log(4)  # standard deviations, ln of variances: averages that are not the data's
_ENDED, _TAIL = 1e-3, 0.25  # of the highest rate; of the epochs
_STILL = 1e-6  # of the norm of the parameters: made again by another program, they differ by rounding
_FALLING = 0.02  # of the loss before: a fall that had not come to its end


def _column(p, name, when=TRAINED):
    return np.asarray(getattr(p.layers, name), float)[when]


def _hidden(p):
    """Which parts come before the last that has parameters."""
    weighted = np.flatnonzero(p.weighted)
    return np.arange(len(p.names)) < (weighted[-1] if weighted.size else 0)


def _named(p, which, values, form=".0%"):
    return ", ".join(f"{p.names[i]} {values[i]:{form}}" for i in np.flatnonzero(which)[:6])


def dead(p: Probe) -> Evidence | None:
    """Hidden layers of which most units give 0 on every example and pass nothing back."""
    share, before = _column(p, "dead"), _column(p, "dead", FRESH)
    which = _hidden(p) & (share > _MOST)
    if not which.any():
        return None
    now, then = (_named(p, which, values) for values in (share, before))
    return (f"units that are 0 on all examples: {now}; before the first step: {then}",)


def stillborn(p: Probe) -> Evidence | None:
    """Dead units that were dead before the first step."""
    before = _hidden(p) & (_column(p, "dead", FRESH) > _MOST)
    return dead(p) if (before & (_column(p, "dead") > _MOST)).any() else None


def killed(p: Probe) -> Evidence | None:
    """Dead units that were alive before the first step."""
    return None if stillborn(p) else dead(p)


def saturated(p: Probe) -> Evidence | None:
    """Hidden layers of which most units are flat on nearly every example."""
    share = _column(p, "saturated")
    which = _hidden(p) & (share > _MOST)
    return (f"units that are flat on nearly all examples: {_named(p, which, share)}",) if which.any() else None


def cut(p: Probe) -> Evidence | None:
    """Layers whose parameters get a gradient of exactly 0 while others get one, and none that fades away on the way."""
    gradient, weighted = _column(p, "gradient"), np.asarray(p.weighted)
    which = weighted & (gradient == 0)
    if not which.any() or not (gradient[weighted] > 0).any() or dead(p) or vanishing(p):
        return None
    norms = _named(p, weighted, gradient, ".3g")
    return (f"norm of the gradient per layer: {norms}",)


def frozen(p: Probe) -> Evidence | None:
    """Layers that are what they were before the first step, to rounding, though others moved."""
    moved, weighted = np.asarray(p.moved), np.asarray(p.weighted)
    still = moved <= _STILL * _column(p, "params")
    which = weighted & still & (_column(p, "gradient") > 0)
    if not which.any() or still[weighted].all():
        return None
    return (f"how far the parameters moved from where they were initialized: {_named(p, weighted, moved, '.3g')}",)


def _deep(p):
    """The parts with parameters, without the last, which may begin at 0."""
    return np.flatnonzero(p.weighted)[:-1]


def vanishing(p: Probe) -> Evidence | None:
    """Before the first step: activations, or what comes back, a thousand times smaller at the far end."""
    return _through_depth(p, lambda ratio: 0 < ratio < _FADED)


def exploding(p: Probe) -> Evidence | None:
    """Before the first step: activations, or what comes back, a thousand times larger at the far end."""
    return _through_depth(p, lambda ratio: ratio > 1 / _FADED)


def _through_depth(p, far):
    deep = _deep(p)
    if len(deep) < 2:
        return None
    forth, back = (_column(p, name, FRESH)[deep] for name in ("activation", "error"))
    found = []
    for what, sizes in (("activations forward", forth[::-1]), ("errors backward", back)):
        if sizes[-1] > 0 and far(sizes[0] / sizes[-1]):
            rate = float(growth_rate(jnp.asarray(sizes)))
            found.append(f"{what} are {sizes[0] / sizes[-1]:.3g} times what they were, {rate:.3g} times per layer")
    return (*found, *_better_weights(p, deep)) if found else None


def _better_weights(p, deep):
    kernel, keeping = (_column(p, name, FRESH) for name in ("kernel", "keeping"))
    apart = np.abs(np.log(np.maximum(kernel, 1e-30) / keeping))[deep]
    if not np.isfinite(apart).any():
        return
    i = deep[np.nanargmax(apart)]
    yield f"weights of {p.names[i]}: root mean square {kernel[i]:.3g}; {keeping[i]:.3g} keeps the size of activations"


def never_averaged(p: Probe) -> Evidence | None:
    """Averages of batch norm that are what they were before the first step."""
    which = np.isfinite(_column(p, "shift")) & np.asarray(p.stateful) & (np.asarray(p.state_moved) == 0)
    if not which.any() or not p.epochs > 0:
        return None
    return (f"averages that never changed: {', '.join(p.names[i] for i in np.flatnonzero(which)[:6])}",)


def wrongly_averaged(p: Probe) -> Evidence | None:
    """Averages of batch norm that are not those of the data."""
    if never_averaged(p) or not p.epochs > 0:
        return None
    shift, ratio = _column(p, "shift"), _column(p, "ratio")
    which = (shift > _SHIFTED) | (ratio > _STRETCHED)
    if not which.any():
        return None
    return (
        f"distance of the average from the batch's mean, in standard deviations: {_named(p, which, shift, '.3g')}",
        f"ratio of the variances: {_named(p, which, np.exp(ratio), '.3g')}",
    )


def _rates(p):
    rates, losses = np.asarray(p.learning_rate, float), np.asarray(p.train_loss, float)
    ran = np.isfinite(rates) & np.isfinite(p.running_loss)
    return rates[ran], losses[ran]


def no_rate(p: Probe) -> Evidence | None:
    """A learning rate of 0 all the time."""
    rates, _ = _rates(p)
    return (f"the learning rate is 0 in all {rates.size} epochs",) if rates.size and not rates.any() else None


def ended_early(p: Probe) -> Evidence | None:
    """A rate that came to next to nothing long before the end while the loss still fell."""
    rates, losses = _rates(p)
    if rates.size < 4 or not rates.max() > 0:
        return None
    moving = np.flatnonzero(rates > _ENDED * rates.max())[-1] + 1
    if rates.size - moving < max(_TAIL * rates.size, 2):
        return None
    before, then = losses[max(moving - 1 - max(moving // 4, 1), 0)], losses[moving - 1]
    if moving > 1 and not before - then > _FALLING * before:
        return None
    what = f"the learning rate is below {_ENDED:g} of its highest from epoch {moving + 1} of {rates.size} on"
    return (what, f"training loss until then: {before:.4g}, then {then:.4g}, at the end {losses[-1]:.4g}")

"""What others would say of a training: their published rules, with their published thresholds, on the same numbers.

- AUTOTRAINER (Zhang, Zhai, Ma & Shen 2021, ICSE): thresholds of its reference implementation, shiningrain/AUTOTRAINER.
- SageMaker Debugger's built-in rules with their default parameters (AWS's documentation): ExplodingTensor,
  VanishingGradient, DeadRelu, WeightUpdateRatio, LossNotDecreasing, Overfit, Overtraining. A step of theirs is an epoch
  here, the mean of absolute gradients is taken for their root mean square.
- DeepDiagnosis (Wardat, Dantas Cruz, Le & Rajan 2022, ICSE): its eight symptoms with the thresholds of its reference
  implementation, DeepDiagnosis/ICSE2022, callback/callbacks.py, class mapFaluireToFix. It looks at the first mini-batch
  at the end of every epoch, here of the last. A tensor that does not change for five epochs is here a kernel that is
  after the training what it was before it, or five epochs of updates below the resolution of single precision.

All look at what training leaves behind; none looks at the data or at what loss and outputs are for each other, but for
DeepDiagnosis's range of the last activation beside that of the targets.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import Batch
from dlcore.diagnosis.walk import walked
from dlcore.training import Setup
from dlcore.training.learner import Learner, objective_of

_FIRST = 32  # examples of the mini-batch that is looked at
_PRESSED = 5  # where DeepDiagnosis takes a sigmoid or tanh for saturated


class Ending(NamedTuple):
    """After training, on a mini-batch. [kernels]: the norm, the root mean square and the mean size of each kernel's
    gradient, and its own mean; ``zeros``: the share of all gradients that are exactly 0. [parts], one after another:
    the mean of what each gives, the share of that at or below 0, the share of what goes in that is beyond -5 or 5.
    """

    norms: Any
    sizes: Any
    absolute: Any
    weights: Any
    zeros: Any
    given: Any
    closed: Any
    pressed: Any


class Seen(NamedTuple):
    """What the rules look at. [epochs]: losses, accuracies (NaN where there are none) and the update ratio of the last
    step. [parts]: their ``kinds``, the share of ``dead`` units, and which have parameters that training left as they
    were, ``unmoved``. ``top``: the last activation, "softmax" where the loss has it; ``targets`` and ``outputs``: the
    least and the greatest.
    """

    loss: np.ndarray
    running_loss: np.ndarray
    validation_loss: np.ndarray
    accuracy: np.ndarray
    validation_accuracy: np.ndarray
    update_ratio: np.ndarray
    end: Ending
    kinds: tuple[str, ...]
    dead: np.ndarray
    unmoved: np.ndarray
    top: str
    targets: tuple[float, float]
    outputs: tuple[float, float]
    finite: bool


@jax.jit
def ending(setup: Setup, learner: Learner, key: Any, x: Any, y: Any) -> Ending:
    """How a training ended, on the first of x [n, ...], y [n, ...]."""
    x, y = x[:_FIRST], y[:_FIRST]
    objective = objective_of(setup, learner, Batch(x, y), key, jnp.zeros((), jnp.int32))
    leaves = jax.tree.leaves(jax.grad(lambda p: objective(p)[0])(learner.params))
    grads, kernels = ([leaf for leaf in some if leaf.ndim > 1] for some in (leaves, jax.tree.leaves(learner.params)))
    steps = walked(setup, learner.params, learner.model_state, x, y, key).steps
    return Ending(
        norms=jnp.stack([jnp.sqrt(jnp.sum(jnp.square(g))) for g in grads]),
        sizes=jnp.stack([jnp.sqrt(jnp.mean(jnp.square(g))) for g in grads]),
        absolute=jnp.stack([jnp.mean(jnp.abs(g)) for g in grads]),
        weights=jnp.stack([jnp.mean(k) for k in kernels]),
        zeros=sum(jnp.sum(leaf == 0) for leaf in leaves) / sum(leaf.size for leaf in leaves),
        given=jnp.stack([jnp.mean(after) for _, after in steps]),
        closed=jnp.stack([jnp.mean(after <= 0) for _, after in steps]),
        pressed=jnp.stack([jnp.mean(jnp.abs(before) >= _PRESSED) for before, _ in steps]),
    )


def autotrainer(s: Seen) -> tuple[str, ...]:
    """The problem that AUTOTRAINER finds, if any: of classification alone, at the end of the training."""
    beta_1, beta_2, beta_3, gamma, zeta, eta, delta, theta = 1e-3, 1e-4, 70.0, 0.7, 0.03, 0.2, 0.01, 0.7
    if not s.finite or s.validation_loss[-1] >= 1e5:
        return ("exploding gradient",)
    if not np.isfinite(s.accuracy).all():
        return ()
    poor = max(s.validation_accuracy) < theta or max(s.accuracy) < theta
    slow = max(np.diff(s.accuracy), default=0) < delta and max(np.diff(s.validation_accuracy), default=0) < delta
    if poor or slow:
        ratio = s.end.norms[0] / s.end.norms[-1] if s.end.norms[-1] > 0 else np.inf
        if s.end.zeros >= gamma:
            return ("dying ReLU",)
        if ratio > beta_3:
            return ("exploding gradient",)
        if ratio < beta_1 and s.end.norms[0] < beta_2:
            return ("vanishing gradient",)
        return ("slow convergence",) if slow else ()
    return ("oscillating loss",) if _swings(s.accuracy, zeta) >= eta * len(s.accuracy) else ()


def _swings(curve: np.ndarray, least: float) -> int:
    """How many pairs of a local maximum and a local minimum are at least that far apart."""
    before, here, after = curve[:-2], curve[1:-1], curve[2:]
    high, low = here[(here >= before) & (here >= after)], here[(here <= before) & (here <= after)]
    return int(sum(a - b >= least for a, b in zip(high, low, strict=False)))


def sagemaker(s: Seen) -> tuple[str, ...]:
    """All rules that would raise an alarm."""
    if not s.finite:
        return ("ExplodingTensor",)
    alarms = {
        "VanishingGradient": (s.end.sizes < 1e-7).any(),
        "DeadRelu": (s.dead > 0.5).any(),
        "WeightUpdateRatio": (s.update_ratio > 10).any() or (s.update_ratio < 1e-8).any(),
        "LossNotDecreasing": _not_decreasing(s.loss, steps=10, percent=0.1),
        "Overfit": (s.validation_loss - s.loss > 0.1 * np.abs(s.loss)).any(),
        "Overtraining": _rests(s.validation_loss, patience=10, delta=0.01),
    }
    return tuple(name for name, raised in alarms.items() if raised)


def _not_decreasing(loss: np.ndarray, steps: int, percent: float) -> bool:
    """Whether the loss fell by less than so many percent within some ``steps``."""
    return bool(len(loss) > steps and (loss[steps:] > loss[:-steps] * (1 - percent / 100)).any())


def _rests(loss: np.ndarray, patience: int, delta: float) -> bool:
    """Whether for longer than ``patience`` no loss was lower than the lowest before by ``delta``."""
    lowest, waited = np.inf, 0
    for value in loss:
        waited = 0 if value < lowest - delta else waited + 1
        lowest = min(lowest, value)
        if waited > patience:
            return True
    return False


def deep_diagnosis(s: Seen) -> tuple[str, ...]:
    """All symptoms, in the order in which it looks for them; the program itself stops at the first."""
    kinds, end = np.array(s.kinds), s.end
    numbers = np.concatenate([end.given, end.weights, end.absolute])
    bent = np.isin(kinds, ("sigmoid", "tanh"))
    right = s.accuracy[np.isfinite(s.accuracy)]
    symptoms = {
        "out of range": _out_of_range(s),
        "numerical error": not s.finite or bool((~np.isfinite(numbers) | (numbers == 0)).any()),
        "dead node": bool((end.closed[kinds == "relu"] >= 0.7).any()),
        "saturated activation": bool((end.pressed[bent] > 0.5).any()),
        "unchanged weight": bool(s.unmoved.any() or (_windows(s.update_ratio, 5) < 2.0**-24).all(1).any()),
        "loss not decreasing": _rests_exactly(s.running_loss, 5),
        "accuracy not increasing": bool((right == 0).any()) or _rests_exactly(right, 20),
        "vanishing gradient": bool((end.absolute < 1e-7).any()),
    }
    return tuple(name for name, seen in symptoms.items() if seen)


def _out_of_range(s: Seen) -> bool:
    """Targets beyond the range of the last activation; without one outputs that span ten times what targets do."""
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf), "elu": (-1, np.inf)}.get(
        s.top, (-np.inf, np.inf)
    )
    wide = s.top == "Dense" and np.diff(s.outputs)[0] > 10 * np.diff(s.targets)[0]
    unnormalized = s.top in ("Dense", "relu") and np.isfinite(s.accuracy).all()  # for classes it wants a softmax
    return s.top != "softmax" and bool(wide or unnormalized or s.targets[0] < low or s.targets[1] > high)


def _windows(curve: np.ndarray, epochs: int) -> np.ndarray:
    """The curve in windows of so many epochs, [windows, epochs], counted from the first; what is left over is not."""
    return curve[: len(curve) // epochs * epochs].reshape(-1, epochs)


def _rests_exactly(curve: np.ndarray, epochs: int) -> bool:
    """Whether it is one and the same number in one of the windows."""
    windows = _windows(curve, epochs)
    return bool((windows == windows[:, :1]).all(1).any())


PEERS = {"AUTOTRAINER": autotrainer, "SageMaker Debugger": sagemaker, "DeepDiagnosis": deep_diagnosis}

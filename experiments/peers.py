"""What others would say of a training: their published rules, with their published thresholds, on the same numbers.

- AUTOTRAINER (Zhang, Zhai, Ma & Shen 2021, ICSE): thresholds of its reference implementation, shiningrain/AUTOTRAINER.
- SageMaker Debugger's built-in rules with their default parameters (AWS's documentation): ExplodingTensor,
  VanishingGradient, DeadRelu, WeightUpdateRatio, LossNotDecreasing, Overfit, Overtraining. A step of theirs is an epoch
  here, the mean of absolute gradients is taken for their root mean square.

Both look at what training leaves behind; neither looks at the data, the loss or the outputs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import Batch
from dlcore.training import Setup
from dlcore.training.learner import Learner, objective_of

_FIRST = 32  # examples of the mini-batch on which gradients are looked at


class Seen(NamedTuple):
    """What the rules look at. [epochs]: losses, accuracies (NaN where there are none) and the update ratio of the last
    step; after training, of the gradient of each layer's kernel its norm and its root mean square, the share of all
    gradients that are exactly 0, and the share of dead units of every layer.
    """

    loss: np.ndarray
    validation_loss: np.ndarray
    accuracy: np.ndarray
    validation_accuracy: np.ndarray
    update_ratio: np.ndarray
    norms: np.ndarray
    sizes: np.ndarray
    zeros: float
    dead: np.ndarray
    finite: bool


@jax.jit
def gradients(setup: Setup, learner: Learner, key: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Of a mini-batch: the norm and the root mean square of each kernel's gradient, and the share of zeros in all."""
    objective = objective_of(setup, learner, Batch(x[:_FIRST], y[:_FIRST]), key, jnp.zeros((), jnp.int32))
    leaves = jax.tree.leaves(jax.grad(lambda p: objective(p)[0])(learner.params))
    kernels = [leaf for leaf in leaves if leaf.ndim > 1]
    norms = jnp.stack([jnp.sqrt(jnp.sum(jnp.square(k))) for k in kernels])
    sizes = jnp.stack([jnp.sqrt(jnp.mean(jnp.square(k))) for k in kernels])
    return norms, sizes, sum(jnp.sum(leaf == 0) for leaf in leaves) / sum(leaf.size for leaf in leaves)


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
        ratio = s.norms[0] / s.norms[-1] if s.norms[-1] > 0 else np.inf
        if s.zeros >= gamma:
            return ("dying ReLU",)
        if ratio > beta_3:
            return ("exploding gradient",)
        if ratio < beta_1 and s.norms[0] < beta_2:
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
        "VanishingGradient": (s.sizes < 1e-7).any(),
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


PEERS = {"AUTOTRAINER": autotrainer, "SageMaker Debugger": sagemaker}

"""Before training: the loss at the start, and whether a few examples can be learned by heart."""

import math
from typing import Any

import numpy as np

from dlcore.diagnosis.untrained import ExpectedLoss
from dlcore.diagnosis.verdicts import BAD, GOOD, WARNING, Verdict, label_entropy, softmax_floor
from dlcore.numerics.errors import needed

_ABOVE = 1.5  # of the loss at outputs of 0: large targets lose as much by a small output of the wrong sign
_BELOW = 0.75  # of the best constant's loss: chance alone does not go lower on a batch of reasonable size
_LEARNT = 0.05  # loss of an example known by heart: probability 0.95 and more
_NEAR = 0.02


def initial_loss(loss: float, expected: ExpectedLoss) -> Verdict:
    r"""Whether the loss before the first step is near what is ``expected`` of a network that has learned nothing.

    Kinds: "as expected", "too high", above that of random outputs; "too low", clearly below that of the best constant
    prediction; "wrong reduction", $\ln c / c$ for c classes; "not finite".
    """
    nothing = f"{expected.name} = {expected.zero:.4g}"
    evidence = (f"initial loss {loss:.4g}, {nothing}", f"best constant prediction {expected.constant:.4g}")
    c = expected.classes
    if not math.isfinite(loss):
        why = "the loss is not finite before the first step"
        return Verdict("not finite", evidence, why, ("check the inputs for NaN and inf", "normalize the inputs"), BAD)
    if c > 2 and abs(loss * c / math.log(c) - 1) < _NEAR:
        why = f"the loss is ln c / c = {math.log(c) / c:.4g}: a mean was taken over the classes too"
        steps = ("sum over the class axis, mean over the examples",)
        return Verdict("wrong reduction", evidence, why, steps, BAD)
    if loss > max(expected.loud, _ABOVE * expected.zero):
        why = (
            "the network is sure of itself before it has learned anything: its outputs are large, or the loss is a sum"
        )
        steps = ("normalize the inputs", "a smaller scale of initialization", "the mean over the batch, not the sum")
        return Verdict("too high", evidence, why, steps, WARNING)
    if expected.constant > 0 and loss < _BELOW * expected.constant:
        why = "the network knows more than chance before it has learned anything"
        steps = (
            "check that the labels are not among the inputs",
            "check the number of classes, or the scale of the targets",
            "start from fresh values",
        )
        return Verdict("too low", evidence, why, steps, WARNING)
    why = "the outputs say next to nothing at the start, as they should"
    return Verdict("as expected", evidence, why, (), GOOD)


def overfit(loss: Any, y: Any, c: int, accuracy: Any = None) -> Verdict:
    """Whether the examples with labels y [n] were learned by heart: loss [steps] must reach 0, accuracy [steps] 1.

    Kinds: "memorized", "softmax applied twice", "constant prediction", "still falling", "diverged", "not memorized".
    """
    loss = np.asarray(loss, np.float64).reshape(-1)
    if not loss.size or not np.size(y):
        got = f"{loss.size} and {np.size(y)}"
        raise ValueError(needed("overfit", "the loss after at least one step, and a label", got, "another step"))
    n, entropy, floor = np.size(y), label_entropy(y), softmax_floor(c)
    last = f"loss of {n} example{'s' * (n > 1)} after {loss.size} steps: {loss[-1]:.4g}"
    right = 1.0 if accuracy is None else float(np.reshape(accuracy, -1)[-1])
    evidence = (last,) if accuracy is None else (last, f"accuracy {right:.1%}")
    if not np.isfinite(loss).all():
        step = int(np.argmin(np.isfinite(loss)))
        return Verdict(
            "diverged", (*evidence, f"not finite from step {step}"), "the steps are too large", _SMALLER, BAD
        )
    if loss[-1] < _LEARNT and right == 1:
        return Verdict("memorized", evidence, "the model, the labels and the gradients fit together", (), GOOD)
    if 0 <= loss.min() - floor < _NEAR and right == 1:
        why = f"the loss cannot fall below ln(1 + (c-1)/e) = {floor:.4g}: probabilities are given to a loss on logits"
        return Verdict("softmax applied twice", evidence, why, ("remove the softmax from the model",), BAD)
    if entropy > 0 and abs(loss[-1] / entropy - 1) < _NEAR:
        why = f"the loss rests at {entropy:.4g}, that of one answer for all: the inputs do not reach the output"
        steps = ("look for dead units and a learning rate too high", "check the inputs: are the examples different?")
        return Verdict("constant prediction", evidence, why, steps, BAD)
    if _LEARNT < loss[-1] < 0.9 * loss[: max(loss.size * 3 // 4, 1)].min():
        why = "the loss was still falling when the steps ran out"
        return Verdict("still falling", evidence, why, ("more steps", "a learning rate 3 to 10 times larger"), WARNING)
    why = "a handful of examples must be learned by heart, whatever the data: something is wrong in the set-up"
    steps = ("check labels, loss and class axis", "switch dropout and penalties off", "another learning rate")
    return Verdict("not memorized", evidence, why, steps, BAD)


_SMALLER = ("a learning rate 3 to 10 times smaller", "clip the gradient", "normalize the inputs")

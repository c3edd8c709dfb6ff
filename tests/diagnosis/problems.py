"""What the tests of diagnosis have in common."""

import math

import numpy as np

from dlcore.diagnosis import (
    Curves,
    softmax_floor,
)

LN10 = math.log(10)


def decay(t, tau, start=LN10, end=0.05):
    return end + (start - end) * np.exp(-t / tau)


def curves(loss, gap=0.0, noise=0.0, rng=None, regularization=0.0, **accuracies):
    """Curves from loss(t): t in epochs, running loss by the integral over the epoch, validation loss ``gap`` above."""
    rng = rng or np.random.default_rng(0)
    t = np.arange(accuracies.pop("epochs", 30)) + 1.0
    inside = np.linspace(0, 1, 65)[:-1] + 1 / 128
    running = loss(t[:, None] - 1 + inside).mean(axis=1) + regularization
    train = loss(t)
    shaken = [c * np.exp(noise * rng.normal(size=t.size)) for c in (running, train, train + gap)]
    return Curves(*shaken, **accuracies)


def falling(t, rng, constants, end=None):
    """Decay over ``constants`` time constants to a level that generalizes."""
    return decay(t, len(t) / rng.uniform(*constants), end=rng.uniform(0.02, 0.3) if end is None else end)


def lines(loss, gap, noise, rng):
    """The loss as running and training loss, the validation loss ``gap`` above, all with multiplicative noise."""
    return Curves(*(c * np.exp(noise * rng.normal(size=len(loss))) for c in (loss, loss, loss + gap)))


def ideal(t, rng):
    return lines(falling(t, rng, (6, 40)), rng.uniform(0, 0.1), rng.uniform(0, 0.03), rng)


def stopped_while_falling(t, rng):
    return lines(falling(t, rng, (2.2, 3.5)), rng.uniform(0, 0.1), rng.uniform(0, 0.01), rng)


def resting_high(t, rng):
    return lines(falling(t, rng, (8, 30), end=rng.uniform(1.3, 2.0)), rng.uniform(0, 0.1), rng.uniform(0, 0.01), rng)


def underfitting(t, rng):
    return stopped_while_falling(t, rng) if rng.random() < 0.5 else resting_high(t, rng)


def overfitting(t, rng):
    rise = rng.uniform(0.4, 2.0) * np.maximum(t / len(t) - rng.uniform(0.2, 0.5), 0)
    return lines(falling(t, rng, (6, 30)), rng.uniform(0, 0.1) + rise, rng.uniform(0, 0.03), rng)


def rate_too_low(t, rng):
    return lines(falling(t, rng, (0.05, 1.2)), rng.uniform(0, 0.1), rng.uniform(0, 0.003), rng)


def rate_too_high(t, rng):
    """A fast fall, then jumps about a plateau that the validation loss shares."""
    jumps = rng.uniform(0.5, 1.8) * np.exp(rng.uniform(0.2, 0.5) * rng.normal(size=len(t)))
    return lines(decay(t, rng.uniform(0.2, 1.0), end=0.0) + jumps, rng.uniform(0, 0.1), 0.02, rng)


def diverged(t, rng):
    if rng.random() < 0.5:
        return Curves(*[LN10 * np.exp(t / len(t) * rng.uniform(4, 700))] * 3, first_nonfinite=-1)
    cut = int(rng.integers(2, len(t)))
    lost = np.where(t <= cut, falling(t, rng, (6, 30)), np.nan)
    return Curves(lost, lost, lost, first_nonfinite=17 * cut)


def constant_prediction(t, rng):
    return lines(np.full(len(t), LN10), 0.0, rng.uniform(0, 0.004), rng)


def validation_easier(t, rng):
    hard = rng.uniform(0.3, 0.6)
    return lines(falling(t, rng, (6, 40)) + hard, -hard * rng.uniform(0.4, 0.9), rng.uniform(0, 0.01), rng)


def softmax_twice(t, rng):
    """Certain probabilities: the floor where they are right, one more where they are wrong."""
    train = 1 - 0.9 * np.exp(-t / len(t) * rng.uniform(5, 20))
    validation = train * rng.uniform(0.96, 1)
    losses = [softmax_floor(10) + 1 - a + rng.uniform(0, 0.05) * np.exp(-t / len(t)) for a in (train, validation)]
    return Curves(losses[0] + 0.01, *losses, train, validation)


PLANTED = {
    "ideal": ideal,
    "underfitting": underfitting,
    "overfitting": overfitting,
    "learning rate too low": rate_too_low,
    "learning rate too high": rate_too_high,
    "diverged": diverged,
    "constant prediction": constant_prediction,
    "validation easier than training": validation_easier,
    "softmax applied twice": softmax_twice,
}


def planted(kind, rng):
    """A random learning curve of ten classes with the given fault, as the lectures draw them."""
    return PLANTED[kind](np.arange(rng.integers(12, 80)) + 1.0, rng)

"""Losses as others publish them, in plain NumPy, beside dlcore's: the second half of ``experiments.conformance``."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from dlcore import losses

RNG = np.random.default_rng(0)
N, C = 100, 5
SCORES, TARGETS = RNG.normal(size=(2, N, C)) * 3
LABELS = RNG.integers(0, C, N)
WEIGHTS = np.linspace(0.5, 1.5, C)
LOGITS = RNG.normal(size=N) * 3
YES = RNG.integers(0, 2, N).astype(float)
CERTAIN = np.where(RNG.random(N) < 0.2, YES, 1 / (1 + np.exp(-LOGITS)))  # a fifth of the answers certain, and right
PIXELS = RNG.dirichlet(np.ones(C), size=(N, 4, 4))
MASKS = np.eye(C)[RNG.integers(0, C - 2, (N, 4, 4))]  # two classes are never there


class Row(NamedTuple):
    """Who has the form and its value, dlcore's default, and how dlcore says the same with that value, or None."""

    who: str
    form: str
    value: Any
    default: Any
    said: str = ""
    same: Any = None


def log_softmax(s):
    s = s - s.max(-1, keepdims=True)
    return s - np.log(np.exp(s).sum(-1, keepdims=True))


def at_label(values):
    return np.take_along_axis(values, LABELS[:, None], 1)


def squared_error():
    ours = losses.squared_error(jnp.asarray(SCORES), jnp.asarray(TARGETS))
    r2 = (SCORES - TARGETS) ** 2
    optax_sum = optax.losses.squared_error(SCORES, TARGETS).sum(-1)
    half = optax.losses.l2_loss(SCORES, TARGETS).sum(-1)
    return [
        Row("G, S, U, Y", r"$\lVert y - \hat y \rVert_2^2$", r2.sum(-1), ours, "squared_error", ours),
        Row("Keras `MeanSquaredError`", "mean over the last axis", r2.mean(-1), ours, "squared_error / k", ours / C),
        Row("Optax `squared_error`", "elementwise; here summed", optax_sum, ours, "squared_error", ours),
        Row("Optax `l2_loss`", "elementwise half; here summed", half, ours, "squared_error / 2", ours / 2),
    ]


def weighted_cross_entropy():
    """Means over the batch, of one number each."""
    plain = losses.softmax_cross_entropy(jnp.asarray(SCORES), jnp.asarray(LABELS))
    weighted = losses.mean(losses.softmax_cross_entropy(jnp.asarray(SCORES), jnp.asarray(LABELS), jnp.asarray(WEIGHTS)))
    by_weight = losses.weighted_mean(plain, jnp.asarray(WEIGHTS)[LABELS])
    each, w = -at_label(log_softmax(SCORES))[:, 0], WEIGHTS[LABELS]
    return [
        Row("Y; Keras `class_weight`", "sum over n", (w * each).mean(), weighted, "softmax_cross_entropy", weighted),
        Row(
            "PyTorch `weight`",
            "sum over the sum of weights",
            (w * each).sum() / w.sum(),
            weighted,
            "weighted_mean",
            by_weight,
        ),
    ]


def label_smoothing():
    ours = losses.softmax_cross_entropy(jnp.asarray(SCORES), jnp.asarray(LABELS), label_smoothing=0.1)
    soft = 0.9 * np.eye(C)[LABELS] + 0.1 / C
    spread = 0.9 * np.eye(C)[LABELS] + 0.1 / (C - 1) * (1 - np.eye(C)[LABELS])
    theirs = optax.losses.softmax_cross_entropy(SCORES, optax.losses.smooth_labels(np.eye(C)[LABELS], 0.1))
    first, second = (-(y * log_softmax(SCORES)).sum(-1) for y in (soft, spread))
    same = "softmax_cross_entropy(label_smoothing=a)"
    return [
        Row("PyTorch; Keras", r"$(1 - a) y + a / c$", first, ours, same, ours),
        Row("Optax", r"$(1 - a) y + a / c$", theirs, ours, same, ours),
        Row("as often written", r"$a / (c - 1)$ for the wrong classes", second, ours),
    ]


def binary_cross_entropy():
    ours = losses.binary_cross_entropy(jnp.asarray(CERTAIN), jnp.asarray(YES))
    with np.errstate(divide="ignore"):
        logs = [np.maximum(np.log(p), -100) for p in (CERTAIN, 1 - CERTAIN)]
    clipped = np.clip(CERTAIN, 1e-7, 1 - 1e-7)
    torch_form = -(YES * logs[0] + (1 - YES) * logs[1])
    keras_form = -(YES * np.log(clipped) + (1 - YES) * np.log(1 - clipped))
    printed = YES * np.log(clipped) + (1 - YES) * np.log(1 - clipped)
    return [
        Row("PyTorch `BCELoss`", "logarithms not below -100", torch_form, ours, "binary_cross_entropy", ours),
        Row("Keras", "probabilities clipped by 1e-7", keras_form, ours),
        Row("G 2.4.2.1, U as printed", "without the minus sign", printed, ours),
    ]


def multiclass_hinge():
    ours = losses.multiclass_hinge(jnp.asarray(SCORES), jnp.asarray(LABELS))
    others = np.where(np.eye(C)[LABELS] == 1, -np.inf, SCORES - at_label(SCORES) + 1)
    total, one = np.maximum(others, 0).sum(-1), np.maximum(others, 0).max(-1)
    theirs = optax.losses.multiclass_hinge_loss(SCORES, LABELS)
    return [
        Row("G, U", r"$\sum_{j \ne y} \max(0, s_j - s_y + 1)$", total, ours, "multiclass_hinge", ours),
        Row("PyTorch `MultiMarginLoss`", "the sum over c", total / C, ours, "multiclass_hinge / c", ours / C),
        Row("Optax", r"$\max_{j \ne y}$ for the sum", theirs, ours),
        Row("Keras `CategoricalHinge`", r"$\max_{j \ne y}$ for the sum, others against 0", keras_hinge(), ours),
        Row("Crammer & Singer", r"$\max_{j \ne y}$ for the sum", one, ours),
    ]


def keras_hinge():
    """max(0, neg - pos + 1) with neg = max of (1 - y) s, in which the label's own score counts as 0."""
    y = np.eye(C)[LABELS]
    return np.maximum(0, ((1 - y) * SCORES).max(-1) - (y * SCORES).sum(-1) + 1)


def dice():
    p, y = jnp.asarray(PIXELS), jnp.asarray(MASKS)
    ours, smooth = losses.soft_dice(p, y), losses.soft_dice(p, y, eps=2.0)
    overlap, both = (PIXELS * MASKS).sum((1, 2)), (PIXELS + MASKS).sum((1, 2))
    theirs = optax.losses.dice_loss(PIXELS, MASKS, apply_softmax=False)
    squared = 1 - (2 * overlap / ((PIXELS**2 + MASKS**2).sum((1, 2)))).mean(-1)
    lecture = 1 - ((2 * overlap + 1e-6) / (both + 1e-6)).mean(-1)
    return [
        Row(
            "Y fig. 4.13",
            r"$(2 \alpha + \epsilon) / (\beta + \epsilon)$, $\epsilon$ small",
            lecture,
            ours,
            "soft_dice",
            ours,
        ),
        Row("Optax", r"$(\alpha + 1) / (\beta / 2 + 1)$", theirs, ours, "soft_dice(eps=2)", smooth),
        Row("Milletari et al.", r"$2 \alpha / \sum (y^2 + \hat y^2)$", squared, ours),
    ]


def focal():
    s, y = jnp.asarray(LOGITS), jnp.asarray(YES)
    ours, quarter = losses.focal(s, y), losses.focal(s, y, alpha=0.25)
    p = np.where(YES == 1, 1 / (1 + np.exp(-LOGITS)), 1 / (1 + np.exp(LOGITS)))
    plain = -((1 - p) ** 2) * np.log(p)
    weighted = np.where(YES == 1, 0.25, 0.75) * plain
    return [
        Row("Lin et al., eq. 4; Keras", r"$-(1 - p_t)^2 \ln p_t$", plain, ours, "focal", ours),
        Row("Optax", r"$-(1 - p_t)^2 \ln p_t$", optax.losses.sigmoid_focal_loss(LOGITS, YES), ours, "focal", ours),
        Row("torchvision", "times 0.25 for yes, 0.75 for no", weighted, ours, "focal(alpha=0.25)", quarter),
    ]


FAMILIES = {
    "Squared error": squared_error,
    "Cross entropy with class weights, its mean": weighted_cross_entropy,
    "Label smoothing": label_smoothing,
    "Binary cross entropy of probabilities": binary_cross_entropy,
    "Hinge loss of many classes": multiclass_hinge,
    "Dice loss": dice,
    "Focal loss": focal,
}

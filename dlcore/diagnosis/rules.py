"""Verdicts on learning curves: what the two lines say, and the run that would decide where they cannot.

The table ``RULES`` is read from above: the first rule whose sign is seen gives the verdict.
"""

from collections.abc import Collection

from dlcore.diagnosis import case, incomplete
from dlcore.diagnosis.case import Case
from dlcore.diagnosis.signs import FEWEST_EPOCHS, Curves, as_arrays
from dlcore.diagnosis.verdicts import BAD, GOOD, WARNING, Verdict, VerdictRule, following

_SMALLER = "the same run with a learning rate 3 to 10 times smaller: it decides"
_SMALLER_STEPS = ("a learning rate 3 to 10 times smaller", "clip the gradient's norm", "normalize the inputs")


def diagnose(
    curves: Curves,
    baseline: float | None = None,
    *,
    classes: int | None = None,
    n_validation: int | None = None,
    majority: float | None = None,
    initial: float | None = None,
    validation_error: float | None = None,
    done: Collection[str] = (),
) -> Verdict:
    """The verdict on one training, with the numbers it rests on.

    Kinds, in the order in which they are looked for: "no validation loss", "diverged", "no scale", "too short",
    "nothing moves", "softmax applied twice", "learning rate too high", "constant prediction", "learning rate too low",
    "validation easier than training", "overfitting", "underfitting", "like the largest class", "ideal".

    baseline: the loss of a constant prediction (``label_entropy`` or ``target_variance`` of the training set), by which
    all losses are judged; the first running loss stands in for it. classes, n_validation, the number of validation
    examples, majority, the share of the largest class, initial, the loss before the first step, and validation_error,
    the standard error of the validation loss, sharpen the verdict. done: advice that was followed, which
    is not given again. Raises ValueError for curves of different lengths.
    """
    seen = Case(as_arrays(curves), baseline, classes, n_validation, majority, initial, validation_error)
    return next(following(RULES, seen, done=done))


RULES = (
    VerdictRule(
        "no validation loss",
        WARNING,
        incomplete.unseen,
        "the training is sound, but nothing is known of new examples: there are none, or some have no finite loss",
        ("look for an empty validation part, or NaN in it", "a loss that takes logits: probabilities of 0 have none"),
    ),
    VerdictRule(
        "diverged", BAD, case.not_finite, "the steps grew without bound, or the data are not finite", _SMALLER_STEPS
    ),
    VerdictRule(
        "no scale",
        WARNING,
        incomplete.below_zero,
        "curves are judged by the share of a loss that is left, and a loss that goes below 0 has none",
        ("the loss less the lowest that it can have", "a metric beside it, such as R2 or accuracy"),
    ),
    VerdictRule("diverged", BAD, case.grown, "every step leads further away: the steps are too large", _SMALLER_STEPS),
    VerdictRule(
        "too short",
        WARNING,
        case.too_short,
        f"a level and a trend cannot be told apart before {FEWEST_EPOCHS} epochs",
        ("at least 10 epochs",),
    ),
    VerdictRule(
        "nothing moves",
        WARNING,
        incomplete.at_rest,
        "no epoch changed the training loss: parameters are frozen, the rate is 0, or nothing was left to learn",
        ("look at the learning rate, its schedule, and which parameters are trained", "overfit one sample, then four"),
    ),
    VerdictRule(
        "softmax applied twice",
        BAD,
        case.softmax_twice,
        "the loss takes logits and gets probabilities: its own softmax comes on top",
        ("remove the softmax from the model", "a loss on probabilities"),
    ),
    VerdictRule(
        "learning rate too high",
        WARNING,
        case.blown,
        "the first steps threw the parameters far away: units are dead or the outputs huge",
        (_SMALLER, "warm-up", "clip the gradient's norm"),
    ),
    VerdictRule(
        "constant prediction",
        BAD,
        case.constant,
        "the outputs do not depend on the inputs: dead units, a penalty or rate of the wrong size, or no signal",
        (
            "overfit one sample, then four: it decides between the set-up and the data",
            "look at the gradient norms and dead units of every layer",
            "learning rates 10 times larger and smaller, no weight decay",
        ),
    ),
    VerdictRule(
        "underfitting",
        WARNING,
        case.outweighed,
        "the penalty outweighs the loss: what lowers their sum makes the model worse",
        ("a penalty 10 times smaller",),
    ),
    VerdictRule(
        "learning rate too high",
        WARNING,
        case.overshoot,
        "the steps overshoot: the loss falls at first, then bounces or stays (or the data contradict themselves)",
        (_SMALLER, "a decaying schedule or a larger batch", "if the plateau stays: look for wrong labels"),
    ),
    VerdictRule(
        "learning rate too low",
        WARNING,
        case.slow,
        "the loss falls almost linearly and is far from done",
        ("a learning rate 3 to 10 times larger", "more epochs at this rate: the curve should bend in the end"),
    ),
    VerdictRule(
        "validation easier than training",
        WARNING,
        case.validation_easier,
        "the validation set is easier, shares examples with the training set, or one of the two is computed wrongly",
        (
            "evaluate the training set by the validation code: it decides between data and bug",
            "split again with another seed, stratified",
            "look for duplicates between the parts",
        ),
    ),
    VerdictRule(
        "overfitting",
        WARNING,
        case.overfitting,
        "the model memorizes the training examples instead of generalizing",
        ("early stopping", "more data, or augmentation", "more weight decay or dropout", "a smaller model"),
    ),
    VerdictRule(
        "underfitting",
        WARNING,
        case.still_falling,
        "both losses still fall at the end: the model is still learning",
        ("more epochs", "a learning rate 2 to 3 times larger"),
    ),
    VerdictRule(
        "underfitting",
        WARNING,
        case.resting_high,
        "the model does not fit the training set: too small, too regularized, or the targets are mostly noise",
        (
            "overfit ten examples with a larger model: it decides between the model and the noise",
            "a learning rate 3 times smaller and larger",
            "less weight decay and dropout",
            "more or wider layers, better features",
        ),
    ),
    VerdictRule(
        "like the largest class",
        WARNING,
        case.like_the_largest,
        "an answer that is always the largest class would be right nearly as often",
        ("judge by balanced accuracy and the recall of the small classes", "weight the classes, or draw them evenly"),
    ),
    VerdictRule(
        "ideal",
        GOOD,
        case.certain,
        "the accuracy holds; the validation loss rises slowly, by growing certainty of the few mistakes",
        ("early stopping", "label smoothing or more weight decay"),
    ),
    VerdictRule(
        "ideal",
        GOOD,
        case.apart,
        "both losses came to rest; new examples lose more than those trained on, but little against a constant",
        ("more data, or augmentation", "more weight decay or dropout"),
    ),
    VerdictRule(
        "ideal",
        GOOD,
        case.slowly,
        "both losses fell together and are nearly at rest, close to each other",
        ("more epochs",),
    ),
    VerdictRule("ideal", GOOD, case.close, "both losses fell together and came to rest, close to each other", ()),
)

"""What is seen in a training itself, and in its data: the verdicts, each with its sign.

The tables are read from above, as ``RULES`` are, but all whose sign is seen give a verdict: causes stand above what
comes of them, so that the first is the one to mend first.
"""

from dlcore.diagnosis import inside, outputs, parts
from dlcore.diagnosis.verdicts import BAD, WARNING, VerdictRule

_KEEP = "initial weights of that size: he_normal for ReLU, glorot_normal for tanh"
PART_SIGNATURES = (
    VerdictRule(
        "training examples in the validation set",
        BAD,
        parts.copied,
        "what is known by heart is taken for what was understood",
        ("split again, copies together", "drop the copies"),
    ),
    VerdictRule(
        "near copies in the validation set",
        WARNING,
        parts.nearly_copied,
        "examples that belong together, such as two pictures of one thing, stand on both sides of the split",
        ("split by groups of what belongs together", "drop one of each pair"),
    ),
    VerdictRule(
        "always the same batch",
        BAD,
        parts.one_batch,
        "the training part is one batch, over and over",
        ("look how the training examples are read and cut", "shuffle all of them"),
    ),
    VerdictRule(
        "inputs of different scales",
        WARNING,
        parts.scales_apart,
        "one learning rate cannot suit weights of inputs that differ so much: descent is slow along the small ones",
        ("normalize the inputs", "the logarithm of a column that spans decades"),
    ),
    VerdictRule(
        "normalized by other examples",
        WARNING,
        parts.other_statistics,
        "mean and standard deviation are not those of the training part, which alone is known when a model is used",
        ("data.normalize(split), which fits to the training part", "nothing, if they belong to a pretrained model"),
    ),
)

SIGNATURES = (
    VerdictRule(
        "loss mixes examples",
        BAD,
        outputs.mixed,
        "predictions (n, 1) and targets (n,) were broadcast to (n, n), or the loss takes a mean over the batch",
        ("bring both to one shape: y[:, None]", "one value per example, without a mean"),
    ),
    VerdictRule(
        "softmax applied twice",
        BAD,
        outputs.probabilities_as_logits,
        "the loss takes logits and gets probabilities: its own softmax comes on top",
        ("remove the softmax from the model", "a loss on probabilities"),
    ),
    VerdictRule(
        "sigmoid before softmax",
        BAD,
        outputs.sigmoids_as_logits,
        "the loss takes logits and gets numbers between 0 and 1: no class can be more than e times as probable",
        ("remove the sigmoid from the model", "a loss on yes or no for every class, if several may be true"),
    ),
    VerdictRule(
        "sigmoid applied twice",
        BAD,
        outputs.probability_as_logit,
        "the loss takes the logit of yes and gets its probability: its own sigmoid comes on top",
        ("remove the sigmoid from the model", "losses.binary_cross_entropy"),
    ),
    VerdictRule(
        "log-probabilities as probabilities",
        BAD,
        outputs.logs_as_probabilities,
        "the loss takes the logarithm of what already is one",
        ("remove the logarithm from the model", "a loss on logits, which takes log-probabilities too"),
    ),
    VerdictRule(
        "logits as probabilities",
        BAD,
        outputs.logits_as_probabilities,
        "the loss takes probabilities and gets numbers that are none",
        ("losses.softmax_cross_entropy, which takes logits", "a softmax behind the last layer"),
    ),
    VerdictRule(
        "logits as log-probabilities",
        BAD,
        outputs.logits_as_logs,
        "the loss is minus an output that may grow without end",
        ("losses.softmax_cross_entropy, which takes logits", "a log-softmax behind the last layer"),
    ),
    VerdictRule(
        "activation on the outputs",
        BAD,
        outputs.cut_off,
        "the outputs cannot go where the loss wants them",
        ("remove the activation behind the last layer",),
    ),
    VerdictRule(
        "noise in evaluation",
        BAD,
        outputs.noisy,
        "the answer for an example depends on its place in the batch: dropout, or other noise, was left on",
        ("switch it off by train=False",),
    ),
    VerdictRule(
        "batch statistics in evaluation",
        BAD,
        outputs.by_company,
        "the answer for an example depends on the others in the batch: batch norm does not use its averages",
        ("evaluate by train=False",),
    ),
    VerdictRule(
        "batch norm never averaged",
        BAD,
        inside.never_averaged,
        "evaluation divides by statistics that nobody has taken",
        ("keep the state that apply returns", "a momentum below 1"),
    ),
    VerdictRule(
        "learning rate zero",
        BAD,
        inside.no_rate,
        "nothing can change",
        ("look at the schedule, and at the time it counts in", "a learning rate above 0"),
    ),
    VerdictRule(
        "frozen layer",
        WARNING,
        inside.frozen,
        "the layer has random weights, a gradient arrives at it, and yet no step moved it",
        ("look for which leaves the rule is", "nothing, if random features are wanted"),
    ),
    VerdictRule(
        "dead units",
        WARNING,
        inside.stillborn,
        "units that were 0 on all examples from the start get no gradient",
        ("initial biases of 0, or a little above", "normalize the inputs"),
    ),
    VerdictRule(
        "dead units",
        WARNING,
        inside.killed,
        "steps that were too large threw the units where they are 0 on all examples: they do not come back",
        ("a learning rate 3 to 10 times smaller", "clip the gradient's norm", "leaky_relu or elu"),
    ),
    VerdictRule(
        "saturated units",
        WARNING,
        inside.saturated,
        "flat units pass next to no gradient back",
        ("normalize the inputs", "smaller initial weights, such as glorot_normal", "ReLU"),
    ),
    VerdictRule(
        "no gradient reaches a layer",
        BAD,
        inside.cut,
        "the loss does not depend on these parameters, or the chain of derivatives is broken",
        ("look for stop_gradient, rounding, argmax or integers on the way", "look for a layer that nobody listens to"),
    ),
    VerdictRule(
        "vanishing gradient",
        WARNING,
        inside.vanishing,
        "the first layers learn next to nothing",
        (_KEEP, "batch or layer norm", "a shortcut around layers: residual(...)", "ReLU instead of sigmoid"),
    ),
    VerdictRule(
        "exploding gradient",
        WARNING,
        inside.exploding,
        "the first layers are thrown about",
        (_KEEP, "clip the gradient's norm", "batch or layer norm"),
    ),
    VerdictRule(
        "batch norm's averages are off",
        WARNING,
        inside.wrongly_averaged,
        "evaluation divides by other statistics than training did",
        ("a momentum nearer to 0: the averages lag behind", "more steps, or larger batches"),
    ),
    VerdictRule(
        "schedule ended early",
        WARNING,
        inside.ended_early,
        "the learning rate came to nothing while the loss still fell: what followed was no training",
        ("a schedule over all epochs", "look at the time it counts in: steps or epochs"),
    ),
    VerdictRule(
        "output does not depend on the input",
        BAD,
        outputs.all_constant,
        "every example gets the same answer",
        ("look for dead units and a learning rate too high", "check the inputs: are the examples different?"),
    ),
    VerdictRule(
        "dead output unit",
        WARNING,
        outputs.unit_constant,
        "one of the outputs learns nothing but its bias",
        ("remove the activation behind the last layer", "look at the labels of that class"),
    ),
    VerdictRule(
        "labels permuted",
        BAD,
        outputs.renamed,
        "the classes are told apart but named otherwise than in training: labels shifted by one, or another order",
        ("number the classes of all parts by one list", "look at a few examples with their labels"),
    ),
    VerdictRule(
        "labels of the neighboring row",
        BAD,
        outputs.misaligned,
        "inputs and labels have moved against each other by a row",
        ("look for a header, an index or a dropped row in one of the two",),
    ),
    VerdictRule(
        "class never predicted",
        WARNING,
        outputs.never_said,
        "examples of the class are there and none is recognized",
        ("weight the classes, or draw them evenly", "look at the labels and the output of that class"),
    ),
    VerdictRule(
        "output without examples",
        WARNING,
        outputs.never_asked,
        "labels that begin at 1 leave the first output empty; so does a class that the split has lost",
        ("number the labels from 0", "as many outputs as classes"),
    ),
)

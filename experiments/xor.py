"""Who learns XOR? No perceptron, no logistic regression; a network with one small hidden layer does.

    python -m experiments.xor [--out FOLDER]

For every width of the hidden layer: from how many of the starts does the network classify all four corners?
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, grid, losses, mlp
from dlcore.activations import tanh
from dlcore.classics import linear_classifier, logistic_regression, logistic_regression_fit, perceptron_fit
from dlcore.data import Examples, Split
from dlcore.optimizers import Adam
from dlcore.training import fit
from experiments.common import arguments, save, swept, table
from experiments.planes import draw_plane, explain, panels

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0], np.int32)
WIDTHS = (1, 2, 3, 4, 8)
SEEDS = 32
EPOCHS = 500
PERCEPTRON_EPOCHS = 1000


def network(width):
    return mlp((width, 2), tanh)


def setup():
    return Setup(network(WIDTHS[-1]), losses.softmax_cross_entropy, Adam(0.05), epochs=EPOCHS, batch_size=None)


def probability_of_one(run, x):
    logits, _ = network(WIDTHS[-1]).apply(run.params, run.model_state, jnp.asarray(x), key=None, train=False)
    return jax.nn.softmax(logits)[:, 1]


def main():
    out = arguments(__doc__).out
    x, y = jnp.asarray(CORNERS), jnp.asarray(XOR)
    line = perceptron_fit(x, 2 * y - 1, epochs=PERCEPTRON_EPOCHS)
    soft = logistic_regression_fit(x, y)
    right = int(((linear_classifier(line, x) > 0) == (y > 0)).sum())
    print(f"perceptron, {PERCEPTRON_EPOCHS} epochs: {right} of 4 corners right")
    print(f"  its weights are {np.asarray(line['kernel'])} again after every epoch: it goes round in circles")
    print(f"logistic regression: p = {np.round(np.asarray(logistic_regression(soft, x)), 3)}")

    both = Split(Examples(CORNERS, XOR), Examples(CORNERS, XOR))  # the four corners are all there is
    study = swept("networks", setup(), grid({"model": [network(w) for w in WIDTHS]}), both, jax.random.key(0), SEEDS)
    solved = (study.metric("accuracy") == 1).mean(axis=1)
    shares = zip(WIDTHS, solved, strict=True)
    print(table([{"hidden units": width, "starts that learn XOR": f"{share:.0%}"} for width, share in shares]))
    if out:
        run = fit(setup(), both, jax.random.key(0))
        figure, axes = panels(2)
        limits = np.array([[-0.4, 1.4], [-0.4, 1.4]])
        draw_plane(axes[0], lambda p: linear_classifier(line, p) > 0, CORNERS, XOR, f"perceptron: {right} of 4", limits)
        draw_plane(axes[1], lambda p: probability_of_one(run, p), CORNERS, XOR, "one hidden layer of 8: all", limits)
        explain(figure, ("0", "1"))
        save(out, "xor", figure)


if __name__ == "__main__":
    main()

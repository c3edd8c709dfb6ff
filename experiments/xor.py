"""Who learns XOR? No perceptron, no logistic regression; a network with one small hidden layer does.

    python -m experiments.xor [--out FOLDER]

For every width of the hidden layer: from how many of the starts does the network classify all four corners?
"""

import argparse
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, grid, losses, sequential, sweep
from dlcore.activations import tanh
from dlcore.data import Examples, Split
from dlcore.models import Dense, logistic_regression, logistic_regression_fit, perceptron, perceptron_fit
from dlcore.optimizers import Adam
from dlcore.training import fit
from experiments.planes import draw_plane, panels

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0], np.int32)
WIDTHS = (1, 2, 3, 4, 8)
SEEDS = 32
EPOCHS = 500
PERCEPTRON_EPOCHS = 1000


def network(width):
    return sequential(Dense(width), tanh, Dense(2))


def setup():
    return Setup(network(WIDTHS[-1]), losses.softmax_cross_entropy, Adam(0.05), epochs=EPOCHS, batch_size=None)


def probability_of_one(run, x):
    logits, _ = network(WIDTHS[-1]).apply(run.params, run.model_state, jnp.asarray(x), key=None, train=False)
    return jax.nn.softmax(logits)[:, 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="folder of the figure")
    out = parser.parse_args().out
    x, y = jnp.asarray(CORNERS), jnp.asarray(XOR)
    line = perceptron_fit(x, 2 * y - 1, epochs=PERCEPTRON_EPOCHS)
    soft = logistic_regression_fit(x, y)
    right = int(((perceptron(line, x) > 0) == (y > 0)).sum())
    print(f"perceptron, {PERCEPTRON_EPOCHS} epochs: {right} of 4 corners right")
    print(f"  its weights are {np.asarray(line['kernel'])} again after every epoch: it goes round in circles")
    print(f"logistic regression: p = {np.round(np.asarray(logistic_regression(soft, x)), 3)}")

    both = Split(Examples(CORNERS, XOR), Examples(CORNERS, XOR))  # the four corners are all there is
    study = sweep(setup(), grid({"model": [network(w) for w in WIDTHS]}), both, jax.random.key(0), seeds=SEEDS)
    solved = (study.metric("accuracy") == 1).mean(axis=1)
    print("\nhidden units  starts that learn XOR")
    for width, share in zip(WIDTHS, solved, strict=True):
        print(f"{width:12d}  {share:21.0%}")
    if out:
        run = fit(setup(), both, jax.random.key(0))
        figure, axes = panels(2)
        limits = np.array([[-0.4, 1.4], [-0.4, 1.4]])
        draw_plane(axes[0], lambda p: perceptron(line, p) > 0, CORNERS, XOR, f"perceptron: {right} of 4", limits)
        draw_plane(axes[1], lambda p: probability_of_one(run, p), CORNERS, XOR, "one hidden layer of 8: all", limits)
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(out / "xor.png")
        print(f"\nfigure: {out / 'xor.png'}")


if __name__ == "__main__":
    main()

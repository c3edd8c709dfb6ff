"""How to tell red from green points? Linear activations give linear decisions, however large the network.

    python -m experiments.decisions [--out FOLDER] [--quick]

Two interleaved half circles; networks of growing depth with the identity, tanh and ReLU between the layers.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, grid, losses, mlp
from dlcore.activations import identity, relu, tanh
from dlcore.classics import logistic_regression, logistic_regression_fit
from dlcore.data import Examples, Split
from dlcore.optimizers import Adam
from dlcore.training import fit
from experiments.common import arguments, mean_and_error, save, swept, table
from experiments.planes import draw_plane, explain, panels

ACTIVATIONS = {"identity": identity, "tanh": tanh, "relu": relu}
DEPTHS = (1, 2, 3)
WIDTH = 16
TRAINING, VALIDATION, NOISE = 200, 1000, 0.15
SEEDS = 4
EPOCHS = 200


def half_circles(n, rng):
    """x [n, 2] on two half circles with noise, y [n] which one."""
    y = rng.integers(0, 2, n)
    angle = np.pi * (rng.uniform(size=n) + y)
    center = np.stack([y, 0.5 * y], axis=1)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + center + NOISE * rng.normal(size=(n, 2))
    return Examples(x.astype(np.float32), y.astype(np.int32))


def network(activation, depth):
    return mlp((*[WIDTH] * depth, 2), activation)


def setup(model, epochs=EPOCHS):
    return Setup(model, losses.softmax_cross_entropy, Adam(0.01), epochs=epochs, batch_size=32)


def accuracies(cases, data, seeds, epochs=EPOCHS):
    """Validation accuracy of networks by (name of the activation, depth): [cases, seeds]."""
    models = [network(ACTIVATIONS[name], depth) for name, depth in cases]
    study = swept("networks", setup(models[0], epochs), grid({"model": models}), data, jax.random.key(0), seeds)
    return study.metric("accuracy")


def probability_of_one(model, run, x):
    logits, _ = model.apply(run.params, run.model_state, jnp.asarray(x), key=None, train=False)
    return jax.nn.softmax(logits)[:, 1]


def main():
    given = arguments(__doc__, quick="one start of 20 epochs")
    seeds, epochs = (1, 20) if given.quick else (SEEDS, EPOCHS)
    rng = np.random.default_rng(0)
    data = Split(half_circles(TRAINING, rng), half_circles(VALIDATION, rng))
    line = logistic_regression_fit(jnp.asarray(data.train.x), jnp.asarray(data.train.y))
    p = np.asarray(logistic_regression(line, jnp.asarray(data.validation.x)))
    print(f"logistic regression, the best line: {np.mean((p > 0.5) == data.validation.y):.1%} right\n")

    cases = [(name, depth) for name in ACTIVATIONS for depth in DEPTHS]
    accuracy = accuracies(cases, data, seeds, epochs)
    columns = "activation", f"hidden layers of {WIDTH}", "validation accuracy"
    cells = [(*case, mean_and_error(row, ".1%")) for case, row in zip(cases, accuracy, strict=True)]
    print(table([dict(zip(columns, row, strict=True)) for row in cells]))
    if given.out:
        figure, axes = panels(len(ACTIVATIONS))
        for ax, (name, activation) in zip(axes, ACTIVATIONS.items(), strict=True):
            model = network(activation, DEPTHS[-1])
            run = fit(setup(model, epochs), data, jax.random.key(0))
            mean = accuracy[cases.index((name, DEPTHS[-1]))].mean()
            title = f"{name}, {DEPTHS[-1]} hidden layers: {mean:.0%}"
            draw_plane(ax, lambda p, m=model, r=run: probability_of_one(m, r, p), data.train.x, data.train.y, title)
        explain(figure, ("upper half circle", "lower half circle"))
        save(given.out, "decisions", figure)


if __name__ == "__main__":
    main()

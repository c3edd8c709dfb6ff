r"""How well does one hidden layer approximate a function, against its width?

    python -m experiments.universal_approximation [--out FOLDER]

$f(x) = \sum_i w_{2,i} \tanh(w_{1,i} x + b_{1,i}) + b_2$ learns from noisy values of a function that we know, so that
two errors can be told apart: to the noisy values, which cannot fall below the noise, and to the function itself.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, grid, losses, sequential
from dlcore.activations import tanh
from dlcore.data import Examples, Split
from dlcore.figures.style import BLUE, GRAY, INK, SERIES, VERMILLION
from dlcore.initializers import Normal, Uniform
from dlcore.layers import Dense
from dlcore.optimizers import Adam
from dlcore.schedules import Cosine
from dlcore.training import fit
from experiments.common import arguments, bare, save, swept, table

WIDTHS = (1, 2, 4, 8, 16, 32)
SHOWN = (2, 8, 32)
N, NOISE = 512, 0.05
SEEDS = 4
EPOCHS = 400
BATCH_SIZE = 64


def truth(x):
    return np.sin(2 * np.pi * x) * np.exp(-x)


def network(width):
    """Slopes and centers -b/w spread over [-1, 1] at the start: equal ones would have to find their places first."""
    return sequential(Dense(width, kernel_init=Normal(5.0), bias_init=Uniform(5.0)), tanh, Dense(1))


def setup(width):
    steps = EPOCHS * (N // BATCH_SIZE)
    return Setup(network(width), losses.squared_error, Adam(Cosine(0.03, steps)), epochs=EPOCHS, batch_size=BATCH_SIZE)


def values(rng):
    """Noisy values to learn from; those of the function itself, everywhere, to judge by."""
    x = rng.uniform(-1, 1, (N, 1)).astype(np.float32)
    everywhere = np.linspace(-1, 1, 1001, dtype=np.float32)[:, None]
    noisy = (truth(x) + NOISE * rng.normal(size=x.shape)).astype(np.float32)
    return Split(Examples(x, noisy), Examples(everywhere, truth(everywhere).astype(np.float32)))


def errors_by_width(data, widths, seeds):
    """Root mean square errors at the end, [widths, seeds]: to the noisy values, and to the function."""
    space = grid({"model": [network(w) for w in widths]})
    history = swept("networks", setup(widths[0]), space, data, jax.random.key(0), seeds).rows.history
    return tuple(np.sqrt(np.asarray(loss)[..., -1]) for loss in (history.train_loss, history.validation_loss))


def figure_of(errors, data, runs):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=200, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    mean, spread = np.exp(np.log(errors).mean(1)), errors
    left.loglog(WIDTHS, mean, color=BLUE, marker="o", ms=4, base=2, label="to the function (geometric mean)")
    left.scatter(np.repeat(WIDTHS, SEEDS), spread.ravel(), s=6, color=BLUE, alpha=0.5, label="each start")
    left.axhline(NOISE, color=VERMILLION, lw=1, ls="--", label="noise of one value")
    left.set_yscale("log", base=10)
    left.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
    left.set_xlabel("hidden units")
    left.set_ylabel("root mean square error")
    left.legend(frameon=False, fontsize=8)
    x = np.linspace(-1, 1, 500, dtype=np.float32)[:, None]
    right.scatter(*map(np.ravel, data.train), s=4, color=GRAY, alpha=0.4)
    right.plot(x, truth(x), color=INK, lw=3, alpha=0.3, label="function")
    for color, (width, run) in zip(SERIES[1:], runs.items(), strict=False):
        y, _ = network(width).apply(run.params, run.model_state, jnp.asarray(x), key=None, train=False)
        right.plot(x, y, color=color, lw=1.3, label=f"{width} units")
    right.set(xlabel="x", xticks=[-1, -0.5, 0, 0.5, 1])
    right.legend(frameon=False, fontsize=8)
    bare(left, right)
    return figure


def main():
    out = arguments(__doc__).out
    data = values(np.random.default_rng(0))
    training, errors = errors_by_width(data, WIDTHS, SEEDS)
    print(f"root mean square errors at the end of training, means over {SEEDS} starts; the noise is {NOISE}\n")
    rows = zip(WIDTHS, training.mean(1), errors.mean(1), strict=True)
    print(
        table(
            [{"hidden units": w, "to the noisy values": f"{a:.4f}", "to the function": f"{b:.4f}"} for w, a, b in rows]
        )
    )
    if out:
        runs = {width: fit(setup(width), data, jax.random.key(0)) for width in SHOWN}
        save(out, "universal_approximation", figure_of(errors, data, runs))


if __name__ == "__main__":
    main()

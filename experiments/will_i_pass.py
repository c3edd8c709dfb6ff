"""Will I pass this class? Two features: lectures attended and hours spent on the final project.

    python -m experiments.will_i_pass [--out FOLDER]

Students are drawn from a logistic model that we know, so that the fit can be judged: its coefficients with their
standard errors, and the probability of passing of the students on the slide.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import Setup, losses, mlp
from dlcore.classics import logistic_regression, logistic_regression_fit, logistic_regression_loss
from dlcore.data import Examples, Split
from dlcore.optimizers import Adam
from dlcore.solvers import Newton, standard_errors
from dlcore.training import fit
from experiments.common import arguments, save, table
from experiments.planes import draw_plane, explain, panels

LECTURES, HOURS = 10, 10
TRUTH = {"bias": -6.0, "lectures": 0.6, "hours": 0.7}
SLIDE = np.array([[4, 5], [2, 1], [5, 8]], np.float32)
STUDENTS, VALIDATION = 200, 1000
HIDDEN = 8
EPOCHS = 300


def chance(x):
    return 1 / (1 + np.exp(-(TRUTH["bias"] + TRUTH["lectures"] * x[:, 0] + TRUTH["hours"] * x[:, 1])))


def students(n, rng):
    x = np.stack([rng.integers(0, LECTURES + 1, n), rng.uniform(0, HOURS, n)], axis=1).astype(np.float32)
    return Examples(x, (rng.uniform(size=n) < chance(x)).astype(np.int32))


def network(hidden):
    return mlp((HIDDEN, 2) if hidden else (2,))


def trained(hidden, data):
    """x -> probability of passing, by a network trained on the lecture's loss."""
    setup = Setup(network(hidden), losses.softmax_cross_entropy, Adam(0.02), epochs=EPOCHS, batch_size=50)
    run = fit(setup, data, jax.random.key(0))
    apply = jax.jit(lambda x: network(hidden).apply(run.params, run.model_state, x, key=None, train=False)[0])
    return lambda x: jax.nn.softmax(apply(jnp.asarray(x)))[:, 1]


def fitted(data):
    """The most likely coefficients and their standard errors."""
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    params = logistic_regression_fit(x, y, method=Newton())
    return params, standard_errors(logistic_regression_loss, params, args=(x, y))


def empirical_loss(p, y):
    return -np.mean(np.log(np.where(y == 1, p, 1 - p)))


def main():
    out = arguments(__doc__).out
    rng = np.random.default_rng(0)
    data = Split(students(STUDENTS, rng), students(VALIDATION, rng))
    params, errors = fitted(data.train)
    places = {"bias": ("bias", ()), "lectures": ("kernel", 0), "hours": ("kernel", 1)}
    fits = {name: f"{float(params[leaf][i]):.2f} ± {float(errors[leaf][i]):.2f}" for name, (leaf, i) in places.items()}
    print(table([{"": name, "truth": f"{TRUTH[name]:.2f}", "fitted ± standard error": fits[name]} for name in fits]))

    models = {
        "truth": chance,
        "logistic regression (Newton)": lambda p: logistic_regression(params, jnp.asarray(p)),
        "the same as a network (Adam)": trained(False, data),
        f"network, {HIDDEN} hidden units": trained(True, data),
    }
    rows = []
    for name, model in models.items():
        chances = {f"({a:g}, {b:g})": f"{float(p):.2f}" for (a, b), p in zip(SLIDE, model(SLIDE), strict=True)}
        loss = empirical_loss(np.asarray(model(data.validation.x)), data.validation.y)
        rows.append({"chance of passing with": name, **chances, f"loss of {VALIDATION} others": f"{loss:.3f}"})
    print(f"\n{table(rows)}")
    if out:
        figure, axes = panels(2, width=3.4)
        for ax, name in zip(axes, list(models)[1::2], strict=True):
            draw_plane(ax, models[name], data.train.x, data.train.y, name)
            ax.set_xlabel("lectures attended", fontsize=9)
            ring = {"s": 70, "facecolors": "none", "edgecolors": "black", "linewidths": 1.4, "label": "on the slide"}
            asked = ax.scatter(*SLIDE.T, **ring, zorder=4)
        axes[0].set_ylabel("hours on the project", fontsize=9)
        explain(figure, ("failed", "passed"), asked)
        save(out, "will_i_pass", figure)


if __name__ == "__main__":
    main()

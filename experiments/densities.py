"""Which way round does a divergence measure? Nearest normals of two peaks, nearest Laplace distributions of a normal.

``python -m experiments.densities`` prints the numbers; ``--out FOLDER`` adds a figure.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.probability import (
    Laplace,
    Mixture,
    Normal,
    backward_laplace_fit,
    backward_normal_fit,
    forward_laplace_fit,
    forward_normal_fit,
    kl_divergence,
    kl_monte_carlo,
)
from experiments.common import arguments, save

WEIGHTS, MEANS, STDS = (0.4, 0.6), (-2.5, 2.5), (0.7, 1.0)
STARTS = {"backward, from the left": -4.0, "backward, from the right": 4.0}
SAMPLES = 100_000
GRID = np.linspace(-7, 7, 701)
SCALES = np.linspace(0.4, 1.6, 121)
FORWARD, BACKWARD, TARGET = "#0072b2", "#d55e00", "#999999"


def two_peaks():
    return Mixture(jnp.asarray(WEIGHTS), Normal(jnp.asarray(MEANS), jnp.asarray(STDS)))


def normal_fits(P):
    """The fits by name, and D(P || Q) and D(Q || P) of each with their standard errors."""
    fits = {"forward": forward_normal_fit(P)}
    fits |= {name: backward_normal_fit(P, Normal(start, 1.0)) for name, start in STARTS.items()}
    keys = jax.random.split(jax.random.key(0), 2)
    divergences = {
        name: (kl_monte_carlo(keys[0], P, Q, SAMPLES), kl_monte_carlo(keys[1], Q, P, SAMPLES))
        for name, Q in fits.items()
    }
    return fits, divergences


def laplace_curves(P):
    """D(P || L(0, b)) and D(L(0, b) || P) at ``SCALES``."""
    b = jnp.asarray(SCALES)
    return [
        jax.vmap(f)(b)
        for f in (lambda b: kl_divergence(P, Laplace(0.0, b)), lambda b: kl_divergence(Laplace(0.0, b), P))
    ]


def table(fits, divergences, normal):
    lines = [
        f"P: peaks at {MEANS}, standard deviations {STDS}, weights {WEIGHTS}; divergences of {SAMPLES} samples",
        f"{'nearest normal':<26}{'mean':>8}{'std':>8}{'D(P||Q)':>18}{'D(Q||P)':>18}",
    ]
    for name, Q in fits.items():
        forward, backward = (f"{value:.4f} ± {error:.4f}" for value, error in divergences[name])
        lines.append(f"{name:<26}{Q.mean:>8.4f}{Q.std:>8.4f}{forward:>18}{backward:>18}")
    lines += ["", f"{'nearest Laplace of N(0, 1)':<34}{'b':>8}{'D(P||Q)':>10}{'D(Q||P)':>10}"]
    for name, Q in laplace_fits(normal).items():
        lines.append(f"{name:<34}{Q.scale:>8.4f}{kl_divergence(normal, Q):>10.4f}{kl_divergence(Q, normal):>10.4f}")
    return "\n".join(lines)


def laplace_fits(normal):
    return {"forward": forward_laplace_fit(normal), "backward": backward_laplace_fit(normal)}


def figure(P, fits, normal):
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12, 3.8), dpi=150, layout="constrained")
    peaks, near, curves = picture.subplots(1, 3)
    _densities(peaks, P, fits, GRID)
    peaks.set(title="two peaks and their nearest normals", xlabel="x", ylabel="density")
    _densities(near, normal, laplace_fits(normal), GRID[150:-150])
    near.set(title="a normal and its nearest Laplace", xlabel="x")
    for values, name, color in zip(laplace_curves(normal), ("D(P||Q)", "D(Q||P)"), (FORWARD, BACKWARD), strict=True):
        curves.plot(SCALES, values, color=color, label=name)
        curves.plot(SCALES[np.argmin(values)], np.min(values), "o", color=color)
    curves.set(title="P = N(0, 1), Q = L(0, b)", xlabel="b", ylabel="divergence", ylim=(0, 0.6))
    for axes in (peaks, near, curves):
        axes.legend(fontsize=8, frameon=False)
        axes.grid(alpha=0.3)
    return picture


def _densities(axes, P, fits, x):
    x = jnp.asarray(x)
    axes.fill_between(x, np.exp(P.log_prob(x)), color=TARGET, alpha=0.35, linewidth=0, label="P")
    for name, Q in fits.items():
        style = {"color": FORWARD} if name == "forward" else {"color": BACKWARD}
        axes.plot(x, np.exp(Q.log_prob(x)), "--" if name.endswith("right") else "-", label=name, **style)
    axes.set_ylim(bottom=0)


def main():
    folder = arguments(__doc__).out
    P, normal = two_peaks(), Normal(0.0, 1.0)
    fits, divergences = normal_fits(P)
    print(table(fits, divergences, normal))
    if folder:
        save(folder, "densities", figure(P, fits, normal))


if __name__ == "__main__":
    main()

"""Where do gradients vanish or explode? Sigmoid, tanh and ReLU under six initializations, layer by layer.

A deep network before training: norms of the error vectors and of the weights' gradients per layer, and of the
Jacobians between layers. ``python -m experiments.gradients`` prints the numbers; ``--out FOLDER`` adds a figure.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from dlcore import activations
from dlcore.backprop import (
    Affine,
    backpropagate,
    growth_rate,
    jacobian_norms,
    layer_norms,
    softmax_cross_entropy_head,
)
from dlcore.initializers import glorot_normal, he_normal, normal, orthogonal, xavier_normal
from experiments.common import arguments, counted, save

DEPTH, WIDTH, CLASSES, EXAMPLES, SEEDS = 20, 64, 10, 128, 8
JACOBIANS = 4  # examples whose Jacobians are taken: a singular value decomposition for each and every layer
ACTIVATIONS = {"sigmoid": activations.sigmoid, "tanh": activations.tanh, "relu": activations.relu}
INITIALIZERS = {
    "normal(0.01)": normal(0.01),
    "normal(1)": normal(1.0),
    "xavier_normal": xavier_normal,
    "glorot_normal": glorot_normal,
    "he_normal": he_normal,
    "orthogonal": orthogonal,
}
VANISHING, EXPLODING = 0.9, 1.1


def measure(key, initializer, phi):
    """Norms per layer of error vectors and gradients of W [L], and of the Jacobians between layers [L-1]."""
    keys = jax.random.split(key, DEPTH + 2)
    widths = [WIDTH] * DEPTH + [CLASSES]
    sizes = zip(keys, widths[:-1], widths[1:], strict=False)
    params = [Affine(initializer(k, (m, n), jnp.float32), jnp.zeros(n)) for k, m, n in sizes]
    x = jax.random.normal(keys[-2], (EXAMPLES, WIDTH))
    y = jax.random.randint(keys[-1], (EXAMPLES,), 0, CLASSES)
    got = backpropagate(params, x, y, phi, softmax_cross_entropy_head)
    few = [a[:JACOBIANS] for a in got.a]
    spectral = jnp.stack([jnp.mean(norms.spectral) for norms in jacobian_norms(params, few, phi)])
    return layer_norms(got.delta), layer_norms([layer.W for layer in got.grads]), spectral


def results():
    keys = jax.random.split(jax.random.key(0), SEEDS)
    found = {}
    pairs = itertools.product(ACTIVATIONS.items(), INITIALIZERS.items())
    for (phi_name, phi), (name, initializer) in counted("Gradients", pairs, "network"):
        one = functools.partial(measure, initializer=initializer, phi=phi)
        run = jax.jit(functools.partial(jax.lax.map, one))  # vmap would run QR in batches: XLA can hang on two cores
        found[phi_name, name] = [np.asarray(values, float) for values in run(keys)]
    return found


def verdict(rate):
    return "vanishes" if rate < VANISHING else "explodes" if rate > EXPLODING else "flows"


def table(found) -> str:
    lines = [
        f"{DEPTH} layers of {WIDTH} units, {EXAMPLES} examples, geometric means over {SEEDS} seeds",
        f"{'activation':<11}{'initialization':<15}{'|dL/dW_1|':>11}{'|dL/dW_L|':>11}{'rate':>8}{'|J|_2':>8}",
    ]
    for (phi, name), (delta, weights, spectral) in found.items():
        rate = float(geometric_mean(growth_rate(jnp.asarray(delta))))
        first, last = (float(geometric_mean(weights[:, k])) for k in (0, -1))
        numbers = f"{first:>11.2e}{last:>11.2e}{rate:>8.3f}{np.mean(spectral):>8.3f}"
        lines.append(f"{phi:<11}{name:<15}{numbers}  {verdict(rate)}")
    lines.append(
        "rate: growth per layer of the error vectors on their way back; |J|_2: mean spectral norm of da_l+1/da_l"
    )
    return "\n".join(lines)


def geometric_mean(values):
    with np.errstate(divide="ignore"):  # a gradient that is exactly 0 has the mean 0
        return np.exp(np.mean(np.log(np.asarray(values, float)), axis=0))


def figure(found):
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12, 4), dpi=150, layout="constrained")
    panels = picture.subplots(1, len(ACTIVATIONS), sharey=True)
    for axes, phi in zip(panels, ACTIVATIONS, strict=True):
        for name in INITIALIZERS:
            axes.semilogy(np.arange(1, DEPTH + 1), geometric_mean(found[phi, name][1]), label=name, linewidth=1.5)
        axes.set(title=phi, xlabel="layer")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("norm of the gradient of the weights")
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return picture


def main():
    folder = arguments(__doc__).out
    found = results()
    print(table(found))
    if folder:
        save(folder, "gradients", figure(found))


if __name__ == "__main__":
    main()

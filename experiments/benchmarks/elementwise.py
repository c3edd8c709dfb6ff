"""Activations and losses beside jax.nn and Optax: what does a call cost, forward and with its gradient?

    python -m experiments.benchmarks.elementwise [--sizes 10000 100000 1000000] [--only gelu] [--rounds 25]

float32, jitted. Both peers take turns in every round and the ratio is of the fastest times, which other programs on the
machine disturb least; below 1 dlcore is the faster. Classes: 10 to an example. A call runs in the caller's thread: to
hand it to another takes JAX on CPU from 5 to 40 microseconds, by chance and more than most of these functions.
"""

import argparse
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dlcore import activations as A
from dlcore import losses

SIZES = (10**4, 10**5, 10**6)
CLASSES, ROUNDS, TARGET = 10, 25, 1.05
ELEMENTWISE = {
    "relu": (A.relu, jax.nn.relu),
    "leaky_relu": (A.leaky_relu, jax.nn.leaky_relu),
    "hard_tanh": (A.hard_tanh, jax.nn.hard_tanh),
    "sigmoid": (A.sigmoid, jax.nn.sigmoid),
    "log_sigmoid": (A.log_sigmoid, jax.nn.log_sigmoid),
    "softplus": (A.softplus, jax.nn.softplus),
    "tanh": (A.tanh, jnp.tanh),
    "silu": (A.silu, jax.nn.silu),
    "gelu": (A.gelu, functools.partial(jax.nn.gelu, approximate=False)),
    "elu": (A.elu, jax.nn.elu),
    "selu": (A.selu, jax.nn.selu),
}
WITH_ANSWER = {
    "sigmoid_binary_cross_entropy": (losses.sigmoid_binary_cross_entropy, optax.losses.sigmoid_binary_cross_entropy),
    "focal": (losses.focal, optax.losses.sigmoid_focal_loss),
}
BY_CLASS = {
    "softmax": (A.softmax, jax.nn.softmax),
    "log_softmax": (A.log_softmax, jax.nn.log_softmax),
}
WITH_INDEX = {
    "softmax_cross_entropy, index": (
        losses.softmax_cross_entropy,
        optax.losses.softmax_cross_entropy_with_integer_labels,
    ),
}
WITH_TARGET = {
    "softmax_cross_entropy, soft": (losses.softmax_cross_entropy, optax.losses.softmax_cross_entropy),
    "squared_error": (losses.squared_error, lambda s, y: optax.losses.squared_error(s, y).sum(-1)),
    "huber": (losses.huber, lambda s, y: optax.losses.huber_loss(s, y).sum(-1)),
    "log_cosh": (losses.log_cosh, lambda s, y: optax.losses.log_cosh(s, y).sum(-1)),
}


def cases(size):
    """(name, peers, arguments) for arrays of ``size`` numbers."""
    rng = np.random.default_rng(0)
    flat = jnp.asarray(rng.normal(size=size) * 2, jnp.float32)
    rows = flat.reshape(-1, CLASSES)
    answers = jnp.asarray(rng.integers(0, 2, size), jnp.float32)
    index = jnp.asarray(rng.integers(0, CLASSES, len(rows)))
    groups = [
        (ELEMENTWISE, (flat,)),
        (WITH_ANSWER, (flat, answers)),
        (BY_CLASS, (rows,)),
        (WITH_INDEX, (rows, index)),
        (WITH_TARGET, (rows, A.softmax(rows[::-1]))),
    ]
    return [(name, peers, args) for group, args in groups for name, peers in group.items()]


def fastest(fs, args, rounds):
    """Seconds of the fastest call of each, taken in turns."""
    compiled = [jax.jit(f).lower(*args).compile() for f in fs]
    seconds = [[] for _ in fs]
    for _ in range(rounds):
        for f, times in zip(compiled, seconds, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(f(*args))
            times.append(time.perf_counter() - start)
    return [min(times) for times in seconds]


def with_gradient(f):
    """Value and gradient for a cotangent that is not constant, as within a network."""

    def both(s, *rest):
        value, pull = jax.vjp(lambda s: f(s, *rest), s)
        return value, pull(value)

    return both


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", default="", help="measure the functions whose name contains this")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, float32; times in microseconds")
    header = ("function", "numbers", "forward", "peer", "ratio", "both", "peer", "ratio")
    print("{:32}{:>9}{:>10}{:>10}{:>7}{:>10}{:>10}{:>7}".format(*header))
    slower = []
    for size in given.sizes:
        for name, peers, args in cases(size):
            if given.only not in name:
                continue
            forward = fastest(peers, args, given.rounds)
            both = fastest([with_gradient(f) for f in peers], args, given.rounds)
            ratios = forward[0] / forward[1], both[0] / both[1]
            micro = [f"{t * 1e6:10.1f}" for t in (*forward, *both)]
            print(f"{name:32}{size:9}{micro[0]}{micro[1]}{ratios[0]:7.2f}{micro[2]}{micro[3]}{ratios[1]:7.2f}")
            slower += [f"{name} ({size})"] * (max(ratios) > TARGET)
    print(f"More than {TARGET:.0%} of the peer's time: {', '.join(slower) or 'none'}.")


if __name__ == "__main__":
    main()

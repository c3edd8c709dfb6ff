"""Activations, losses and densities beside jax.nn, jax.scipy and Optax: what does a call cost?

    python -m experiments.benchmarks.elementwise [--sizes 10000 1000000] [--only gelu] [--rounds 25] [--by-hand]

Jitted, forward and with its gradient, and called by hand, as in a notebook. float32. Both peers take turns in every
round and the ratio is of the fastest times, which other programs on the machine disturb least; below 1 dlcore is the
faster. Classes: 10 to an example. A call runs in the caller's thread: to hand it to another takes JAX on CPU from 5 to
40 microseconds, by chance and more than most of these functions. ``--by-hand`` leaves out what is jitted.
"""

import time

import jax

from experiments.benchmarks.elementwise_cases import cases, draws
from experiments.common import options

SIZES = (10**4, 10**5, 10**6)
ROUNDS, TARGET, BY_HAND_TARGET = 25, 1.05, 2


def fastest(fs, args, rounds):
    """Seconds of the fastest call of each, taken in turns."""
    seconds = [[] for _ in fs]
    for f in fs:
        jax.block_until_ready(f(*args))
    for _ in range(rounds):
        for f, times in zip(fs, seconds, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(f(*args))
            times.append(time.perf_counter() - start)
    return [min(times) for times in seconds]


def compiled(fs, args):
    return [jax.jit(f).lower(*args).compile() for f in fs]


def with_gradient(f):
    """Value and gradient for a cotangent that is not constant, as within a network."""

    def both(s, *rest):
        value, pull = jax.vjp(lambda s: f(s, *rest), s)
        return value, pull(value)

    return both


def measure(peers, args, rounds, by_hand):
    """Pairs of seconds: by hand, and unless that alone is asked for, jitted forward and with the gradient."""
    pairs = [fastest(peers, args, rounds)]
    if not by_hand:
        gradients = [with_gradient(f) for f in peers]
        pairs += [fastest(compiled(fs, args), args, rounds) for fs in (peers, gradients)]
    return pairs


def report(size, rounds, only, by_hand):
    """Prints a row for each function; returns those that took longer than they should."""
    slower = []
    rows = [(*case, by_hand) for case in cases(size)] + [(*case, True) for case in draws(size)]
    for name, peers, args, alone in rows:
        if only not in name:
            continue
        pairs = measure(peers, args, rounds, alone)
        ratios = [ours / theirs for ours, theirs in pairs]
        cells = [f"{1e6 * a:10.1f}{1e6 * b:10.1f}{r:7.2f}" for (a, b), r in zip(pairs, ratios, strict=True)]
        print(f"{name:32}{size:9}{''.join(cells)}", flush=True)
        slower += [f"{name} ({size})"] * (ratios[0] > BY_HAND_TARGET or max(ratios[1:], default=0) > TARGET)
    return slower


def main():
    given = options(
        __doc__,
        sizes={"type": int, "nargs": "+", "default": SIZES},
        only={"default": "", "help": "measure the functions whose name contains this"},
        rounds={"type": int, "default": ROUNDS},
        by_hand={"action": "store_true", "help": "measure eager calls alone"},
    )
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, float32; times in microseconds")
    titles = ["by hand"] + ["forward", "both"] * (not given.by_hand)
    print(f"{'function':32}{'numbers':>9}" + "".join(f"{title:>10}{'peer':>10}{'ratio':>7}" for title in titles))
    slower = [row for size in given.sizes for row in report(size, given.rounds, given.only, given.by_hand)]
    print(f"More than {TARGET:.0%} of the peer's time, by hand {BY_HAND_TARGET:.0%}: {', '.join(slower) or 'none'}.")


if __name__ == "__main__":
    main()

"""One step of each rule: what does it cost, in time and memory, beside Optax's?

    python -m experiments.benchmarks.rules [--parameters 10000 1000000] [--leaves 2 20] [--rules Adam] [--rounds 15]

A step is the update and its addition to the parameters, one jitted program with parameters and state donated. Both
peers take turns in every round, each for several steps in a row, and the ratio is of the medians of their times.
Memory is what the compiled programs ask for: arguments, outputs that are no arguments, temporaries.
"""

import statistics
import time

import jax
import jax.numpy as jnp
import optax

from dlcore import optimizers
from experiments.common import options

PARAMETERS = (10**4, 10**5, 10**6, 10**7)
LEAVES = (2, 20, 200)
TARGET = 1.05  # of Optax's time
SPARE = 1024  # bytes of scalars that do not count as memory
PEERS = {
    "SGD": (optimizers.SGD(1e-3), optax.sgd(1e-3)),
    "Momentum": (optimizers.Momentum(1e-3, 0.9), optax.chain(optax.sgd(1e-3), optax.trace(0.9))),
    "SGDMomentum": (optimizers.SGDMomentum(1e-3, 0.9), optax.sgd(1e-3, 0.9)),
    "SGDNesterov": (optimizers.SGDNesterov(1e-3, 0.9), optax.sgd(1e-3, 0.9, nesterov=True)),
    "AdaGrad": (optimizers.AdaGrad(1e-3), optax.adagrad(1e-3)),
    "AdaDelta": (optimizers.AdaDelta(1.0), optax.adadelta(1.0)),
    "RMSProp": (optimizers.RMSProp(1e-3), optax.rmsprop(1e-3, eps_in_sqrt=False)),
    "CenteredRMSProp": (optimizers.CenteredRMSProp(1e-3), optax.rmsprop(1e-3, centered=True, eps_in_sqrt=False)),
    "Adam": (optimizers.Adam(1e-3), optax.adam(1e-3)),
    "AdamW": (optimizers.AdamW(1e-3, weight_decay=1e-4), optax.adamw(1e-3)),
    "NAdam": (optimizers.NAdam(1e-3), optax.nadam(1e-3)),
    "RAdam": (optimizers.RAdam(1e-3), optax.radam(1e-3)),
    "AMSGrad": (optimizers.AMSGrad(1e-3), optax.amsgrad(1e-3)),
    "AdaMax": (optimizers.AdaMax(1e-3), optax.adamax(1e-3)),
    "Lion": (optimizers.Lion(1e-3), optax.lion(1e-3, weight_decay=0.0)),
    "clipped SGD": (
        optimizers.chain(optimizers.ClipByGlobalNorm(1.0), optimizers.SGD(1e-3)),
        optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1e-3)),
    ),
}


class Step:
    """One optimizer's compiled step, with parameters and state of its own."""

    def __init__(self, optimizer, parameters, leaves):
        def step(params, state, grads):
            updates, state = optimizer.update(grads, state, params)
            return jax.tree.map(jnp.add, params, updates), state

        key = jax.random.key(0)
        params = [jax.random.normal(jax.random.fold_in(key, i), (parameters // leaves,)) for i in range(leaves)]
        self.carry = params, optimizer.init(params)
        self.grads = [jnp.sin(x) for x in params]
        self.step = jax.jit(step, donate_argnums=(0, 1)).lower(*self.carry, self.grads).compile()
        self.seconds = []

    def run(self, times):
        """The seconds of one of ``times`` steps in a row."""
        began = time.perf_counter()
        for _ in range(times):
            self.carry = self.step(*self.carry, self.grads)
        jax.block_until_ready(self.carry)
        return (time.perf_counter() - began) / times

    def memory(self):
        """The bytes that the program needs; 0 where the backend does not tell."""
        m = self.step.memory_analysis()
        if m is None:
            return 0
        return m.argument_size_in_bytes + m.output_size_in_bytes - m.alias_size_in_bytes + m.temp_size_in_bytes


def compare(name, parameters, leaves, rounds):
    """(milliseconds, ratio of times, bytes, bytes more than Optax's) of one rule."""
    ours, theirs = (Step(peer, parameters, leaves) for peer in PEERS[name])
    times = max(1, round(0.02 / max(ours.run(3), ours.run(3))))
    for _ in range(rounds):
        for peer in (ours, theirs):
            peer.seconds.append(peer.run(times))
    mine, other = statistics.median(ours.seconds), statistics.median(theirs.seconds)
    return 1e3 * mine, mine / other, ours.memory(), ours.memory() - theirs.memory()


def main():
    given = options(
        __doc__,
        parameters={"type": int, "nargs": "+", "default": PARAMETERS},
        leaves={"type": int, "nargs": "+", "default": LEAVES},
        rules={"nargs": "+", "default": list(PEERS), "choices": list(PEERS)},
        rounds={"type": int, "default": 15, "help": "turns of both peers"},
    )
    print(f"{jax.devices()[0].device_kind}, {len(jax.devices())} device(s), jax {jax.__version__}\n")
    print(f"{'rule':18}{'parameters':>12}{'leaves':>8}{'ms':>10}{'/ Optax':>9}{'MB':>9}{'- Optax, B':>12}")
    slow, large, ratios, summary = [], [], [], []
    for name in given.rules:
        of_rule = []
        for parameters in given.parameters:
            for leaves in given.leaves:
                ms, ratio, size, more = compare(name, parameters, leaves, given.rounds)
                ratios.append(ratio)
                of_rule.append((ratio, parameters, more))
                slow += [(name, parameters, leaves)] if ratio > TARGET else []
                large += [(name, parameters, leaves)] if more > SPARE else []
                print(f"{name:18}{parameters:12}{leaves:8}{ms:10.3f}{ratio:9.3f}{size / 1e6:9.2f}{more:12}", flush=True)
        of_most = [ratio for ratio, parameters, _ in of_rule if parameters == max(given.parameters)]
        times = [ratio for ratio, *_ in of_rule]
        medians = statistics.median(times), statistics.median(of_most), max(times)
        summary.append(f"{name:18}{''.join(f'{r:10.2f}' for r in medians)}{max(more for *_, more in of_rule):12}")
    print(f"\n{'times / Optax':18}{'median':>10}{'at most':>10}{'largest':>10}{'- Optax, B':>12}", *summary, sep="\n")
    print(f"\nmedian ratio of times {statistics.median(ratios):.3f}, largest {max(ratios):.3f}")
    print(f"above {TARGET} of Optax's time: {len(slow)} of {len(ratios)}; more memory than Optax: {len(large)}")


if __name__ == "__main__":
    main()

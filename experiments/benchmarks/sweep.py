"""64 trainings of one network: what does each cost, as rows of a sweep and in the loops that people write?

    python -m experiments.benchmarks.sweep [--trainings 64] [--rounds 3]

A 64-64-64-10 network on the digits, batches of 32, 30 epochs of Adam, each training with another learning rate. All
peers take turns in every round and the ratios are of their medians. Training and validation loss and accuracy are
evaluated after every epoch by all peers but scikit-learn, whose own loop does not offer it. Times are warm: what was
compiled before the first round is listed beside them.
"""

import itertools
import os
import statistics
import time
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import options

HIDDEN = (64, 64, 64)
EPOCHS = 30
BATCH_SIZE = 32
LEARNING_RATES = (1e-4, 1e-2)  # from, to: geometric
TARGETS = {"pytorch loop": 25, "scikit-learn": 12, "optax, jitted step": 4, "hand-written scan": 1 / 1.15}


def setup():
    from dlcore import Setup, losses, mlp

    return Setup(model=mlp((*HIDDEN, 10)), loss=losses.softmax_cross_entropy, epochs=EPOCHS, batch_size=BATCH_SIZE)


class Sweep:
    """All trainings as rows of one program, spread over the devices."""

    name = "dlcore sweep"

    def __init__(self, split, rates):
        self.split, self.rates = split, rates

    def __call__(self):
        from dlcore import grid, sweep

        study = sweep(setup(), grid({"optimizer.learning_rate": self.rates}), self.split, jax.random.key(0))
        return study.metric("accuracy").max(), len(self.rates)


class Fit:
    """One training in ``fit``."""

    name = "dlcore fit"

    def __init__(self, split, rates):
        self.split, self.rate = split, rates[len(rates) // 2]

    def __call__(self):
        from dlcore import fit
        from dlcore.optimizers import Adam
        from dlcore.tree.names import replace

        run = fit(replace(setup(), "optimizer", Adam(self.rate)), self.split, jax.random.key(0))
        return run.history.validation_metrics["accuracy"].max(), 1


def init(key):
    sizes = (64, *HIDDEN, 10)
    keys = jax.random.split(key, len(HIDDEN) + 1)
    return [
        {"w": jax.random.normal(k, (a, b)) * jnp.sqrt(2 / a), "b": jnp.zeros(b)}
        for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def forward(params, x):
    *hidden, last = params
    for layer in hidden:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return x @ last["w"] + last["b"]


def loss_and_accuracy(params, x, y):
    logits = forward(params, x)
    loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()
    return loss, (logits.argmax(1) == y).mean()


def batches(key, n):
    """As in the sweep: every example once an epoch, the last batch filled up and masked."""
    k = -(-n // BATCH_SIZE)
    places = jnp.arange(k * BATCH_SIZE)
    order = jax.random.permutation(key, n)[places % n]
    return order.reshape(k, -1), (places < n).reshape(k, -1)


def masked_loss(params, x, y, mask):
    each = -jnp.take_along_axis(jax.nn.log_softmax(forward(params, x)), y[:, None], 1)[:, 0]
    return jnp.where(mask, each, 0).sum() / mask.sum()


class Scan:
    """What an expert writes by hand for one training: a compiled scan with Optax."""

    name = "hand-written scan"

    def __init__(self, split, rates):
        import optax

        (x, y), (v, w) = jax.device_put((tuple(split.train), tuple(split.validation)))
        rule = optax.adam(rates[len(rates) // 2])

        def step(carry, batch):
            params, state = carry
            chosen, mask = batch
            loss, grads = jax.value_and_grad(masked_loss)(params, x[chosen], y[chosen], mask)
            updates, state = rule.update(grads, state)
            return (optax.apply_updates(params, updates), state), loss

        def epoch(carry, key):
            carry, losses = jax.lax.scan(step, carry, batches(key, len(x)))
            return carry, (losses.mean(), loss_and_accuracy(carry[0], x, y), loss_and_accuracy(carry[0], v, w))

        @jax.jit
        def run(key):
            params = init(key)
            return jax.lax.scan(epoch, (params, rule.init(params)), jax.random.split(key, EPOCHS))[1]

        self.run = run

    def __call__(self):
        _, _, (_, accuracy) = jax.block_until_ready(self.run(jax.random.key(0)))
        return accuracy.max(), 1


class OptaxLoop:
    """What most people write: a Python loop around a jitted step."""

    name = "optax, jitted step"

    def __init__(self, split, rates):
        import optax

        self.data = jax.device_put((tuple(split.train), tuple(split.validation)))
        self.rule = rule = optax.adam(rates[len(rates) // 2])

        @jax.jit
        def step(params, state, x, y, mask):
            loss, grads = jax.value_and_grad(masked_loss)(params, x, y, mask)
            updates, state = rule.update(grads, state)
            return optax.apply_updates(params, updates), state, loss

        self.step, self.evaluate = step, jax.jit(loss_and_accuracy)

    def __call__(self):
        x, y = (np.asarray(a) for a in self.data[0])
        params = init(jax.random.key(0))
        state, rng, best = self.rule.init(params), np.random.default_rng(0), 0.0
        padded = -(-len(x) // BATCH_SIZE) * BATCH_SIZE
        for _ in range(EPOCHS):
            order = np.resize(rng.permutation(len(x)), padded)
            for i in range(0, padded, BATCH_SIZE):
                chosen, mask = order[i : i + BATCH_SIZE], np.arange(i, i + BATCH_SIZE) < len(x)
                params, state, _ = self.step(params, state, x[chosen], y[chosen], mask)
            self.evaluate(params, *self.data[0])
            best = max(best, float(self.evaluate(params, *self.data[1])[1]))
        return best, 1


class ScikitLearn:
    """``MLPClassifier`` of the same size."""

    name = "scikit-learn"

    def __init__(self, split, rates):
        self.split, self.rate = split, rates[len(rates) // 2]

    def __call__(self):
        from sklearn.neural_network import MLPClassifier

        options: dict[str, Any] = {
            "batch_size": BATCH_SIZE,
            "max_iter": EPOCHS,
            "alpha": 0.0,
            "n_iter_no_change": EPOCHS,
        }
        model = MLPClassifier(HIDDEN, learning_rate_init=self.rate, random_state=0, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # thirty epochs are not convergence, and not meant to be
            model.fit(*self.split.train)
        return model.score(*self.split.validation), 1


class PyTorch:
    """The loop of PyTorch's tutorials, the batches cut from tensors in memory."""

    name = "pytorch loop"

    def __init__(self, split, rates):
        torch: Any = import_module("torch")  # no dependency: measured where it is installed
        self.torch = torch
        self.rate = rates[len(rates) // 2]
        self.data = [[torch.tensor(np.asarray(a)) for a in part] for part in (split.train, split.validation)]

    def __call__(self):
        torch, (x, y), (v, w) = self.torch, *self.data
        y, w = y.long(), w.long()
        torch.manual_seed(0)
        sizes = (64, *HIDDEN)
        hidden = [part for a, b in itertools.pairwise(sizes) for part in (torch.nn.Linear(a, b), torch.nn.ReLU())]
        model = torch.nn.Sequential(*hidden, torch.nn.Linear(sizes[-1], 10))
        optimizer = torch.optim.Adam(model.parameters(), self.rate)
        loss_of, best = torch.nn.CrossEntropyLoss(), 0.0
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(x)).split(BATCH_SIZE):
                optimizer.zero_grad()
                loss_of(model(x[chosen]), y[chosen]).backward()
                optimizer.step()
            with torch.no_grad():
                loss_of(model(x), y).item()
                best = max(best, (model(v).argmax(1) == w).float().mean().item())
        return best, 1


def peers():
    found = [Sweep, Fit, Scan]
    if find_spec("optax"):
        found.append(OptaxLoop)
    found.append(ScikitLearn)
    return [*found, PyTorch] if find_spec("torch") else found


def main():
    trainings = {"type": int, "default": 64, "help": "rows of the sweep"}
    given = options(__doc__, trainings=trainings, rounds={"type": int, "default": 3, "help": "turns of every peer"})
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)

    from dlcore import data

    split, _ = data.normalize(data.split(data.load("digits"), (0.8, 0.1, 0.1)))
    rates = np.geomspace(*LEARNING_RATES, given.trainings).tolist()
    running, first, seconds = [peer(split, rates) for peer in peers()], {}, {}
    for peer in running:
        began = time.perf_counter()
        _, n = peer()
        first[peer.name] = time.perf_counter() - began
        seconds[peer.name] = []
    for _ in range(given.rounds):
        for peer in running:
            began = time.perf_counter()
            accuracy, n = peer()
            seconds[peer.name].append((time.perf_counter() - began) / n)
            first.setdefault(f"{peer.name} accuracy", float(accuracy))
    report(first, {name: statistics.median(times) for name, times in seconds.items()}, given.trainings)


def report(first, median, trainings):
    from dlcore import runs

    machine = runs.environment()
    print(f"{trainings} trainings, {machine.processor}, {machine.cores} cores")
    ours = median[Sweep.name]
    print(f"{'':22}{'ms a training':>14}{'ratio':>8}{'target':>8}{'first call s':>14}{'best accuracy':>15}")
    for name, t in median.items():
        target = f"{TARGETS[name]:.2f}" if name in TARGETS else ""
        accuracy = first[f"{name} accuracy"]
        print(f"{name:22}{t * 1e3:14.1f}{t / ours:8.2f}{target:>8}{first[name]:14.1f}{accuracy:15.1%}")
    print(f"scan / fit: {median[Scan.name] / median[Fit.name]:.2f}")


if __name__ == "__main__":
    main()

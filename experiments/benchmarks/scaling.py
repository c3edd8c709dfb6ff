"""How does a study grow with its rows, devices and workers, what does it take, and what would it take elsewhere?

    python -m experiments.benchmarks.scaling [--only rows devices workers folder halving memory chips] [--rounds 3]

A 64-32-10 network on the digits, batches of 32, Adam. What is compared takes turns in one process, and ratios are of
medians; everything is compiled before the first round. The CPU is forced to be eight devices, whatever its cores. The
figures of chips are an estimate from the compiler's count of operations and bytes, and from data sheets.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import jax
import numpy as np

from dlcore import Setup, data, grid, losses, mlp, runs, sweep
from dlcore.tuning import Halving
from experiments.benchmarks.chips import estimates
from experiments.benchmarks.peaks import evaluations, peaks
from experiments.common import options, table

DEVICES = 8
SETUP = Setup(mlp((64, 32, 10)), losses.softmax_cross_entropy, epochs=10, batch_size=32)


def space(count):
    return grid({"optimizer.learning_rate": np.geomspace(1e-4, 3e-2, count).tolist()})


def key():
    return jax.random.key(0)


def in_turn(
    variants: dict[Any, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[Any, float], dict[Any, Any]]:
    """(the median seconds of each by the ``clock``, what each gave), after a first time for the compiler."""
    found, seconds = {name: run() for name, run in variants.items()}, {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            began = clock()
            run()
            seconds[name].append(clock() - began)
    return {name: statistics.median(times) for name, times in seconds.items()}, found


def rows(digits, rounds):
    """More of them, and more of them at once."""

    def one_device(count, width):
        return lambda: sweep(SETUP, space(count), digits, key(), width=width, devices=jax.devices()[:1])

    by_count, _ = in_turn({n: one_device(n, 8) for n in (8, 32, 128, 512)}, rounds)
    show("rows, 8 at once", {n: t / n for n, t in by_count.items()})
    by_width, _ = in_turn({width: one_device(64, width) for width in (1, 2, 8, 32)}, rounds)
    show("rows at once, of 64", {width: t / 64 for width, t in by_width.items()})


def devices(digits, rounds):
    """The same 64 rows on more devices; with as many cores as here they share them."""
    used = (1, 2, 4, 8)
    variants = {d: lambda d=d: sweep(SETUP, space(64), digits, key(), width=8, devices=jax.devices()[:d]) for d in used}
    show("devices, 64 rows", {d: t / 64 for d, t in in_turn(variants, rounds)[0].items()})


def workers(digits, rounds):
    """64 rows here, and by processes that have compiled them before."""
    with contextlib.ExitStack() as stack:
        pools = {n: stack.enter_context(ProcessPoolExecutor(n, multiprocessing.get_context("spawn"))) for n in (1, 2)}
        many: Any = {"setup": SETUP, "space": space(64), "data": digits, "key": key(), "width": 8}
        variants = {"here": lambda: sweep(**many, devices=jax.devices()[:1])}
        variants |= {n: lambda pool=pool: sweep(**many, executor=pool) for n, pool in pools.items()}
        seconds, found = in_turn(variants, rounds)
    show("workers, 64 rows", {name: t / 64 for name, t in seconds.items()})
    same = all(np.array_equal(study.loss, found["here"].loss) for study in found.values())
    print("the same losses, bit for bit" if same else "losses differ")


def folder(digits, rounds):
    """64 configurations with 4 seeds: what does it cost to keep calls and the winner?"""
    how: Any = {"seeds": 4, "devices": jax.devices()[:1]}

    def kept():
        with tempfile.TemporaryDirectory() as place:
            return sweep(SETUP, space(64), digits, key(), folder=os.path.join(place, "study"), **how)

    variants = {"nothing kept": lambda: sweep(SETUP, space(64), digits, key(), keep="none", **how)}
    variants |= {"winner kept": lambda: sweep(SETUP, space(64), digits, key(), **how), "winner and folder": kept}
    show("64 configurations x 4 seeds", {name: t / 256 for name, t in in_turn(variants, rounds)[0].items()})


def halving(digits, rounds):
    """The same choice in less time? By the processor's clock, which other work on the machine does not move much."""
    setup = dataclasses.replace(SETUP, epochs=27)
    how: Any = {"seeds": 4, "devices": jax.devices()[:1], "keep": "none"}
    variants = {
        "all to the end": lambda: sweep(setup, space(64), digits, key(), **how),
        "Halving(1, 1/3)": lambda: sweep(setup, space(64), digits, key(), halving=Halving(1, 1 / 3), **how),
        "Halving(3, 1/3)": lambda: sweep(setup, space(64), digits, key(), halving=Halving(3, 1 / 3), **how),
    }
    seconds, found = in_turn(variants, rounds, time.process_time)
    show("64 configurations x 4 seeds, 27 epochs, processor", {name: t / 256 for name, t in seconds.items()})
    whole = found["all to the end"]
    for name, study in found.items():
        tied = "within" if study.best in whole.one_standard_error else "not within"
        print(f"{name:18} chooses {study.best}, {tied} a standard error of the best of all, {whole.best}; ", end="")
        print(f"{np.minimum(study.reached, 27).mean() / 27:.0%} of the epochs, ", end="")
        print(f"{computed(study) / computed(whole):.0%} with the places that calls fill up")


def computed(study):
    """Epochs times places of all calls: rows, and those that fill a call up where it has room for more."""
    (plan,), last = study.plans, study.rungs[-1].kept if study.rungs else study.space
    alive = [*(len(rung.configurations) for rung in study.rungs), len(last)]
    epochs = np.diff([0, *(rung.epoch for rung in study.rungs), study.setup.epochs])
    calls = [plan.of([n] * len(study.streams)).calls for n in alive]
    return plan.width * np.dot(calls, epochs)


def memory(digits, rounds):
    """What the compiler says beside what the process took."""
    print(f"\n{table(peaks())}\n\n{table(evaluations())}", flush=True)


def chips(digits, rounds):
    """An estimate, no measurement."""
    print(f"\n{table(estimates())}", flush=True)


def show(title, seconds):
    """Milliseconds a training and how many times as quick as the first."""
    first = next(iter(seconds.values()))
    found = [{title: n, "ms a training": f"{1e3 * t:.2f}", "ratio": f"{first / t:.2f}"} for n, t in seconds.items()]
    print(f"\n{table(found)}", flush=True)


PARTS = {part.__name__: part for part in (rows, devices, workers, folder, halving, memory, chips)}


def main():
    only = {"nargs": "+", "choices": PARTS, "default": list(PARTS)}
    given = options(__doc__, only=only, rounds={"type": int, "default": 3, "help": "turns of everything"})
    jax.config.update("jax_num_cpu_devices", DEVICES)
    digits, _ = data.normalize(data.split(data.load("digits")))
    machine = runs.environment()
    print(f"{machine.processor}, {machine.cores} cores as {jax.device_count()} devices, jax {jax.__version__}")
    for name in given.only:
        PARTS[name](digits, given.rounds)


if __name__ == "__main__":
    sys.exit(main())

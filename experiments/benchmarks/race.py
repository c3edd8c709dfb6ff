"""Peers in turn in one run, and a row for each."""

import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import jax

from experiments.common import counted

PAUSE = 0.3  # seconds: the threads of a peer's BLAS go on spinning, at the cost of whoever comes next


def peer(name: str) -> Any:
    """The package, or None where it is not installed."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def race(title: str, peers: dict[str, Callable], quality: Callable, rounds: int) -> None:
    """Prints a row for each peer: compilation, fastest of the rounds, ratio to the first peer, and its ``quality``."""
    first, times, found = {}, {name: [] for name in peers}, {}
    for name, run in counted(title, peers.items(), "peer"):
        begin = time.perf_counter()
        found[name] = jax.block_until_ready(run())
        first[name] = time.perf_counter() - begin
    for _ in range(rounds):
        for name, run in peers.items():
            time.sleep(PAUSE)
            begin = time.perf_counter()
            jax.block_until_ready(run())
            times[name].append(time.perf_counter() - begin)
    fastest = {name: min(t) for name, t in times.items()}
    own = next(iter(fastest.values()))
    print(f"\n{title}\n{'':42}{'compile':>10}{'fastest':>12}{'ratio':>8}")
    for name, best in fastest.items():
        row = f"{name:42}{first[name] - best:>9.2f}s{1e3 * best:>10.2f}ms{best / own:>8.2f}"
        print(f"{row}  {quality(found[name])}", flush=True)

"""How many programs XLA has compiled: the promise that another number is never another program can be counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

_EVENT = "/jax/core/compile/backend_compile_duration"


class Compilations:
    """Programs compiled while counting, and the seconds that took."""

    def __init__(self):
        self.count = 0
        self.seconds = 0.0


_counting: list[Compilations] = []


def _listen(event: str, duration_secs: float, **_: Any) -> None:
    if event == _EVENT:
        for counter in _counting:
            counter.count += 1
            counter.seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


@contextmanager
def count_compilations() -> Iterator[Compilations]:
    """Count what is compiled in this process inside the ``with`` block; programs read from a cache count too."""
    counter = Compilations()
    _counting.append(counter)
    try:
        yield counter
    finally:
        _counting.remove(counter)

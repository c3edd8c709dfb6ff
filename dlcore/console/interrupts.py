"""Ctrl-C and SIGTERM that wait for a good moment: nothing is torn, nothing that was computed is lost.

Python raises an interrupt wherever it happens to be: in the middle of a file, or in a callback of the garbage
collector, where it is dropped. Here a signal is only noted, and ``check``, called between the steps of whatever lasts,
raises it. Whoever does not want to wait presses again, and the process ends on the spot.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

EXIT_CODE = 130  # of a process that was interrupted, by the shells' convention
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SAME_PRESS = 2.0  # seconds in which another signal says the same: a terminal and a parent may both send one


class _Noted:
    """When the first signal came; None as long as there was none, or where nobody asked to note it."""

    since: float | None = None
    active = False


def check() -> None:
    """Raise KeyboardInterrupt if a signal came since ``deferred`` began."""
    if _Noted.since is not None:
        raise KeyboardInterrupt


@contextlib.contextmanager
def deferred(last: bool = False) -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM wait for ``check``. Inside another such block, or a thread, nothing.

    After the ``last`` block of a process all is done: what comes while the interpreter is torn down is ignored.
    """
    if _Noted.active or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _note) for number in _SIGNALS}
    _Noted.since, _Noted.active = None, True
    try:
        yield
    finally:
        _Noted.since, _Noted.active = None, False
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if last else handler)


def _note(number: int, frame: Any) -> None:
    now = time.monotonic()
    if _Noted.since is None:
        _Noted.since = now
    elif now - _Noted.since > _SAME_PRESS:
        os._exit(EXIT_CODE)  # an interpreter that is torn down while XLA works may crash

"""Ctrl-C as a question: what runs is brought to an end that keeps what was learned."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C is remembered and the second raises KeyboardInterrupt; gives a function: was it asked?

    An exception could come at any moment, and is swallowed where the interpreter collects garbage. Outside the main
    thread, and where somebody else handles Ctrl-C, nothing is changed.
    """
    asked = []

    def remember(signum, _):
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)

    main = threading.current_thread() is threading.main_thread()
    usual = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(asked)
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)

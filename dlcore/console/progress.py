"""Progress of everything that lasts: a bar on a terminal, a few plain lines on a pipe or in a log file."""

import contextlib
import importlib.util
import io
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol, TextIO

from dlcore.console import interrupts

_LINES = 4  # on the way, between the first line and the last one
_QUIET = 1.0  # seconds between two lines: what is over at once needs no news on the way


class Progress(Protocol):
    """What ``bar`` gives: ``update(done)`` tells how much of the total is done by now."""

    def update(self, done: int, note: str = "") -> None:
        """Show that ``done`` (counted from the start, not from the last call) is reached."""
        ...


@contextlib.contextmanager
def bar(description: str, total: int, unit: str = "it", after: float = 0.0) -> Iterator[Progress]:
    """Progress of ``total`` steps on standard error while the block runs, and one line of how long it took.

    ``unit`` is the singular of what is counted ("epoch"). On a terminal the bar is replaced by that line; elsewhere
    there are at most six plain lines in all; what is over within ``after`` seconds is not told at all. A signal that
    was ``deferred`` is raised here and by ``update``.
    """
    interrupts.check()
    stream, begin = sys.stderr or io.StringIO(), time.monotonic()
    shown = (_Bar if _is_terminal(stream) else _Lines)(description, total, unit, stream, after)
    try:
        yield shown
    except BaseException as error:
        shown.close()
        word = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        if time.monotonic() - begin >= after:
            say(f"{description}: {word} at {shown.done} of {_count(total, unit)} after {_since(begin)}", stream)
        raise
    shown.close()
    if time.monotonic() - begin >= after:
        say(f"{description}: {_count(shown.done, unit)} in {_since(begin)}", stream)


def duration(seconds: float) -> str:
    """Seconds as a person says them: "32 µs", "1.5 ms", "0.4 s", "12 s", "3 min 5 s", "2 h 1 min"."""
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if 0 < seconds < 99.5 * size:
            return f"{seconds / size:.2g} {unit}"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, s = divmod(round(seconds), 60)
    return f"{minutes} min {s} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Bar:
    """A tqdm bar, wiped out when it is closed."""

    def __init__(self, description: str, total: int, unit: str, stream: TextIO, after: float):
        from tqdm import tqdm

        self.done = 0
        self._bar: Any = tqdm(
            total=total, desc=description, unit=f" {unit}", file=stream, leave=False, dynamic_ncols=True, delay=after
        )

    def update(self, done: int, note: str = "") -> None:
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self.done)
        self.done = done
        interrupts.check()

    def close(self) -> None:
        self._bar.close()


class _Lines:
    """A line at the start, then one whenever another fifth is done, but not in quick succession."""

    def __init__(self, description: str, total: int, unit: str, stream: TextIO, after: float):
        self.done = 0
        self._description, self._total, self._stream = description, total, stream
        self._begin = self._last = time.monotonic()
        self._part, self._after = 0, after
        if not after:
            say(f"{description}: {_count(total, unit)}", stream)

    def update(self, done: int, note: str = "") -> None:
        self.done = done
        interrupts.check()
        now, part = time.monotonic(), done * (_LINES + 1) // max(self._total, 1)
        if not self._part < part <= _LINES or now - self._last < max(_QUIET, self._after):
            return
        self._part, self._last = part, now
        left = (now - self._begin) * (self._total - done) / done
        text = f"{self._description}: {done / self._total:4.0%}, {duration(left)} left"
        say(f"{text}, {note}" if note else text, self._stream)

    def close(self) -> None:
        pass


def _count(n: int, unit: str) -> str:
    return f"{n} {unit}" if n == 1 or unit == "it" else f"{n} {unit}s"


def _is_terminal(stream: TextIO) -> bool:
    """Whether a bar can be drawn there again and again: on a terminal, and in a notebook."""
    if importlib.util.find_spec("tqdm") is None:
        return False
    if type(stream).__module__.startswith("ipykernel"):
        return True
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0  # containers have terminals without a size
    except (OSError, ValueError):  # consoles of editors call themselves terminals and have no descriptor
        return False


def _since(begin: float) -> str:
    return duration(time.monotonic() - begin)


def say(line: str, stream: TextIO | None) -> None:
    """Print ``line``, with ? for what the stream's encoding lacks; no stream at all is no error."""
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)

"""Progress on a pipe and on a real pseudo-terminal."""

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest

from dlcore.console import interrupts, progress
from dlcore.console.progress import duration
from dlcore.report import bar


class Console(io.StringIO):
    """Calls itself a terminal and has no descriptor, as consoles of editors do."""

    def isatty(self):
        return True

    def fileno(self):
        raise io.UnsupportedOperation("fileno")


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class TestProgress:
    def run(self, monkeypatch, clock, step, total=100, **options):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        with bar("Train", total, "epoch", **options) as b:
            for i in range(1, total + 1):
                clock[0] += step
                b.update(i, f"loss {1 / i:.2f}")
        return stream.getvalue().splitlines()

    def test_few_lines_on_a_pipe(self, monkeypatch, clock):
        lines = self.run(monkeypatch, clock, 0.5)
        assert lines[0] == "Train: 100 epochs"
        assert lines[1] == "Train:  20%, 40 s left, loss 0.05"
        assert lines[4] == "Train:  80%, 10 s left, loss 0.01"
        assert lines[5] == "Train: 100 epochs in 50 s"
        assert len(lines) == 6

    def test_what_is_over_at_once_says_nothing_on_the_way(self, monkeypatch, clock):
        assert self.run(monkeypatch, clock, 1e-3) == ["Train: 100 epochs", "Train: 100 epochs in 0.1 s"]

    def test_what_nobody_had_to_wait_for_is_not_told(self, monkeypatch, clock):
        assert self.run(monkeypatch, clock, 0.01, after=2.0) == []
        lines = self.run(monkeypatch, clock, 0.05, after=2.0)
        assert lines[0] == "Train:  41%, 2.9 s left, loss 0.02"
        assert lines[-1] == "Train: 100 epochs in 5.0 s"

    @pytest.mark.parametrize("total", [0, 1, 3, 1000])
    def test_never_more_than_six_lines(self, monkeypatch, clock, total):
        lines = self.run(monkeypatch, clock, 10.0, total)
        assert 2 <= len(lines) <= 6
        assert not any("\r" in line or "\x1b" in line for line in lines)

    @pytest.mark.parametrize(("error", "word"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")])
    def test_an_end_before_the_end(self, capsys, error, word):
        def work():
            with bar("Sweep", 8, "training") as b:
                b.update(3)
                raise error

        with pytest.raises(error):
            work()
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith(f"Sweep: {word} at 3 of 8 trainings after ")

    def test_a_bar_on_a_terminal(self):
        lines = self.on_terminal(columns=80)
        assert lines[-1].rstrip().rpartition("\r")[2].startswith("Train: 4 epochs in ")
        seen = "".join(lines)
        assert "\r" in seen
        assert "100%" in seen
        assert "loss 0.5" in seen

    def test_a_terminal_without_a_size_gets_lines(self):
        lines = self.on_terminal(columns=0)
        assert [line.partition(" in ")[0] for line in lines] == ["Train: 4 epochs", "Train: 4 epochs"]

    @pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO(), "ascii"), Console()])
    def test_any_stream_will_do(self, monkeypatch, stream):
        monkeypatch.setattr(sys, "stderr", stream)
        with bar("Größe", 2, "epoch") as b:
            b.update(2)
        if isinstance(stream, Console):
            told = [line.partition(" in ")[0] for line in stream.getvalue().splitlines()]
            assert told == ["Größe: 2 epochs", "Größe: 2 epochs"]

    def test_it_raises_what_was_deferred(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", io.StringIO())

        def work():
            with interrupts.deferred(), bar("Train", 2, "epoch") as b:
                signal.raise_signal(signal.SIGINT)
                b.update(1)

        with pytest.raises(KeyboardInterrupt):
            work()
        assert sys.stderr.getvalue().splitlines()[-1].startswith("Train: interrupted at 1 of 2 epochs")

    def on_terminal(self, columns):
        code = "import time\nfrom dlcore.console.progress import bar\nwith bar('Train', 4, 'epoch') as b:\n"
        code += "    for i in range(1, 5): time.sleep(0.15); b.update(i, 'loss 0.5')\n"
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        child = subprocess.Popen([sys.executable, "-c", code], stderr=slave, env={**os.environ, "TERM": "xterm"})
        os.close(slave)
        seen = b""
        while chunk := _read(master):
            seen += chunk
        os.close(master)
        assert child.wait() == 0
        return seen.decode().replace("\r\n", "\n").strip().split("\n")

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.0, "0.0 s"),
            (3.2e-5, "32 µs"),
            (0.0015, "1.5 ms"),
            (0.04, "40 ms"),
            (0.4, "0.4 s"),
            (9.96, "10 s"),
            (59.7, "1 min 0 s"),
            (185, "3 min 5 s"),
            (7260, "2 h 1 min"),
        ],
    )
    def test_durations(self, seconds, text):
        assert duration(seconds) == text


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux: the other side of the terminal is closed
        return b""

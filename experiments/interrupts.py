"""Is anything lost that was computed? Commands that are interrupted, ended or killed at random moments.

``python -m experiments.interrupts`` runs ``dlcore recipe``, ``fit`` and ``sweep`` on a small data set again and again,
with SIGINT, SIGTERM or SIGKILL at a moment drawn from the whole of a run, from the start of Python on. For every one it
prints the moment, the step in which it fell, the exit code, the seconds until the process was gone, and what was wrong:
a traceback, another exit code than 130, or a folder that is not readable. What was left is gone on with by ``dlcore
resume``, and has to end with the numbers of an unbroken run, bit for bit.
"""

import itertools
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from dlcore import report
from experiments.common import arguments, table

SEED, TIMES = 0, 60
UNITS = "model.layers[0].units=16"
COMMANDS = {
    "recipe": ["recipe", "wine", "--hidden", "16", "--epochs", "10", "--seeds", "2", "--weight-decays", "0", "1e-3"],
    "fit": ["fit", "wine", "--set", "epochs=1500", "stopping=None", UNITS],
    "sweep": ["sweep", "wine", "--grid", "optimizer.learning_rate=1e-3,1e-2,1e-1", "--set", "epochs=150", UNITS],
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
# the status of what is left, by the exit code: a signal may also come when all is done, before the process is gone
LEFT = {0: ("finished",), 130: ("interrupted", "finished"), -signal.SIGKILL: ("running", "finished")}


class Ended(NamedTuple):
    """How a process ended: its exit code, what it said, and the seconds that took, since the signal where one came."""

    code: int
    said: str
    seconds: float
    told: bool


def run(place: pathlib.Path, words: list[str], number: int = 0, after: float | None = None) -> Ended:
    """``dlcore`` in a process of its own, which gets the signal ``number`` ``after`` so many seconds."""
    environment = os.environ | {"XDG_CACHE_HOME": str(place / "cache")}
    command, began, told = [sys.executable, "-m", "dlcore", *words], time.monotonic(), False
    with (place / "said").open("w+") as said:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            began, told = time.monotonic(), True
            process.send_signal(number)
        code = process.wait()
        said.seek(0)
        return Ended(code, said.read(), time.monotonic() - began, told)


def interrupted(place: pathlib.Path, name: str, number: int, seconds: float, rng: random.Random) -> tuple[Ended, float]:
    """A command that got the signal within its ``seconds``, and after how many; one that was faster is run again."""
    while True:
        after = rng.uniform(0, seconds)
        ended = run(place, [*COMMANDS[name], "--out", "run"], number, after)
        if ended.told:
            return ended, after
        seconds = ended.seconds
        shutil.rmtree(place / "run")


def numbers(folder: pathlib.Path) -> list[Any]:
    """All that a run computed and keeps."""
    records = report.read(folder)
    curves = [] if records.training is None else [records.training.history]
    return jax.tree.leaves([*(sweep.study.loss for sweep in records.sweeps), *curves])


def wrong(folder: pathlib.Path, ended: Ended, number: int) -> str:
    """What is not as it should be of a process that was told to end, and of what it left; "" where all is."""
    if not folder.exists():
        early = ended.code == -number  # Python itself was still starting
        return "" if early or (ended.code == 130 and "Traceback" not in ended.said) else f"exit code {ended.code}"
    if ended.code not in LEFT or "Traceback" in ended.said:
        return f"exit code {ended.code}: {ended.said[-500:]}"
    try:
        status = report.read(folder).status.status
    except ValueError as error:
        return str(error)
    page = number == signal.SIGKILL or (folder / "report.html").is_file()
    return "" if page and status in LEFT[ended.code] else f"status {status}, exit code {ended.code}"


def again(place: pathlib.Path, expected: list[Any]) -> str:
    """What is not as it should be once the run has been gone on with; "" where it ends as the unbroken one."""
    if report.read(place / "run").status.status == "finished":
        return ""
    ended = run(place, ["resume", "run"])
    if ended.code and "did not begin" in ended.said:
        return ""  # nothing was asked for yet
    if ended.code:
        return f"resume: exit code {ended.code}: {ended.said[-500:]}"
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(numbers(place / "run"), expected, strict=True))
    return "" if same else "resume: other numbers"


def trials(place: pathlib.Path, times: int) -> Iterator[dict[str, str]]:
    """A row of the table for each of so many interrupts."""
    rng, unbroken = random.Random(SEED), {}
    for name, words in COMMANDS.items():
        run(place, [*words, "--out", f"warm-{name}"])  # its programs are in the cache from here on
        unbroken[name] = (run(place, [*words, "--out", name]).seconds, numbers(place / name))
    kinds = itertools.cycle(itertools.product(COMMANDS, SIGNALS))
    for (name, number), _ in zip(kinds, range(times), strict=False):
        (seconds, expected), folder = unbroken[name], place / "run"
        ended, after = interrupted(place, name, number, seconds, rng)
        bad, step = wrong(folder, ended, number), ""
        if folder.exists() and not bad:
            step, bad = report.read(folder).status.step, again(place, expected)
        shutil.rmtree(folder, ignore_errors=True)
        yield {
            "command": name, "signal": signal.Signals(number).name, "after": f"{after:.1f} s", "step": step,
            "exit code": str(ended.code), "gone within": f"{ended.seconds:.1f} s", "wrong": bad,
        }  # fmt: skip


def main() -> None:
    given = arguments(__doc__, times={"type": int, "default": TIMES, "help": "how many interrupts"})
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would others
    with tempfile.TemporaryDirectory() as place, report.bar("Interrupts", given.times, "interrupt") as progress:
        rows = []
        for row in trials(pathlib.Path(place), given.times):
            rows.append(row)
            progress.update(len(rows))
    print(table(rows))
    print(f"\n{sum(not row['wrong'] for row in rows)} of {len(rows)} lost nothing")


if __name__ == "__main__":
    main()

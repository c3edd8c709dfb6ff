"""Memory: what the compiler says that a program of rows takes, and what a process of its own then took."""

import json
import pathlib
import subprocess
import sys

import jax
import numpy as np

from dlcore import Setup, data, grid, losses
from dlcore.activations import relu
from dlcore.data import Split
from dlcore.layers import Conv, Dense, Flatten, MaxPool, sequential
from dlcore.training import Watch
from dlcore.tuning.programs import Program
from dlcore.tuning.rows import calls_of
from dlcore.tuning.search import Asked, How, laid
from dlcore.tuning.spaces import setups_of
from experiments.common import Row

WIDTHS, CHUNK, EXAMPLES = (2, 8, 32), 512, 1024
MANY = 4096  # examples that a person wants evaluated at once


def peaks() -> list[Row]:
    """A row for each width; every width in a process of its own."""
    command = [sys.executable, "-m", "experiments.benchmarks.peaks"]
    found = [json.loads(subprocess.check_output([*command, str(width)])) for width in WIDTHS]
    return [
        {
            "small convolutional net, rows at once": width,
            "predicted MB": f"{said / 1e6:.0f}",
            "measured MB": f"{took / 1e6:.0f}",
            "predicted / measured": f"{said / took:.2f}",
        }
        for width, (said, took) in zip(WIDTHS, found, strict=True)
    ]


def evaluations() -> list[Row]:
    """What the compiler says of programs whose setup evaluates many examples at once, by their rows."""
    found = {width: program(convolutional(MANY), images(2 * MANY), width) for width in (8, 64)}
    return [
        {f"Watch(chunk={MANY}), rows at once": width, "predicted GB": f"{made.bytes(*first) / 1e9:.2f}"}
        for width, (made, first) in found.items()
    ]


def convolutional(chunk: int = CHUNK) -> Setup:
    """Two convolutions of 8 and 16 channels."""
    model = sequential(Conv(8, 3), relu, MaxPool(), Conv(16, 3), relu, MaxPool(), Flatten(), Dense(10))
    return Setup(model, losses.softmax_cross_entropy, epochs=2, batch_size=32, watch=Watch(chunk=chunk))


def images(count: int) -> Split:
    """Random images of 28 x 28 pixels: memory does not depend on what they show."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(count, 28, 28, 1)).astype(np.float32), rng.integers(0, 10, count).astype(np.int32)
    return data.train_validation(x, y, 0.5)


def program(setup: Setup, examples: Split, width: int) -> tuple[Program, tuple]:
    """The program of ``width`` rows of a setup, and the arguments of its first call."""
    space = tuple(grid({"optimizer.learning_rate": np.geomspace(1e-4, 1e-3, width).tolist()}))
    asked, devices = Asked(setup, space, examples, jax.random.key(0)), tuple(jax.devices()[:1])
    known = laid(asked, setups_of(setup, space, examples), How(devices, width))
    found = Program(known.groups[0], known.data, devices)
    return found, found.begin(next(calls_of(known.groups[0])))


def main(width: int):
    """Beside what lies there before the call, its arguments among it, what it takes at its peak."""
    found, (places, state) = program(convolutional(), images(2 * EXAMPLES), width)
    parts = found.compiled(places, state).memory_analysis()
    predicted = parts.temp_size_in_bytes + parts.output_size_in_bytes - parts.alias_size_in_bytes
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the compiler
    before = _resident("VmRSS")
    jax.block_until_ready(found.advance(places, state, 0, 1))
    print(json.dumps((predicted, _resident("VmHWM") - before)))


def _resident(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Training on files that are read on the way, and in memory: what does it cost, and what does it save?

    python -m experiments.benchmarks.streaming [--hidden 128] [--copies 1] [--epochs 2] [--rounds 3]

A network with one hidden layer on MNIST, batches of 128, Adam, both parts evaluated after every epoch. The files have
the pixels as bytes, or as float32; all are normalized, before the training or, where they stay bytes in memory, by the
first layer, pixel by pixel as well. The ratio is that to the training in memory. Memory is the peak of what is no file,
in a process of its own, beyond what it has before it opens the data: programs and their compilation too. ``--copies``
repeats the examples: what is streamed takes as much of many as of few.
"""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import threading

import jax
import numpy as np

from experiments.benchmarks.race import race
from experiments.common import arguments

BATCH_SIZE = 128
STAY = "in memory, bytes, to the first layer"
KINDS = ("in memory, bytes", STAY, "streamed, bytes", "streamed, float32")
STATUS = pathlib.Path("/proc/self/status")


def write(folder, data_dir, copies):
    """The training part as .npy, pixels as bytes and as float32, and the others in one .npz."""
    from dlcore import data

    split = data.split(data.load("mnist", data_dir=data_dir), (0.8, 0.1, 0.1))
    whole = np.tile(split.train.x, (copies, 1))
    np.save(folder / "bytes.npy", whole)
    np.save(folder / "float32.npy", whole.astype(np.float32))
    np.save(folder / "y.npy", np.tile(split.train.y, copies))
    np.savez(folder / "validation.npz", x=split.validation.x, y=split.validation.y)
    return (folder / "bytes.npy").stat().st_size / 1e6, (folder / "float32.npy").stat().st_size / 1e6


def opened(kind, folder):
    """The split, its training part in memory or streamed, and the first layer: bytes that stay bytes need one."""
    from dlcore import data
    from dlcore.activations import identity

    where, of, *stay = kind.split(", ")
    files = (folder / f"{of}.npy", folder / "y.npy")
    train = data.stream(*files) if where == "streamed" else data.Examples(*map(np.load, files))
    validation = np.load(folder / "validation.npz")
    split = data.Split(train, data.Examples(validation["x"], validation["y"]))
    if stay:
        return split, data.fit_normalization(split.train.x)
    return data.normalize(split)[0], identity


def trained(given, split, first):
    from dlcore import Setup, fit, losses, sequential
    from dlcore.activations import relu
    from dlcore.layers import Dense

    model = sequential(first, Dense(given.hidden), relu, Dense(10))
    setup = Setup(model, losses.softmax_cross_entropy, epochs=given.epochs, batch_size=BATCH_SIZE)
    return fit(setup, split, jax.random.key(0)).history


def quality(history):
    loss = float(history.validation_loss[-1])
    return f"validation loss {loss!r}, accuracy {float(history.validation_metrics['accuracy'][-1]):.4f}"


def anonymous():
    """Megabytes of this process that are no file."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1e3


@contextlib.contextmanager
def peak():
    """A list whose last entry becomes the largest number of megabytes while the block runs, beyond those before."""
    before, seen, over = anonymous(), [0.0], threading.Event()

    def look():
        while not over.wait(0.002):
            seen.append(max(seen[-1], anonymous() - before))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def main():
    given = arguments(
        __doc__,
        data=True,
        hidden={"type": int, "default": 128, "help": "units of the hidden layer"},
        copies={"type": int, "default": 1, "help": "how often the training examples are there"},
        epochs={"type": int, "default": 2},
        rounds={"type": int, "default": 3, "help": "trainings of each, beyond the first"},
        peak={"help": "only the memory of this peer: its name and the folder of the files", "nargs": 2},
    )
    if given.peak:
        jax.block_until_ready(jax.random.key(0))
        with peak() as seen:
            trained(given, *opened(given.peak[0], pathlib.Path(given.peak[1])))
        print(seen[-1])
        return
    with tempfile.TemporaryDirectory() as name:
        measure(given, pathlib.Path(name))


def measure(given, folder):
    sizes = write(folder, given.data_dir, given.copies)
    splits = {kind: opened(kind, folder) for kind in KINDS}
    title = f"{len(splits[KINDS[0]][0].train.y)} examples, {given.epochs} epochs, {given.hidden} units"
    peers = {kind: lambda split=split: trained(given, *split) for kind, split in splits.items()}
    race(title, peers, quality, given.rounds)
    if not STATUS.exists():
        return
    print(f"\npeak of memory; the files have {sizes[0]:.0f} MB of bytes, {sizes[1]:.0f} MB of float32")
    words = [sys.executable, "-m", "experiments.benchmarks.streaming", "--hidden", str(given.hidden), "--epochs", "1"]
    for kind in KINDS:
        run = subprocess.run([*words, "--peak", kind, str(folder)], capture_output=True, text=True, check=True)
        print(f"{kind:42}{float(run.stdout.split()[-1]):>9.0f} MB", flush=True)


if __name__ == "__main__":
    main()

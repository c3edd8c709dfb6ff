"""An estimate of a study on a chip that is not here: the roofline of its steps, from the compiler's count.

A step takes the time of its operations at the chip's peak, or of its bytes at the peak of its memory, whichever is
longer. Both are counted in the program for this CPU, in which other operations are fused than on the chip, and no small
network reaches either peak: it says the order of magnitude and what the limit is.
"""

import math
from typing import Any, NamedTuple

from dlcore import Setup, losses, mlp
from dlcore.data import Examples, Split
from experiments.benchmarks.peaks import convolutional, images, program
from experiments.common import Row

ROWS, SEEDS, EXAMPLES, EPOCHS = 64, 4, 60000, 30  # a study on MNIST


class Chip(NamedTuple):
    """Peaks of a data sheet: operations and bytes a second, bytes of memory."""

    name: str
    operations: float
    bandwidth: float
    memory: float


CHIPS = (
    Chip("A100 80GB SXM, float32", 19.5e12, 2.039e12, 80e9),  # NVIDIA A100 Tensor Core GPU, data sheet
    Chip("H100 SXM, float32", 67e12, 3.35e12, 80e9),  # NVIDIA H100 Tensor Core GPU, data sheet
    Chip("TPU v5e, bfloat16", 197e12, 819e9, 16e9),  # Google Cloud, TPU v5e, system architecture
)


def estimates() -> list[Row]:
    """A row for each network and chip."""
    dense = Setup(mlp((256, 256, 10)), losses.softmax_cross_entropy, epochs=2, batch_size=32)
    nets = {"784-256-256-10": (dense, _flat(one_batch())), "small convolutional": (convolutional(32), one_batch())}
    return [row for name, (setup, batch) in nets.items() for row in _rows(name, setup, batch)]


def one_batch() -> Split:
    """Examples of one step an epoch, since the compiler counts the body of a loop once; both parts are evaluated."""
    return images(64)


def _flat(split):
    train, validation = (Examples(part.x.reshape(len(part.x), -1), part.y) for part in (split.train, split.validation))
    return Split(train, validation)


def _rows(name, setup, batch):
    found, first = program(setup, batch, 8)
    cost: Any = found.compiled(*first).cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    operations, moved = (cost[key] / 8 for key in ("flops", "bytes accessed"))
    row = (found.bytes(*first) - found.data_bytes) / 8
    steps = ROWS * SEEDS * EPOCHS * math.ceil(EXAMPLES / setup.batch_size)
    for chip in CHIPS:
        compute, memory = steps * operations / chip.operations, steps * moved / chip.bandwidth
        yield {
            f"{ROWS} x {SEEDS} trainings, {EPOCHS} epochs of {EXAMPLES}": f"{name}, {chip.name}",
            "Mflop a step": f"{operations / 1e6:.1f}",
            "MB a step": f"{moved / 1e6:.1f}",
            "rows in 70 %": f"{int(0.7 * chip.memory / row)}",
            "estimate s": f"{max(compute, memory):.0f}",
            "limit": "memory" if memory > compute else "operations",
        }

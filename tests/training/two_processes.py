"""One of two processes that train together: ``python -m tests.training.two_processes RANK PORT FOLDER``."""

import dataclasses
import sys

import jax
import numpy as np

from dlcore.training import Setup, checkpoints, fit
from tests import conftest as strict
from tests.problems import blobs, small_setup
from tests.processes import join


def problem() -> tuple[Setup, object, jax.Array]:
    """What is trained: batches of 15 for 4 devices."""
    return small_setup(batch_size=15), blobs(), jax.random.key(3)


def main(rank, port, folder):
    join(rank, port)
    setup, data, key = problem()
    checkpoints.save(f"{folder}/half", fit(dataclasses.replace(setup, epochs=2), data, key, devices="all"))
    run = fit(setup, data, key, resume=checkpoints.restore(f"{folder}/half", setup, data, key), devices="all")
    np.savez(f"{folder}/{rank}.npz", *jax.tree.leaves((run.params, run.predict(data.validation.x), run.history)))


if __name__ == "__main__":
    assert strict.free
    main(int(sys.argv[1]), *sys.argv[2:])

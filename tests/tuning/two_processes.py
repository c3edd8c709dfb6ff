"""One of two processes that make the same study: ``python -m tests.tuning.two_processes RANK PORT FOLDER``."""

import sys

import jax
import numpy as np
import pytest

from dlcore.tuning import Halving, Study, grid, sweep
from dlcore.tuning import processes as room
from tests import conftest as strict
from tests.problems import blobs, small_setup
from tests.processes import join

SPACE = grid({"optimizer.learning_rate": [1e-3, 1e-2, 1e-1, 1.0, 3e-1]})


def studies() -> list[Study]:
    """What is trained, on two devices: some calls for all and some that not every process has."""
    how = {"data": blobs(), "key": jax.random.key(3), "seeds": 3, "width": 2}
    whole = sweep(small_setup(epochs=4), SPACE, **how, devices=jax.local_devices()[:2])
    halved = sweep(small_setup(epochs=4), SPACE, **how, halving=Halving(1, 0.5), devices=jax.local_devices()[:2])
    return [whole, halved]


def numbers(study: Study) -> list[np.ndarray]:
    """All that was found, and what the winner predicts."""
    winner = study.winner
    assert winner is not None
    return [np.asarray(leaf) for leaf in jax.tree.leaves((study.rows, winner.params, winner.predict(blobs().train.x)))]


def refusals(rank, folder):
    """What several processes cannot do, said in one line by both."""
    setup, data, key = small_setup(epochs=2), blobs(), jax.random.key(0)
    with pytest.raises(ValueError, match=r"sweep: folder: needed one process, got 2 of them; try study\.save"):
        sweep(setup, SPACE, data, key, folder=f"{folder}/study")
    with pytest.raises(ValueError, match="sweep: devices: needed devices of this process, got some of 1 others"):
        sweep(setup, SPACE, data, key, devices=jax.devices())
    with pytest.raises(ValueError, match="needed the same study, on equally many devices, in every process"):
        sweep(setup, SPACE[: 2 + rank], data, key)
    with pytest.MonkeyPatch.context() as patch:
        if rank:
            patch.setattr(room, "run", None)  # its call fails
        with pytest.raises(TypeError if rank else RuntimeError, match="'NoneType' object is not callable"):
            sweep(setup, SPACE, data, key, width=1)


def main(rank, port, folder):
    join(rank, port)
    for i, study in enumerate(studies()):
        np.savez(f"{folder}/{rank}-{i}.npz", *numbers(study))
    refusals(rank, folder)


if __name__ == "__main__":
    assert strict.free
    main(int(sys.argv[1]), *sys.argv[2:])

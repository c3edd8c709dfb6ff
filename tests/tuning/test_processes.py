"""A study by several processes of jax.distributed."""

import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.tuning.two_processes import numbers, studies


@pytest.mark.slow
def test_two_processes_find_what_one_does_and_say_what_they_cannot(tmp_path):
    """Bit for bit, and both the whole of it. Skipped where CPUs cannot speak to each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [sys.executable, "-m", "tests.tuning.two_processes"]
    root = pathlib.Path(__file__).parents[2]
    started = [
        subprocess.Popen([*words, rank, port, str(tmp_path)], cwd=root, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    if any("aren't implemented on the CPU" in text for text in said):
        pytest.skip("this jaxlib has no collectives of CPUs")
    assert [process.returncode for process in started] == [0, 0], "\n".join(text[-2000:] for text in said)
    for i, study in enumerate(studies()):
        for rank in "01":
            with np.load(tmp_path / f"{rank}-{i}.npz") as found:
                for a, b in zip(found.values(), numbers(study), strict=True):
                    np.testing.assert_array_equal(a, b)

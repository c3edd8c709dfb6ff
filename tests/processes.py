"""Two processes of jax.distributed on this machine, for what several of them do together."""

import pathlib
import socket
import subprocess
import sys

import jax
import pytest


def run_two(module, folder):
    """``python -m module RANK PORT FOLDER`` twice, to the end; skips where CPUs cannot speak to each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [sys.executable, "-m", module]
    root = pathlib.Path(__file__).parents[1]
    started = [
        subprocess.Popen([*words, rank, port, str(folder)], cwd=root, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    if any("aren't implemented on the CPU" in text for text in said):
        pytest.skip("this jaxlib has no collectives of CPUs")
    assert [process.returncode for process in started] == [0, 0], "\n".join(text[-2000:] for text in said)


def join(rank, port):
    """Be one of the two, with two devices."""
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=rank)

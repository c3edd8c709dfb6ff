"""Optax's own test-suite passes with dlcore's functions standing in for Optax's."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent
SUITES = [
    "optax._src.alias_test",
    "optax.schedules._schedule_test",
    "optax.losses._classification_test",
    "optax.losses._regression_test",
    "optax.losses._segmentation_test",
]


@pytest.mark.slow
def test_optax_own_tests_pass_with_dlcore_standing_in(tmp_path):
    """In a process of its own, in 32 bit and with Optax's promotion; every stand-in is called."""
    calls = tmp_path / "calls.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "optax_suite.plugin", "-p", "no:cacheprovider"]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [*command, "--rootdir", tmp_path, "--calls", calls, "--pyargs", *SUITES],
        cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    summary = done.stdout.splitlines()[-1]
    assert int(re.search(r"(\d+) passed", summary).group(1)) >= 250, summary
    assert 0 not in json.loads(calls.read_text()).values()

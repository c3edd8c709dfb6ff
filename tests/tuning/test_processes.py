"""A study by several processes of jax.distributed."""

import numpy as np
import pytest

from tests.processes import run_two
from tests.tuning.two_processes import numbers, studies


@pytest.mark.slow
def test_two_processes_find_what_one_does_and_say_what_they_cannot(tmp_path):
    """Bit for bit, and both the whole of it. Skipped where CPUs cannot speak to each other."""
    run_two("tests.tuning.two_processes", tmp_path)
    for i, study in enumerate(studies()):
        for rank in "01":
            with np.load(tmp_path / f"{rank}-{i}.npz") as found:
                for a, b in zip(found.values(), numbers(study), strict=True):
                    np.testing.assert_array_equal(a, b)

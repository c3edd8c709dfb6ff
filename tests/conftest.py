"""Strict arithmetic for every test: 64 bit, no silent promotion of dtypes or ranks."""

import os
import pathlib

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(scope="module")
def quick_compilation():
    """For files that wait for the compiler most of the time, and whose answers do not depend on how well it works.

    What counts ulp is compiled as users have it.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def data_dir():
    """The folder of optional data; a test that needs it is skipped where it is not given."""
    path = os.environ.get("DLCORE_DATA")
    if not path or not pathlib.Path(path).is_dir():
        pytest.skip("DLCORE_DATA does not name a folder of data")
    return pathlib.Path(path)

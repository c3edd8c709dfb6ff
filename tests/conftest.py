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


@pytest.fixture
def data_dir():
    """The folder of optional data; a test that needs it is skipped where it is not given."""
    path = os.environ.get("DLCORE_DATA")
    if not path or not pathlib.Path(path).is_dir():
        pytest.skip("DLCORE_DATA does not name a folder of data")
    return pathlib.Path(path)

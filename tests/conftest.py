"""Strict arithmetic for every test: 64 bit, no silent promotion of dtypes or ranks."""

import ctypes
import gc
import os
import pathlib

import jax
import pytest

jax.config.update("jax_platforms", os.environ.get("DLCORE_TEST_PLATFORMS", "cpu"))
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)


# glibc keeps the pages of what is freed; other C libraries have no such function
give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)


MOST = 1.5e9  # bytes that a process of the tests may keep between two of them


def free():
    """Forget compiled programs: the mappings of thousands of them are more than a process may have."""
    jax.clear_caches()
    gc.collect()
    give_back(0)


def resident():
    """Bytes of memory that this process has, where the system says so; else 0."""
    try:
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@pytest.fixture(scope="module", autouse=True)
def own_programs():
    yield
    free()


@pytest.fixture(autouse=True)
def little_memory():
    yield
    if resident() > MOST:
        free()


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

"""Strict arithmetic for every test: 64 bit, no silent promotion of dtypes or ranks."""

import ctypes
import gc
import os
import pathlib

import jax
import pytest
from jax._src import compiler

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


# Options of XLA's CPU compiler that cost a program of the tests half of its compilation and gain it nothing
LEFT_OUT = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}


def understood(name, value):
    """Does the XLA of this jax have the option?"""
    try:
        jax.jit(lambda x: x).lower(1.0).compile(compiler_options={name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True


@pytest.fixture(scope="session")
def left_out():
    return [(name, value) for name, value in LEFT_OUT.items() if understood(name, value)]


@pytest.fixture(scope="module", autouse=True)
def compilation(request, left_out):
    """Tests wait for the compiler most of the time, and few answers depend on how well it works: it does the least.

    Here and in the processes that a test starts. Files marked ``optimized``, which count units in the last place, are
    compiled as users have it.
    """
    if request.node.get_closest_marker("optimized"):
        yield
        return
    made = compiler.get_compile_options

    def with_less(*args, **more):
        options = made(*args, **more)
        options.env_option_overrides = [*options.env_option_overrides, *left_out]
        return options

    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", with_less)  # jax has no setting of them for a whole process
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        patch.setenv("XLA_FLAGS", " ".join(f"--{name}={str(value).lower()}" for name, value in left_out))
        yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def data_dir():
    """The folder of optional data; a test that needs it is skipped where it is not given."""
    path = os.environ.get("DLCORE_DATA")
    if not path or not pathlib.Path(path).is_dir():
        pytest.skip("DLCORE_DATA does not name a folder of data")
    return pathlib.Path(path)

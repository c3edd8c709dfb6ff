"""Commands that run in the process of the tests find JAX started: they would give it other devices."""

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache


@pytest.fixture(scope="session", autouse=True)
def started():
    return jax.devices()


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A folder that all processes of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if own.name.startswith("popen-") else own) / "programs"


@pytest.fixture(scope="module", autouse=True)
def compiled_once(programs, compilation):
    """Dozens of commands train one structure: here and in processes of their own they find what one has compiled."""
    settings = {
        "jax_compilation_cache_dir": str(programs),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name.upper(), str(value))
        keep_in(settings)
        yield
    keep_in(before)


def keep_in(settings):
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # it looks once where to keep them

"""Compiled programs that outlive their process: the second run of a structure compiles nothing."""

import contextlib
import os
import sys
from pathlib import Path


def use_cache() -> None:
    """Keep what XLA compiles in the cache folder of the user; the environment may say where. Nothing depends on it."""
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    folder = folder_of_cache()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def folder_of_cache() -> Path:
    """Where compiled programs are kept."""
    return Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or _base() / "dlcore" / "xla")


def _base() -> Path:
    """Where this system keeps caches."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")

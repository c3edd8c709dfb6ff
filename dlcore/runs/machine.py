"""What a run depends on besides its setup: versions, devices, precision, machine, revision."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

import jax

import dlcore
from dlcore.runs.folder import utc_now
from dlcore.runs.records import EnvironmentRecord

_PACKAGES = ("jax", "jaxlib", "numpy", "optax", "flax")


def environment() -> EnvironmentRecord:
    """Versions, devices, precision, machine, git revision of the working folder and the time."""
    devices = jax.devices()
    flags: Any = jax.config
    revision = _git("rev-parse", "HEAD")
    return EnvironmentRecord(
        time=utc_now(),
        versions={"python": platform.python_version(), **_versions()},
        platform=devices[0].platform,
        device=devices[0].device_kind,
        devices=len(devices),
        x64=bool(flags.jax_enable_x64),
        matmul=flags.jax_default_matmul_precision or "default",
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
        memory=_memory(),
        revision=revision,
        changed=bool(revision and _git("status", "--porcelain", "--untracked-files=no")),
    )


def _versions() -> dict[str, str]:
    found = {"dlcore": dlcore.__version__}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str | None:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or None


def _memory() -> int | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None

"""How much memory a device has free, and how many rows of a program go into it."""

import os
import pathlib
from typing import Any

SHARE = 0.7  # of what is free: the rest is for what others begin, and for what the compiler does not count
_GROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def free_memory(devices: Any) -> int | None:
    """Bytes that the fullest of ``devices`` has free, of a CPU its share of the machine's; None where nobody says."""
    said = [device.memory_stats() for device in devices]
    if all(stats and "bytes_limit" in stats for stats in said):
        return min(stats["bytes_limit"] - stats["bytes_in_use"] for stats in said)
    if any(device.platform != "cpu" for device in devices):
        return None
    free = [bytes_ for bytes_ in (_available(), *map(_left, _GROUPS)) if bytes_ is not None]
    return min(free) // len(devices) if free else None


def fitting(width: int, taken: int, fixed: int, free: int | None) -> int:
    """The most rows that go into ``SHARE`` of ``free`` bytes, one at least, at most ``width``, of which ``taken`` are.

    ``fixed`` bytes of them are there once, whatever the width.
    """
    if free is None or taken <= SHARE * free:
        return width
    row = (taken - fixed) / width
    return max(1, min(width - 1, int((SHARE * free - fixed) / row)))


def out_of_memory(error: BaseException) -> bool:
    """Whether a device had no more memory."""
    return "RESOURCE_EXHAUSTED" in str(error) or isinstance(error, MemoryError)


def _available(path: str = "/proc/meminfo") -> int | None:
    """What the system says could be had without swapping; of one that does not say so, all its pages."""
    said = _read(path)
    if "MemAvailable:" in said:
        return 1024 * said["MemAvailable:"]
    known = getattr(os, "sysconf_names", {})
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_PHYS_PAGES" in known else None


def _left(files: tuple[str, str], root: str = "/sys/fs/cgroup") -> int | None:
    """What the group of processes, a container, may still take; None without a limit."""
    try:
        limit, used = (int(pathlib.Path(root, file).read_text()) for file in files)
    except (OSError, ValueError):  # "max": no limit
        return None
    files_read = _read(pathlib.Path(root, files[1]).with_name("memory.stat"))  # counted as used, and given back
    return max(0, limit - used + files_read.get("total_inactive_file", files_read.get("inactive_file", 0)))


def _read(path: str | pathlib.Path) -> dict[str, int]:
    """The first number of every line of a file of the system, by the word before it; nothing where there is none."""
    try:
        words = [line.split() for line in pathlib.Path(path).read_text().splitlines()]
    except OSError:
        return {}
    return {name: int(number) for name, number, *_ in words if number.isdigit()}

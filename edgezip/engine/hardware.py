"""What this process may use of the machine: processors, memory, threads.

A container sees all of its host's processors and memory and may use a part of them. The limits are
those of its control group and of the groups above it (version 1 and 2), of the affinity mask and of
the process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

_CPUS = Path("sys/devices/system/cpu")
_ROOT = Path("/")
ASSUMED_MEMORY = 4 << 30
"""Bytes assumed where the system does not tell."""
# Version 1 says "no limit" with the largest multiple of a page.
_NO_LIMIT = 1 << 60


def usable_cores(root: Path = _ROOT) -> int:
    """Return how many threads can compute at the same time, at least 1.

    The physical cores of the affinity mask: two threads of one core share its multipliers, and a
    waiting thread slows the working one. Not more than the group's quota of processor time,
    rounded: the threads above it would be stopped together with the others, again and again.
    """
    cores = _physical_cores(root)
    quotas = [round(quota) for quota in _quotas(root)]
    return max(1, min([cores, *quotas]))


def _physical_cores(root: Path) -> int:
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:
        return os.cpu_count() or 1
    # Where the topology is unknown every logical processor counts.
    return len(
        {_text(root / _CPUS / f"cpu{i}/topology/thread_siblings_list") or i for i in allowed}
    )


def usable_memory(root: Path = _ROOT) -> int:
    """Return the bytes that this process may have at most: of the machine, its group, its limit."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        machine = ASSUMED_MEMORY
    return min([machine, *_memory_limits(root), *_address_space()])


def _address_space() -> list[int]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if soft == resource.RLIM_INFINITY else [soft]


def startable_threads(wanted: int) -> int:
    """Return how many threads can be started beside this one, at most `wanted`.

    They are started, as nothing else tells: limits of the user, of the group and of memory count.
    """
    gate = threading.Event()
    started = []
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=gate.wait, name="edgezip-trial", daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:  # "can't start new thread"
        pass
    finally:
        gate.set()
        for thread in started:
            thread.join()
    return len(started)


def _quotas(root: Path) -> Iterator[float]:
    """Processors' worth of time, of every group that has such a limit."""
    for folder in _groups(root, "cpu"):
        parts = _text(folder / "cpu.max").split()
        if not parts:
            quota = _text(folder / "cpu.cfs_quota_us")
            parts = [quota, _text(folder / "cpu.cfs_period_us")]
        numbers = [int(part) for part in parts if part.isdigit()]
        if len(numbers) == 2 and all(numbers):
            yield numbers[0] / numbers[1]


def _memory_limits(root: Path) -> Iterator[int]:
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            text = _text(folder / name)
            if text.isdigit() and 0 < int(text) < _NO_LIMIT:
                yield int(text)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it, of each hierarchy that may limit
    `controller`."""
    mounts = list(_mounts(root))
    for line in _text(root / "proc/self/cgroup").splitlines():
        fields = line.split(":", 2)
        controllers, path = fields[1:] if len(fields) == 3 else ("none", "")
        if controllers and controller not in controllers.split(","):
            continue
        for mounted, point, options in mounts:
            if (controller in options) if controllers else (options == ["cgroup2"]):
                yield from _upwards(root / point.lstrip("/"), _below(path, mounted))


def _mounts(root: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Mounted groups: the group that is mounted, where, and its controllers or `cgroup2`."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        yield fields[3], fields[4], kind[2].split(",") if kind[0] == "cgroup" else ["cgroup2"]


def _below(path: str, mounted: str) -> Path:
    """A group's path below the one that is mounted; what lies outside cannot be seen."""
    if mounted != "/" and (path + "/").startswith(mounted.rstrip("/") + "/"):
        path = path[len(mounted) :]
    return Path(*(part for part in path.split("/") if part not in ("", ".", "..")))


def _upwards(point: Path, group: Path) -> Iterator[Path]:
    yield point / group
    for above in group.parents:
        if group.parts:
            yield point / above


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""

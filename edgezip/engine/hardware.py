"""How many threads to use."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def physical_cores() -> int:
    """Return the number of physical cores this process may use, at least 1.

    Two threads of one core share its multipliers, and a waiting thread slows the working one. Where
    the topology is unknown (outside Linux) every logical processor counts.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:
        return max(1, os.cpu_count() or 1)
    cores = {_core_of(cpu) for cpu in allowed}
    return max(1, len(cores))


def _core_of(cpu: int) -> str:
    try:
        text = (_TOPOLOGY / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return f"cpu {cpu}"
    return text.strip()

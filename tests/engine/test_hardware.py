"""Processors, memory and threads are those that the container and the limits leave."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgezip.engine import Engine, hardware

V2 = "30 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU = "31 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "32 25 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root folder of a machine with eight processors, all of them allowed."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def groups(root: Path, mounts: str, group: str, **files: str) -> None:
    put(root, "proc/self/mountinfo", mounts)
    put(root, "proc/self/cgroup", group)
    for name, text in files.items():
        put(root, f"sys/fs/cgroup/{name.replace('__', '/').replace('_dot_', '.')}", text)


def test_without_groups_all_cores_count(machine: Path) -> None:
    assert hardware.usable_cores(machine) == 8
    for cpu in range(8):
        name = f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        put(machine, name, f"{cpu // 2 * 2},{cpu // 2 * 2 + 1}")
    assert hardware.usable_cores(machine) == 4
    assert hardware.usable_memory(machine) > 0


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("100000 100000", 1),
        ("200000 100000", 2),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("260000 100000", 3),
        ("1600000 100000", 8),
        ("0 0", 8),
        ("nonsense", 8),
    ],
)
def test_quota_of_version_2(machine: Path, quota: str, cores: int) -> None:
    groups(machine, V2, "0::/", cpu_dot_max=quota)
    assert hardware.usable_cores(machine) == cores


def test_the_groups_above_count_too(machine: Path) -> None:
    groups(
        machine,
        V2,
        "0::/system.slice/job",
        system_dot_slice__job__cpu_dot_max="max 100000",
        system_dot_slice__job__memory_dot_max="max",
        system_dot_slice__cpu_dot_max="300000 100000",
        system_dot_slice__memory_dot_high=str(1 << 30),
        system_dot_slice__memory_dot_max=str(2 << 30),
    )
    assert hardware.usable_cores(machine) == 3
    assert hardware.usable_memory(machine) == 1 << 30


def test_quota_of_version_1(machine: Path) -> None:
    """Two hierarchies; of one the group itself is mounted, as Docker does."""
    groups(
        machine,
        V1_CPU + "\n" + V1_MEMORY,
        "5:cpuset:/x\n4:cpu,cpuacct:/job\n3:memory:/docker/abc\n1:name=systemd:/y",
        **{
            "cpu,cpuacct__job__cpu_dot_cfs_quota_us": "150000",
            "cpu,cpuacct__job__cpu_dot_cfs_period_us": "100000",
            "cpu,cpuacct__cpu_dot_cfs_quota_us": "-1",
            "cpu,cpuacct__cpu_dot_cfs_period_us": "100000",
            "memory__memory_dot_limit_in_bytes": str(3 << 29),
        },
    )
    assert hardware.usable_cores(machine) == 2
    assert hardware.usable_memory(machine) == 3 << 29
    put(machine, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    assert hardware.usable_memory(machine) == hardware.usable_memory(machine / "nothing")


def test_a_group_outside_of_what_is_mounted(machine: Path) -> None:
    """A container with a namespace of its own may name groups above its root."""
    groups(machine, V2, "0::/../../host", host__cpu_dot_max="100000 100000")
    assert hardware.usable_cores(machine) == 1
    groups(machine, "nonsense - \n\n", "nonsense\n\n")
    assert hardware.usable_cores(machine) == 8


def test_the_limit_of_the_process_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1 << 30, 1 << 31))
    assert hardware.usable_memory(machine) == 1 << 30


@pytest.mark.parametrize(("possible", "threads"), [(0, 1), (3, 1), (4, 2), (7, 3), (8, 4)])
def test_as_many_threads_as_can_be_started(
    possible: int, threads: int, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp would abort the process. Beside its team, every session of a small model has a
    thread, and the coder one."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if len(started) == possible:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with Engine.load(stories_model, threads=4) as engine:
        assert engine.threads == threads
    assert not any(thread.is_alive() for thread in started)


def test_there_is_a_bound_to_threads(stories_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-T 100000 would start as many to see whether they can be, and llama.cpp would abort."""
    asked: list[int] = []

    def startable(wanted: int) -> int:
        asked.append(wanted)
        return wanted

    monkeypatch.setattr("edgezip.engine.engine.startable_threads", startable)
    with Engine.load(stories_model, threads=100_000) as engine:
        assert engine.threads == 256
    assert max(asked) < 300

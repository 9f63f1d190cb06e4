"""Many files in one call."""

from __future__ import annotations

import errno
import inspect
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edgezip.cli import batch
from edgezip.cli.bar import Bar
from edgezip.cli.console import Console
from edgezip.cli.progress import overall_bar, progress_bar


@pytest.fixture
def logs(cli: Any) -> list[str]:
    """Names of files in two folders."""
    names = [f"logs/{day}/{host}.log" for day in "ab" for host in "xyz"]
    for number, name in enumerate(names):
        (cli.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (cli.directory / name).write_bytes(b"entry %d of a log\n" % number * 50)
        os.utime(name, (0, 1000 + number))
    return names


def test_several_at_once_below_another_folder_and_back(cli: Any, logs: list[str]) -> None:
    done = cli.pack("--json", "--jobs", "3", "--output-dir-mirror", "out/packed", *logs)
    assert done.code == 0
    *rows, total = done.json
    assert {row["file"] for row in rows} == set(logs)
    raw = sum(os.path.getsize(name) for name in logs)
    assert (total["file"], total["files"], total["failed"]) == (None, 6, 0)
    assert total["raw_size"] == raw
    assert total["packed_size"] == sum(os.path.getsize(f"out/packed/{name}.ez") for name in logs)
    os.chdir("out/packed")
    assert cli("unpack", "-r", "logs", "--jobs", "2", "--output-dir-mirror", "../back").code == 0
    assert cli("test", "--jobs", "2", *(f"{name}.ez" for name in logs)).code == 0
    os.chdir("../..")
    for name in logs:
        assert Path("out/back", name).read_bytes() == Path(name).read_bytes()


def test_what_is_done_is_skipped(cli: Any, logs: list[str]) -> None:
    assert cli.pack(*logs[:2]).code == 0
    Path(logs[1]).write_bytes(b"changed meanwhile")
    done = cli.pack("--resume", "--json", "-r", "logs")
    *rows, total = done.json
    assert done.code == 1
    assert [row["file"] for row in rows if row.get("skipped")] == [logs[0]]
    assert [row["file"] for row in rows if "error" in row] == [logs[1]]
    assert (total["skipped"], total["failed"]) == (1, 1)
    again = cli.pack("--resume", "-f", "-v", *logs)
    assert again.code == 0
    assert again.err.count("done before") == 6  # five files, and in the total
    assert "6 files: " in again.err.splitlines()[-1]


def test_what_is_done_has_the_very_time_and_size(cli: Any, notes: Path) -> None:
    stale = ("exists already",)
    time = 1_000_000_001_000_000_500  # an odd second and a fraction
    for content in (b"", b"short", os.urandom(3 << 20), notes.read_bytes()):
        notes.write_bytes(content)
        os.utime(notes, ns=(0, time))
        assert cli.pack("-f", "notes.txt").code == 0
        assert "done before" in cli.pack("--resume", "-v", "notes.txt").err
        assert "done before" in cli("unpack", "--resume", "-v", "notes.txt.ez").err
    for other in (time + 1, time - 10**9):
        os.utime(notes, ns=(0, other))
        cli.pack("--resume", "notes.txt").failed(1, *stale)
        cli("unpack", "--resume", "notes.txt.ez").failed(1, *stale)
    # As on FAT: whole even seconds.
    os.utime("notes.txt.ez", ns=(0, 1_000_000_000 * 10**9))
    os.utime(notes, ns=(0, time))
    assert "done before" in cli.pack("--resume", "-v", "notes.txt").err
    os.utime(notes, ns=(0, time + 10**9))
    cli.pack("--resume", "notes.txt").failed(1, *stale)
    # Another size at the same time.
    packed = Path("notes.txt.ez").read_bytes()
    for size in (notes.stat().st_size - 1, notes.stat().st_size + 1):
        notes.write_bytes(bytes(size))
        os.utime(notes, ns=(0, time))
        os.utime("notes.txt.ez", ns=(0, time))
        cli.pack("--resume", "notes.txt").failed(1, *stale)
        cli("unpack", "--resume", "notes.txt.ez").failed(1, *stale)
    Path("notes.txt.ez").write_bytes(packed[:-1])
    os.utime("notes.txt.ez", ns=(0, time))
    cli.pack("--resume", "notes.txt").failed(1, *stale)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
def test_what_cannot_be_read_in_folders_is_told(
    cli: Any, logs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refused(path: Any) -> Any:
        if os.fspath(path) == "logs/a":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    os.symlink("nowhere", "logs/b/link")
    os.mkfifo("logs/b/fifo")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        done = cli.pack("-r", "--json", "logs")
    assert done.code == 1
    *rows, total = done.json
    assert [row["file"] for row in rows if "error" not in row] == logs[3:]
    assert (total["files"], total["failed"]) == (6, 3)
    assert sorted(done.err.splitlines()) == [
        "edgezip: logs/a: Permission denied",
        "edgezip: logs/b/fifo: is neither a file nor a folder nor a link; it is left out",
        "edgezip: logs/b/link: No such file or directory",
    ]
    os.symlink("nowhere", "logs/b/link.ez")
    cli("unpack", "-f", "-r", "logs").failed(1, "logs/b/link.ez", "No such file")
    os.makedirs("few")
    os.mkfifo("few/fifo")
    cli.pack("-r", "few").failed(1, "few/fifo", "left out")


def test_folders_that_have_changed_are_not_skipped(cli: Any, logs: list[str]) -> None:
    os.link(logs[0], "logs/link")
    assert cli.pack("logs").code == 0
    assert cli.pack("--resume", "-v", "logs").err.count("done before") == 1
    Path("logs/new").write_bytes(b"new")
    os.utime("logs", ns=(0, 0))
    cli.pack("--resume", "logs").failed(1, "exists already")
    assert cli.pack("--resume", "-f", "logs").code == 0
    assert b"logs/new" in cli("list", "logs.tar.ez").out
    assert cli.pack("--resume", "-v", "./logs/").err.count("done before") == 1
    status = os.stat("logs/new")
    Path("logs/new").write_bytes(b"old")
    cli.pack("--resume", "logs").failed(1, "exists already")
    os.utime("logs/new", ns=(0, status.st_mtime_ns))
    os.chmod("logs/new", 0o600)
    cli.pack("--resume", "logs").failed(1, "exists already")
    Path("logs.tar.ez").write_bytes(b"damaged")
    cli.pack("--resume", "logs").failed(1, "exists already")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
def test_what_an_archive_lacks_is_told_again(cli: Any, logs: list[str]) -> None:
    os.mkfifo("logs/fifo")
    cli.pack("logs").failed(1, "logs/fifo", "left out")
    before = os.stat("logs.tar.ez")
    cli.pack("--resume", "logs").failed(1, "logs/fifo", "left out")
    assert "done before" in cli.pack("--resume", "-v", "logs").err
    again = cli.pack("--resume", "--json", "-f", "logs", "logs/b")  # logs/b.tar.ez is new there
    assert again.code == 1
    assert [row.get("skipped", False) for row in again.json[:2]] == [True, False]
    assert os.stat("logs.tar.ez").st_ino == before.st_ino
    # With something new beside it, it is told once, by packing.
    cli.pack("--resume", "-f", "logs").failed(1, "logs/fifo", "left out")
    assert os.stat("logs.tar.ez").st_ino != before.st_ino


def test_a_failure_stops_no_other(cli: Any, logs: list[str]) -> None:
    done = cli.pack("--jobs", "4", "nothing", *logs, "nowhere.ez")
    assert done.code == 1
    assert all(Path(f"{name}.ez").exists() for name in logs)
    cli.pack("--jobs", "2", "-c", *logs).failed(2, "--jobs")
    cli.pack("--resume", "-o", "x", logs[0]).failed(2, "--resume")


def test_the_bar_counts_files(cli: Any, logs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[int | None, str | None]] = []
    monkeypatch.setattr(Console, "shows_progress", property(lambda self: True))
    monkeypatch.setattr(
        Bar, "show", lambda self, done=None, note=None, **_: shown.append((done, note))
    )
    size = os.path.getsize(logs[0])
    with overall_bar(Console(), "pack", logs) as overall:
        assert overall is not None
        with progress_bar(Console(overall=overall), "pack", logs[0], 100) as advance:
            advance(50)
            assert shown[-1] == (size // 2, "pack 1 of 6")
        overall.ended(logs[0])
        assert shown[-1] == (size, "pack 2 of 6")


def test_two_inputs_never_share_an_output(cli: Any) -> None:
    os.makedirs("x")
    Path("x/f").write_bytes(b"inner")
    Path("f").write_bytes(b"outer")
    os.chdir("x")
    done = cli.pack("-f", "--rm", "--output-dir-mirror", "out", "f", "../f")
    done.failed(1, "../f", "is the output of f already")
    assert not Path("f").exists()
    assert Path("../f").exists()
    assert cli("cat", "out/f.ez").out == b"inner"
    assert cli.pack("-f", "--output-dir-mirror", "out", "../f", "./../f").code == 0


def test_folders_deeper_than_calls(cli: Any) -> None:
    """`os.walk` of Python 3.11 calls itself for each level."""
    depth = 300
    os.makedirs("/".join("d" * depth))
    Path(*"d" * depth, "leaf.txt").write_text("leaf")
    os.symlink("d", "d/d/loop")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = [path for folder, files in batch._folders("d", print) for path in files]
    finally:
        sys.setrecursionlimit(limit)
    assert found == ["leaf.txt"]

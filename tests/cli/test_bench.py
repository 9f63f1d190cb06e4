"""`edgezip bench`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edgezip.cli import bench, bench_worker


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process for each coder: that takes a second each."""

    def measured(job: Any, files: Sequence[str]) -> dict[str, Any]:
        request = {"peer": job.peer, "options": job.options, "files": list(files)}
        request["level"] = job.level
        return bench_worker.measure(request)

    monkeypatch.setattr(bench, "_measured", measured)


def test_every_coder_on_own_files(
    here: None, cli: Any, stories_model: Path, strict_library: Path
) -> None:
    text = b"One day, Lily and Tom went to the big, red park. " * 12
    Path("one.txt").write_bytes(text)
    Path("two.txt").write_bytes(text[:100])
    args = ("bench", "one.txt", "two.txt", "-m", str(stories_model), "-T", "1", "--json")
    rows = {row["coder"]: row for row in cli(*args, "--no-peers").json}
    names = ["edgezip, no model", "edgezip, stories260K", "--coder mix", "--coder plain"]
    assert list(rows) == names
    for row in rows.values():
        assert row["raw_size"] == len(text) + 100
        assert sum(row["packed_sizes"]) == row["packed_size"]
        assert 0 < row["bits_per_byte"] < 4
        assert row["pack_kb_per_s"] > 0 < row["unpack_kb_per_s"]
        assert row["peak_memory"] > 10_000_000


def test_a_process_of_its_own(cli: Any) -> None:
    Path("one.txt").write_bytes(b"The rain in Spain. " * 50)
    (row,) = cli("bench", "one.txt", "-m", "none", "--no-peers", "--json").json
    assert (row["coder"], row["raw_size"]) == ("edgezip, no model", 950)
    assert row["peak_memory"] > 10_000_000


def test_levels(here: None, cli: Any, bundled_model: Path) -> None:
    jobs = bench._jobs(bench.BenchRequest((), peers=False, levels=True))
    assert [job.level for job in jobs if job.level is not None] == list(range(1, 10))
    Path("one.txt").write_bytes(b"The rain in Spain. " * 50)
    first = next(job for job in jobs if job.level == 1)
    found = bench._measured(first, ["one.txt"])
    assert 0 < found["sizes"][0] < 200


def test_peers_and_errors(here: None, cli: Any) -> None:
    Path("one.txt").write_bytes(b"The rain in Spain. " * 50)
    lines = cli("bench", "one.txt", "-m", "none").out.decode().splitlines()
    assert lines[0].split()[:3] == ["coder", "bytes", "bpb"]
    assert [line.split("  ")[0] for line in lines[2:6]] == ["gzip -6", "gzip -9", "xz -6", "xz -9e"]
    cli("bench", "none.txt").failed(1, "no such file")
    cli("bench", ".").failed(1, "is a directory; name the files in it")
    cli("bench", os.devnull).failed(2, "no plain file")
    cli("bench", "-").failed(2, "standard input")
    Path("empty.txt").write_bytes(b"")
    cli("bench", "empty.txt").failed(1, "empty")

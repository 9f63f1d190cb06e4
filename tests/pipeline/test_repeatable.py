"""One input, one archive: whatever the hash seed, locale, time zone, folder, threads, level."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgezip
from bench import repeatable


def test_packs_are_the_same(strict_library: Path) -> None:
    """`python -m bench.repeatable` makes a hundred."""
    found, wrong = repeatable.packs(repeatable.sample(), 3, None)
    assert (len(found), wrong) == (1, 0)


def test_without_a_network(strict_library: Path, tmp_path: Path) -> None:
    """In a network namespace of its own there is nothing but a loopback device that is down."""
    alone = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("needs unshare and the right to use it")
    (tmp_path / "notes.txt").write_bytes(b"A line that needs no network.\n" * 20)
    call = [*alone, sys.executable, "-m", "edgezip", "pack", "-q", "notes.txt"]
    assert subprocess.run(call, cwd=tmp_path, check=False).returncode == 0
    packed = (tmp_path / "notes.txt.ez").read_bytes()
    assert edgezip.decompress(packed) == (tmp_path / "notes.txt").read_bytes()

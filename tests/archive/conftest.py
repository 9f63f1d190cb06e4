"""A folder to be packed, and what is decoded of an archive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgezip.pipeline import content
from tests.archive.tars import NOISE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of files of several kinds, with links, modes and times."""
    root = tmp_path / "tree"
    (root / "deep" / ("d" * 120)).mkdir(parents=True)
    (root / "a.txt").write_bytes(b"some words in a text\n" * 30)
    (root / "deep" / "b.py").write_bytes(b"def f():\n    return 1\n" * 20)
    (root / "full.bin").write_bytes(NOISE[:1024])
    (root / "empty").write_bytes(b"")
    (root / "deep" / ("d" * 120) / os.fsdecode(b"odd\xff\n")).write_bytes(b"odd")
    os.link(root / "a.txt", root / "deep" / "hard.txt")
    os.symlink("deep/b.py", root / "link")
    os.chmod(root / "full.bin", 0o4751)
    os.chmod(root / "deep", 0o750)
    os.utime(root / "a.txt", ns=(5, 1_600_000_000_123_456_789))
    os.utime(root / "deep", (0, 7))
    return root


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each frame that is decoded from now on."""
    sizes: list[int] = []
    real = content.decode_frame

    def counting(frame, context):  # type: ignore[no-untyped-def]
        sizes.append(frame.raw_size)
        return real(frame, context)

    monkeypatch.setattr(content, "decode_frame", counting)
    return sizes

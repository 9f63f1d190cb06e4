"""Threads that read members of one archive at the same time."""

from __future__ import annotations

import io
import threading

import pytest

import edgezip


def test_threads_share_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is stopped between going to a place and reading there reads where it was."""
    blob = io.BytesIO()
    with edgezip.Archive(blob, "w", model="none") as written:
        for number in range(9):
            written.add_bytes(f"{number}", bytes([number]) * 5000, mtime=1)
    archive = edgezip.Archive(io.BytesIO(blob.getvalue()))
    wrong: list[str] = []
    first, second = archive.open("1"), archive.open("2")
    content = archive._content
    seek = content.seek

    def other() -> None:
        if second.read(3000) != bytes([2]) * 3000:
            wrong.append("other")

    def seek_and_wait(*arguments: int) -> int:
        monkeypatch.undo()
        place: int = seek(*arguments)
        thread = threading.Thread(target=other)
        thread.start()
        threads.append(thread)
        thread.join(0.2)
        return place

    threads: list[threading.Thread] = []
    monkeypatch.setattr(content, "seek", seek_and_wait)
    assert first.read() == bytes([1]) * 5000
    for thread in threads:
        thread.join()
    assert threads
    assert not wrong
    assert first.seek(-1, 2) == 4999
    assert first.read() == b"\1"
    archive.close()

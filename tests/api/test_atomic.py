"""Output files come into being complete, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from edgezip import InputError, atomic
from edgezip.atomic import AtomicFile


def test_invisible_until_committed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with AtomicFile(path) as output:
        output.file.write(b"content")
        (temporary,) = tmp_path.iterdir()
        assert temporary.name != "out"
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        output.commit()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert path.read_bytes() == b"content"


def test_nothing_stays_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyError), AtomicFile(tmp_path / "out") as output:
        output.file.write(b"content")
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_nothing_stays_after_an_interrupt_while_it_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def interrupted(*args: Any, **kwargs: Any) -> int:
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        AtomicFile(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_interrupted_program_removes_all(tmp_path: Path) -> None:
    first, second = AtomicFile(tmp_path / "a"), AtomicFile(tmp_path / "b")
    assert len(list(tmp_path.iterdir())) == 2
    atomic.remove_unfinished()
    assert not list(tmp_path.iterdir())
    first.discard()
    second.discard()


@pytest.mark.parametrize("code", [None, errno.EPERM, errno.EOPNOTSUPP])
def test_another_file_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    """Also on file systems without hard links."""

    def refuse(*args: Any) -> None:
        raise OSError(code, "no links here")

    if code is not None:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "out"
    with AtomicFile(path) as output:
        path.write_bytes(b"other")
        with pytest.raises(InputError):
            output.commit()
    assert path.read_bytes() == b"other"
    path.unlink()
    with AtomicFile(path) as output:
        output.file.write(b"mine")
        output.commit()
    assert path.read_bytes() == b"mine"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_overwriting_replaces_the_link_not_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"target")
    os.symlink(target, tmp_path / "link")
    with AtomicFile(tmp_path / "link", overwrite=True) as output:
        output.file.write(b"new")
        output.commit()
    assert target.read_bytes() == b"target"
    assert (tmp_path / "link").read_bytes() == b"new"


def test_dangling_link_exists(tmp_path: Path) -> None:
    os.symlink("nowhere", tmp_path / "link")
    with pytest.raises(InputError):
        AtomicFile(tmp_path / "link")


def test_full_disk_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError), AtomicFile(tmp_path / "out") as output:
        output.file.write(b"content")
        output.commit()
    assert not list(tmp_path.iterdir())


def test_group_is_not_widened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the group cannot be kept, another group must not get its permissions."""

    def refuse(*args: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    model = tmp_path / "model"
    model.write_bytes(b"")
    os.chmod(model, 0o674)
    with AtomicFile(tmp_path / "out") as output:
        output.commit(like=model.stat())
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o644

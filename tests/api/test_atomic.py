"""Output files come into being complete, or not at all."""

from __future__ import annotations

import errno
import os
import re
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
    with pytest.raises(KeyError), AtomicFile(tmp_path / "out") as output:  # noqa: PT012
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
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "out")
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


REFUSALS = [
    errno.EACCES, errno.EPERM, errno.EXDEV, errno.ENOTTY, errno.EINVAL, errno.EPROTO, errno.ENOSYS,
    errno.EOPNOTSUPP, errno.EMLINK, errno.ELOOP, errno.EROFS, errno.EBADF,
]  # fmt: skip
FATAL = [errno.ENOSPC, errno.EDQUOT, errno.EIO]


def refuse(monkeypatch: pytest.MonkeyPatch, code: int, *names: str) -> None:
    """Make calls of `os` fail with `code`."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(code, os.strerror(code))

    for name in names:
        monkeypatch.setattr(os, name, fail)


def write(path: Path, *, overwrite: bool = False) -> list[str]:
    like = path.parent.stat()
    with AtomicFile(path, overwrite=overwrite) as output:
        output.file.write(b"content")
        return output.commit(like)


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_content_arrives_whatever_the_file_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, overwrite: bool
) -> None:
    """FAT, exFAT, CIFS and FUSE refuse one or the other; metadata is a warning."""
    path = tmp_path / "out"
    for names, told in (
        (["fchmod", "chmod"], "permissions"),
        (["fchown", "chown"], None),
        (["fsync"], "power"),
        (["link"], None),
        (["link", "fsync", "fchmod", "fchown"], "permissions"),
    ):
        if overwrite:
            path.write_bytes(b"older")
        with monkeypatch.context() as patch:
            refuse(patch, code, *names)
            problems = write(path, overwrite=overwrite)
        assert path.read_bytes() == b"content"
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        assert told is None or told in " ".join(problems), names
        assert bool(told) == bool(problems)
        path.unlink()


def test_times_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.utime

    def fail(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", fail)
    monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, fail})
    (problem,) = write(tmp_path / "out")
    assert problem == "its times could not be kept: Operation not permitted"
    assert real is not os.utime
    assert (tmp_path / "out").read_bytes() == b"content"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_system_that_does_not_rename_over_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    path = tmp_path / "out"
    if overwrite:
        path.write_bytes(b"older")
    refuse(monkeypatch, errno.EPERM, "link", "replace", "rename")
    os.chmod(tmp_path, 0o751)
    assert write(path, overwrite=overwrite) == []
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    if not overwrite:
        with pytest.raises(InputError):
            AtomicFile(path)


@pytest.mark.parametrize("code", FATAL)
@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_full_or_broken_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: str
) -> None:
    path = tmp_path / "out"
    if call == "replace":
        path.write_bytes(b"older")
    refuse(monkeypatch, code, call)
    with pytest.raises(OSError, match=re.escape(os.strerror(code))) as caught:
        write(path, overwrite=call == "replace")
    assert caught.value.errno == code
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"older"] * (call == "replace")


def test_what_gets_no_name_at_all_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort: hours of work are not deleted because a name cannot be given."""
    refuse(monkeypatch, errno.EPERM, "link", "replace")
    real = os.open
    with AtomicFile(tmp_path / "out") as output:
        output.file.write(b"content")
        refuse(monkeypatch, errno.EACCES, "open")
        with pytest.raises(InputError, match="the complete output is in"):
            output.commit()
        monkeypatch.setattr(os, "open", real)
    atomic.remove_unfinished()
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(".edgezip-")
    assert kept.read_bytes() == b"content"


def test_short_names_where_long_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MS-DOS file systems, and encrypted ones that take 143 bytes."""
    real = os.open
    seen = []

    def picky(name: Any, *args: Any, **kwargs: Any) -> int:
        base = os.path.basename(name)
        seen.append(base)
        if len(base) > 12:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", picky)
    assert write(tmp_path / "out") == []
    assert len(seen[1]) <= 12
    assert seen[1].endswith(".tmp")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("trick", ["link", "file", "hard link", "gone"])
def test_a_temporary_file_that_somebody_exchanged(
    tmp_path: Path, trick: str, overwrite: bool
) -> None:
    """In a directory that others can write, the victim keeps its rights and its content, and the
    output is what was written."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"secret")
    os.chmod(victim, 0o600)
    folder = tmp_path / "shared"
    folder.mkdir()
    if overwrite:
        (folder / "out").write_bytes(b"older")
    with AtomicFile(folder / "out", overwrite=overwrite) as output:
        output.file.write(b"content")
        (temporary,) = folder.glob(".edgezip-*")
        temporary.unlink()
        if trick == "link":
            temporary.symlink_to(victim)
        elif trick == "hard link":
            os.link(victim, temporary)
        elif trick == "file":
            temporary.write_bytes(b"another content")
        assert output.commit() == []
    assert victim.read_bytes() == b"secret"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert victim.stat().st_nlink == 1
    assert (folder / "out").read_bytes() == b"content"
    assert not (folder / "out").is_symlink()
    assert [p.name for p in folder.iterdir()] == ["out"]


def test_an_exchange_in_the_last_moment_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def exchanged(source: str, target: str) -> None:
        os.unlink(source)
        Path(source).write_bytes(b"other content, longer")
        real(source, target)

    monkeypatch.setattr(os, "link", exchanged)
    with AtomicFile(tmp_path / "out") as output:
        output.file.write(b"content")
        with pytest.raises(InputError, match="exchanged"):
            output.commit()


def test_unstable_inode_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems number one file differently at every look."""
    real = os.lstat
    numbers = iter(range(1 << 40, 1 << 41))

    def other(name: Any) -> os.stat_result:
        found = list(real(name))
        found[stat.ST_INO] = next(numbers)
        times = {"st_mtime_ns": real(name).st_mtime_ns}
        return os.stat_result(found, times)

    monkeypatch.setattr(os, "lstat", other)
    copied = []
    monkeypatch.setattr(AtomicFile, "_fill", lambda *args: copied.append(args))
    assert write(tmp_path / "out") == []
    assert (tmp_path / "out").read_bytes() == b"content"
    assert not copied


def test_another_working_directory_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    with AtomicFile("out") as output:
        output.file.write(b"content")
        monkeypatch.chdir(tmp_path)
        output.commit()
    assert (tmp_path / "a" / "out").read_bytes() == b"content"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_rights_are_set_through_the_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, errno.EPERM, "chmod", "chown", "lchown")
    assert write(tmp_path / "out") == []
    with AtomicFile(tmp_path / "new") as output:
        assert output.commit() == []


def test_a_temporary_name_that_stays_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directories may be append-only."""
    with monkeypatch.context() as patch:
        refuse(patch, errno.EPERM, "unlink", "remove")
        (problem,) = write(tmp_path / "out")
    assert "could not be removed" in problem
    assert (tmp_path / "out").read_bytes() == b"content"


def test_a_name_that_can_be_neither_replaced_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is mounted into a container: it is written over."""
    path = tmp_path / "out"
    path.write_bytes(b"older and longer")
    number = path.stat().st_ino
    real = os.unlink

    def busy(name: Any, *args: Any, **kwargs: Any) -> None:
        if os.path.basename(name) == "out":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        real(name, *args, **kwargs)

    refuse(monkeypatch, errno.EBUSY, "replace")
    monkeypatch.setattr(os, "unlink", busy)
    assert write(path, overwrite=True) == []
    assert (path.read_bytes(), path.stat().st_ino) == (b"content", number)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]

"""Archives give back what went in, member by member, and decode no more than that takes."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

import edgezip
from edgezip.archive.names import Selection, member_name, stripped
from edgezip.errors import FormatError, InputError, SettingsError
from tests.archive.tars import extracts, many

pytestmark = extracts


def look(root: Path) -> dict[str, tuple[object, ...]]:
    """What there is below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        what: object = os.readlink(path) if path.is_symlink() else b""
        if path.is_file() and not path.is_symlink():
            what = path.read_bytes()
        mode = status.st_mode & 0o170777
        found[str(path.relative_to(root))] = (mode, status.st_mtime_ns, what, status.st_nlink)
    return found


def test_a_folder_comes_back_with_modes_links_and_times(tree: Path, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "x")
    if hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(tree / "a.txt", "user.note", b"\xffbytes")
            os.setxattr(tree / "a.txt", "user.a=b%3D", b"odd")
    with edgezip.Archive(tmp_path / "x.tar.ez", "w", model="none") as archive:
        archive.add(tree, "tree")
    with edgezip.Archive(tmp_path / "x.tar.ez") as archive:
        assert archive.names() == sorted(archive.names(), key=lambda name: name.split("/"))
        assert archive.extract(tmp_path / "back") == len(archive.names()) == 10
    before, after = look(tree), look(tmp_path / "back" / "tree")
    # Everything but set-uid bits and, of links, nothing.
    assert after == before
    if hasattr(os, "listxattr") and os.listxattr(tree / "a.txt"):
        assert os.getxattr(tmp_path / "back/tree/a.txt", "user.note") == b"\xffbytes"
        assert os.getxattr(tmp_path / "back/tree/a.txt", "user.a=b%3D") == b"odd"


def test_listing_decodes_nothing_and_a_member_only_its_frame(
    decoded: list[int],
) -> None:
    packed = many()
    file = io.BytesIO(packed)
    with edgezip.open(file) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        assert len(tar.getnames()) == 100
    assert not decoded
    file.seek(0)
    with edgezip.open(file) as stream, tarfile.open(fileobj=stream) as tar:
        assert len(tar.getnames()) == 100
    assert sum(decoded) <= 16 << 10  # what tarfile looks at to see that nothing is compressed
    decoded.clear()
    file.seek(0)
    with edgezip.Archive(file) as archive:
        assert "log/042.log" in archive
        assert not decoded
        assert archive.read("log/042.log").startswith(b"line 42 ")
        assert archive.members()[42].mtime == 42
    assert len(decoded) == 1
    assert decoded[0] <= 16 << 10


def test_folders_deeper_than_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 200
    os.makedirs("a/" + "/".join("d" * depth))
    Path("a", *"d" * depth, "leaf").write_bytes(b"leaf")
    packed = io.BytesIO()
    limit = sys.getrecursionlimit()
    with edgezip.Archive(packed, "w", model="none") as archive:
        sys.setrecursionlimit(len(inspect.stack(0)) + depth // 2)
        try:
            archive.add("a")
        finally:
            sys.setrecursionlimit(limit)
    packed.seek(0)
    with edgezip.Archive(packed) as archive:
        assert archive.names() == ["a"] + [f"a{'/d' * i}" for i in range(1, depth + 1)] + [
            f"a{'/d' * depth}/leaf"
        ]
        archive.extract("out")
    assert Path("out", "a", *"d" * depth, "leaf").read_bytes() == b"leaf"


def test_names_and_selections() -> None:
    assert member_name("../a/./b//c") == "a/b/c"
    assert member_name("/etc/x") == "etc/x"
    assert member_name(".") == ""
    assert stripped("a/b/c", 2) == "c"
    assert stripped("a/b", 2) is None
    select = Selection(["docs", "*.py", "nothing"], ["*.tmp", "docs/old"])
    names = ["docs/a", "docs/old/b", "docs/x.tmp", "a/b/c.py", "other"]
    assert [name for name in names if select(name)] == ["docs/a", "a/b/c.py"]
    assert select.missing == ["nothing"]


def test_an_archive_of_nothing() -> None:
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", model="none"):
        pass
    packed.seek(0)
    with edgezip.Archive(packed) as archive:
        assert archive.names() == []


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        edgezip.Archive(tmp_path / "x", "a")  # type: ignore[arg-type]
    (tmp_path / "there").write_bytes(b"")
    with pytest.raises(InputError):
        edgezip.Archive(tmp_path / "there", "x")
    with pytest.raises(FileNotFoundError), edgezip.Archive(tmp_path / "y", "w") as archive:
        archive.add(tmp_path / "nothing")
    assert not (tmp_path / "y").exists()
    with pytest.raises(FormatError, match="tar"):
        edgezip.Archive(io.BytesIO(edgezip.compress(b"no tar" * 200, model="none")))
    with edgezip.Archive(io.BytesIO(many(3))) as archive:
        with pytest.raises(KeyError):
            archive.open("log/9")
        with pytest.raises(KeyError):
            archive.extract(tmp_path / "to", ["log/9"])
        with pytest.raises(SettingsError):
            archive.add(tmp_path)
    with pytest.raises(ValueError, match="closed archive"):
        archive.read("log/000.log")


def test_what_is_there_stays_where_a_link_cannot_be_made(tmp_path: Path) -> None:
    """Its target is longer than any file system takes; the file of that name was removed first."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:
        for name, target in (("keep", "x" * 5000), ("link", "keep")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    for name in ("keep", "link"):
        (tmp_path / name).write_text("precious")
    packed = edgezip.compress(blob.getvalue(), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        told: list[str] = []
        archive.extract(tmp_path, overwrite=True, report=lambda name, _: told.append(name))
    assert told == ["keep"]
    assert (tmp_path / "keep").read_text() == "precious"
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["keep", "link"]


def test_a_tar_with_members_of_one_name(tmp_path: Path) -> None:
    """What was there before is not replaced for that, nor what another name left."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:

        def add(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, 0 if kind == tarfile.SYMTYPE else len(content)
            info.linkname = content.decode() if kind == tarfile.SYMTYPE else ""
            tar.addfile(info, io.BytesIO(content))

        add("a", b"first")
        add("b", b"a", tarfile.SYMTYPE)
        add("c", b"only")
        add("sub/d", b"one")
        add("./a", b"second")
        add("b", b"no link")
        add("c", b"a", tarfile.SYMTYPE)
        add("other/d", b"two")
    packed = edgezip.compress(blob.getvalue(), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        names = ["./a", "b", "c", "other/d", "sub/d"]
        assert archive.names() == names
        assert [archive.read(name) for name in names[:4]] == [
            b"second",
            b"no link",
            b"second",
            b"two",
        ]
        assert archive.read("a") == b"second"
        assert archive.extract(tmp_path / "out") == 5
        told: list[str] = []
        archive.extract(tmp_path / "out", report=lambda name, _: told.append(name))
        assert told == ["a", "b", "c", "sub/d", "./a", "b", "c", "other/d"]
        told.clear()
        assert archive.extract(tmp_path / "flat", ["*/d"], strip=1,
                               report=lambda name, _: told.append(name)) == 1  # fmt: skip
        assert told == ["other/d"]
    assert (tmp_path / "out/a").read_bytes() == b"second"
    assert (tmp_path / "out/b").read_bytes() == b"no link"
    assert os.readlink(tmp_path / "out/c") == "a"
    assert (tmp_path / "flat/d").read_bytes() == b"one"
